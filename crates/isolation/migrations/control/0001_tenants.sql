-- What a limited operator's transaction says of him: the tenants that he reaches, and who he is. Where it says nothing,
-- he reaches nothing. Policies call them in a subselect, so that they are asked once for a statement.
create function reach() returns uuid[] language sql stable parallel safe
    as $$ select nullif(current_setting('tenantry.only_tenants', true), '')::uuid[] $$;
create function limited_operator() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('tenantry.operator', true), '')::uuid $$;

-- What the platform knows about its tenants. A tenant's own requests see one row: their own.
create table tenants (
    id                    uuid primary key,
    name                  text not null,
    slug                  text not null,
    status                text not null check (status in
        ('provisioning', 'trial', 'active', 'suspended', 'canceled', 'deleting', 'deleted', 'failed')),
    plan                  text not null,
    billing_cycle         text not null check (billing_cycle in ('monthly', 'yearly')),
    isolation_strategy    text not null check (isolation_strategy in
        ('shared_database', 'schema_per_tenant', 'database_per_tenant')),
    custom_domain         text,
    region                text,
    -- Only what differs from the plan; the plan's own features and limits come from the catalogue.
    feature_overrides     jsonb not null default '{}',
    limit_overrides       jsonb not null default '{}',
    settings              jsonb not null default '{}',
    version               bigint not null default 1,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    trial_ends_at         timestamptz,
    suspended_at          timestamptz,
    suspension_reason     text,
    canceled_at           timestamptz,
    subscription_ends_at  timestamptz,
    deletion_requested_at timestamptz,
    purge_at              timestamptz,
    deleted_at            timestamptz,
    -- How much of the product is open to it, as far as that depends on whether it is paid for.
    access                text not null default 'full' check (access in ('full', 'read_only', 'billing_only')),
    -- What a suspended, canceled or deleting tenant returns to in the end; null once it cannot return.
    resume_status         text check (resume_status in ('trial', 'active'))
);
-- Lists leave removed tenants out, so that their tombstones do not lie in the way of a page.
create index tenants_by_creation on tenants (created_at, id) where status <> 'deleted';
create index tenants_by_name on tenants (lower(name), id) where status <> 'deleted';
create index tenants_by_status on tenants (status, created_at, id);
create index tenants_by_plan on tenants (plan, created_at, id) where status <> 'deleted';
create index tenants_by_strategy on tenants (isolation_strategy, created_at, id) where status <> 'deleted';
-- Searching by how a name or slug begins.
create index tenants_by_name_start on tenants (lower(name) text_pattern_ops) where status <> 'deleted';
create index tenants_by_slug_start on tenants (slug text_pattern_ops) where status <> 'deleted';
create index tenants_by_trial_end on tenants (trial_ends_at, id) where status = 'trial';
create index tenants_by_subscription_end on tenants (subscription_ends_at, id) where subscription_ends_at is not null;
create index tenants_by_purge on tenants (purge_at) where status = 'deleting';

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_wall on tenants to tenantry_app
    using (id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on tenants to tenantry_platform using (true) with check (true);
grant select on tenants to tenantry_app;
-- A tenant may change how it is called and its settings, nothing else about itself.
grant update (name, settings, version, updated_at) on tenants to tenantry_app;
grant select, insert, update, delete on tenants to tenantry_platform;
create policy limited on tenants to tenantry_limited using (id = any ((select reach())::uuid[]));
grant select, update on tenants to tenantry_limited;

-- Every slug that cannot be claimed: in use, redirecting to a renamed tenant, or in quarantine.
create table slugs (
    slug           text primary key,
    tenant_id      uuid not null,
    redirect_until timestamptz,
    claimable_at   timestamptz,
    -- In use: both null. Given up: claimable from then on, redirecting until then at most.
    check (redirect_until is null or claimable_at is not null)
);
create index slugs_by_tenant on slugs (tenant_id);
create index slugs_by_release on slugs (claimable_at) where claimable_at is not null;
alter table slugs enable row level security;
alter table slugs force row level security;
create policy platform on slugs to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on slugs to tenantry_platform;
-- A slug whose quarantine is over is nobody's.
create policy limited on slugs to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[]) or claimable_at <= now()) with check (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on slugs to tenantry_limited;

-- Proof that a tenant was removed: signed with a key that the database does not hold.
create table deletion_records (
    tenant_id  uuid primary key,
    record     text not null,
    signature  bytea not null,
    created_at timestamptz not null
);
alter table deletion_records enable row level security;
alter table deletion_records force row level security;
create policy platform on deletion_records to tenantry_platform using (true) with check (true);
grant select, insert on deletion_records to tenantry_platform;
create policy limited on deletion_records to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on deletion_records to tenantry_limited;
