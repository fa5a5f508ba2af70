-- How much a tenant has of what is limited, kept by the transactions that change it, so that knowing it costs one row
-- however much there is, and of two transactions that take the last unit the second one waits for the first.
create table holdings (
    tenant_id  uuid primary key,
    projects   bigint not null default 0 check (projects >= 0),
    file_bytes bigint not null default 0 check (file_bytes >= 0),
    -- Raised with every change: of two readings the one with the greater version is the later.
    version    bigint not null default 1
);
alter table holdings enable row level security;
alter table holdings force row level security;
create policy tenant_wall on holdings
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
