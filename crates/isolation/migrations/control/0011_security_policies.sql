-- What a tenant demands at its door. A tenant without a row demands nothing beyond the product's own rules.
create table security_policies (
    tenant_id              uuid primary key references tenants (id),
    mfa_required           boolean not null,
    -- Networks from which its callers may come; empty: from everywhere.
    ip_allow_list          cidr[] not null,
    -- Origins whose pages may read answers (CORS).
    allowed_origins        text[] not null,
    session_idle_minutes   integer not null,
    session_lifetime_hours integer not null,
    version                bigint not null,
    updated_at             timestamptz not null
);
alter table security_policies enable row level security;
alter table security_policies force row level security;
create policy tenant_wall on security_policies to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on security_policies to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on security_policies to tenantry_app;
grant select, insert, update, delete on security_policies to tenantry_platform;
create policy limited on security_policies to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on security_policies to tenantry_limited;
