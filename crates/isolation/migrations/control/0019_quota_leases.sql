-- The nodes that count usage, and when each was last heard of, by the database's clock.
create table metering_nodes (
    node    uuid primary key,
    seen_at timestamptz not null
);
grant select, insert, update, delete on metering_nodes to tenantry_platform;

-- What a node may use of a quota, or has used and not written yet, while there are several nodes. Whoever leases holds the
-- advisory lock `quota_leases` of the tenant, so that what is used, what is leased and what is left fit together.
create table quota_leases (
    tenant_id  uuid not null,
    metric     text not null,
    bucket     text not null check (bucket in ('day', 'month', 'daily', 'monthly', 'total')),
    starts_at  timestamptz not null,
    node       uuid not null,
    amount     bigint not null check (amount >= 0),
    -- From then on the node is dead, and what it held is free. By the database's clock.
    expires_at timestamptz not null,
    primary key (tenant_id, metric, bucket, starts_at, node)
);
create index quota_leases_by_node on quota_leases (node);
create index quota_leases_by_age on quota_leases (expires_at);
alter table quota_leases enable row level security;
alter table quota_leases force row level security;
create policy tenant_wall on quota_leases to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on quota_leases to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on quota_leases to tenantry_platform;
create policy limited on quota_leases to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
