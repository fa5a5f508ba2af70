-- Where each tenant's data lives. Names of schemas, databases and roles follow from the tenant's uuid.
create table stores (
    tenant_id      uuid primary key,
    strategy       text not null check (strategy in
        ('shared_database', 'schema_per_tenant', 'database_per_tenant')),
    placement      text not null,
    schema_version bigint not null,
    created_at     timestamptz not null
);
create index stores_by_version on stores (schema_version, tenant_id) where strategy <> 'shared_database';
alter table stores enable row level security;
alter table stores force row level security;
create policy platform on stores to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on stores to tenantry_platform;
create policy limited on stores to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on stores to tenantry_limited;

-- Stores of their own that a node may have written to since it last drained their outbox. After a crash this is
-- the list of outboxes to look into, instead of all of them.
create table active_stores (
    tenant_id uuid not null,
    node_id   uuid not null,
    seen_at   timestamptz not null,
    primary key (tenant_id, node_id)
);
create index active_stores_by_age on active_stores (seen_at);
alter table active_stores enable row level security;
alter table active_stores force row level security;
create policy platform on active_stores to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on active_stores to tenantry_platform;

-- What caches must forget, for nodes that cannot LISTEN (behind a transaction pooler).
create table changes (
    id    bigint generated always as identity primary key,
    topic text not null,
    key   text not null,
    at    timestamptz not null default clock_timestamp()
);
create index changes_by_time on changes (at);
grant select, insert, delete on changes to tenantry_platform;
grant insert on changes to tenantry_app;
grant insert on changes to tenantry_limited;

-- Answers already given, so that a repeated request gets the same one.
create table idempotency_keys (
    tenant_id   uuid not null,
    key         text not null,
    fingerprint bytea not null,
    status      smallint not null,
    location    text,
    etag        text,
    -- Sealed: an answer may hold a secret that is shown once.
    body        bytea not null,
    created_at  timestamptz not null,
    primary key (tenant_id, key)
);
comment on column idempotency_keys.tenant_id is 'the tenant; for platform operators the nil uuid; for a limited one himself';
create index idempotency_keys_by_age on idempotency_keys (tenant_id, created_at);
alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy tenant_wall on idempotency_keys to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on idempotency_keys to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on idempotency_keys to tenantry_app;
grant select, insert, update, delete on idempotency_keys to tenantry_platform;
-- Of operators, only his own.
create policy limited on idempotency_keys to tenantry_limited using (tenant_id = (select limited_operator()));
grant select, insert, update, delete on idempotency_keys to tenantry_limited;
