-- Host names that tenants bring, as A-labels. One row a name, so that the database decides who holds it. A
-- released name stays until it may be claimed again, so that nobody takes over a name whose DNS still points here.
create table custom_domains (
    domain             text primary key,
    tenant_id          uuid not null,
    id                 uuid not null,
    status             text not null check (status in ('pending', 'verified', 'released')),
    verification_token text not null,
    created_at         timestamptz not null,
    verified_at        timestamptz,
    claimable_at       timestamptz,
    check ((status = 'released') = (claimable_at is not null))
);
create index custom_domains_by_tenant on custom_domains (tenant_id, domain);
create index custom_domains_by_release on custom_domains (claimable_at) where claimable_at is not null;
alter table custom_domains enable row level security;
alter table custom_domains force row level security;
create policy tenant_wall on custom_domains to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on custom_domains to tenantry_platform using (true) with check (true);
grant select on custom_domains to tenantry_app;
grant select, insert, update, delete on custom_domains to tenantry_platform;
-- A name whose quarantine is over is nobody's.
create policy limited on custom_domains to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[]) or claimable_at <= now()) with check (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on custom_domains to tenantry_limited;
