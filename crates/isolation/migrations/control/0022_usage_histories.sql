-- How far back a tenant's usage is kept by the hour and the day, where its plan says less than the installation.
create table usage_histories (
    tenant_id  uuid primary key references tenants (id),
    -- As the plan and the tenant's own limit have it.
    days       bigint not null check (days >= 0),
    -- Since when it is not more than that.
    since      timestamptz not null,
    -- Of what began before this nothing is left.
    kept_from  timestamptz not null
);
alter table usage_histories enable row level security;
alter table usage_histories force row level security;
create policy tenant_wall on usage_histories to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_histories to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on usage_histories to tenantry_platform;
create policy limited on usage_histories to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
