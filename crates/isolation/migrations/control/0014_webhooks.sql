-- Where news are sent to: endpoints of tenants, and the platform's own, which have no tenant and hear of every tenant.
create table webhook_endpoints (
    id            uuid primary key,
    tenant_id     uuid references tenants (id),
    -- The tenant, or nobody in particular: what is equal to itself.
    owner         uuid not null generated always as (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000')) stored,
    url           text not null,
    description   text not null,
    -- The types that it hears of; none: all.
    event_types   text[] not null,
    status        text not null check (status in ('active', 'disabled')),
    -- Why it is disabled: by its owner, because nothing got through for days, or because it said that it is gone (410).
    reason        text check (reason in ('owner', 'failing', 'gone')),
    secret_sealed bytea not null,
    -- The secret before it, which signs too until then.
    former_sealed bytea,
    former_until  timestamptz,
    -- Since when nothing got through; null while something does.
    failing_since timestamptz,
    -- When the next attempt is due; null where nothing waits.
    due_at        timestamptz,
    -- Until when it asked to be left alone.
    held_until    timestamptz,
    -- Until when one node delivers to it.
    lease_until   timestamptz,
    version       bigint not null default 1,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    check ((status = 'disabled') = (reason is not null)),
    check ((former_sealed is null) = (former_until is null))
);
create index webhook_endpoints_by_owner on webhook_endpoints (owner, id);
create index webhook_endpoints_due on webhook_endpoints (due_at) where due_at is not null and status = 'active';
alter table webhook_endpoints enable row level security;
alter table webhook_endpoints force row level security;
create policy tenant_wall on webhook_endpoints to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on webhook_endpoints to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on webhook_endpoints to tenantry_app;
grant select, insert, update, delete on webhook_endpoints to tenantry_platform;
create policy limited on webhook_endpoints to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on webhook_endpoints to tenantry_limited;

-- What happened, written in the transaction in which it did. `spread` once its deliveries are made.
create table webhook_events (
    id         uuid primary key,
    tenant_id  uuid,
    type       text not null,
    -- The body as it is sent and signed.
    body       text not null,
    spread     boolean not null default false,
    created_at timestamptz not null
);
create index webhook_events_new on webhook_events (id) where not spread;
create index webhook_events_by_age on webhook_events (created_at);
create index webhook_events_by_tenant on webhook_events (tenant_id);
alter table webhook_events enable row level security;
alter table webhook_events force row level security;
create policy tenant_wall on webhook_events to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on webhook_events to tenantry_platform using (true) with check (true);
grant select, insert on webhook_events to tenantry_app;
grant select, insert, update, delete on webhook_events to tenantry_platform;
create policy limited on webhook_events to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on webhook_events to tenantry_limited;

-- What is sent to one endpoint about one event.
create table webhook_deliveries (
    id              uuid primary key,
    -- The endpoint's.
    tenant_id       uuid,
    endpoint_id     uuid not null references webhook_endpoints (id) on delete cascade,
    event_id        uuid not null references webhook_events (id),
    status          text not null check (status in ('pending', 'delivered', 'failed')),
    -- Attempts since it was made or last replayed.
    attempts        integer not null default 0,
    next_attempt_at timestamptz,
    -- The last attempts, oldest first: number, at, status, latencyMs, error, response.
    history         jsonb not null default '[]',
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    check ((status = 'pending') = (next_attempt_at is not null)),
    constraint webhook_deliveries_once unique (event_id, endpoint_id)
);
create index webhook_deliveries_by_endpoint on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, next_attempt_at) where status = 'pending';
create index webhook_deliveries_failed on webhook_deliveries (endpoint_id, created_at) where status = 'failed';
alter table webhook_deliveries enable row level security;
alter table webhook_deliveries force row level security;
create policy tenant_wall on webhook_deliveries to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on webhook_deliveries to tenantry_platform using (true) with check (true);
grant select, insert, update on webhook_deliveries to tenantry_app;
grant select, insert, update, delete on webhook_deliveries to tenantry_platform;
create policy limited on webhook_deliveries to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on webhook_deliveries to tenantry_limited;
