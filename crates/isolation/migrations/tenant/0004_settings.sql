create table settings (
    tenant_id  uuid not null,
    key        text not null,
    value      jsonb not null,
    version    bigint not null default 1,
    updated_at timestamptz not null,
    primary key (tenant_id, key)
);
alter table settings enable row level security;
alter table settings force row level security;
create policy tenant_wall on settings
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
