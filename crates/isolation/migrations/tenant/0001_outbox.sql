-- News and work that a change in this store causes in the control plane, written in the change's own transaction.
create table outbox (
    tenant_id  uuid not null,
    seq        bigint generated always as identity,
    id         uuid not null,
    kind       text not null,
    payload    jsonb not null,
    created_at timestamptz not null,
    primary key (tenant_id, seq)
);
create index outbox_in_order on outbox (seq);
alter table outbox enable row level security;
alter table outbox force row level security;
create policy tenant_wall on outbox
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy relay on outbox to tenantry_relay using (true);
grant select, delete on outbox to tenantry_relay;

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
create index idempotency_keys_by_age on idempotency_keys (tenant_id, created_at);
alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy tenant_wall on idempotency_keys
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
