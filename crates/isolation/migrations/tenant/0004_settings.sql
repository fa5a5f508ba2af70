create table settings (
    tenant_id  uuid not null,
    -- Listed in the same order on every server, whatever its locale.
    key        text collate "C" not null,
    value      jsonb not null,
    version    bigint not null default 1,
    updated_at timestamptz not null,
    primary key (tenant_id, key),
    -- jsonb writes numbers out: `1e300` in five bytes becomes 301 digits.
    constraint settings_value_size check (octet_length(value::text) <= 65536)
);
alter table settings enable row level security;
alter table settings force row level security;
create policy tenant_wall on settings
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
