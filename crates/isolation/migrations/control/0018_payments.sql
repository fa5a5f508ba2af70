-- Who a tenant is at its payment provider.
create table provider_customers (
    tenant_id  uuid not null references tenants (id),
    provider   text not null check (provider in ('stripe')),
    reference  text not null,
    livemode   boolean not null,
    created_at timestamptz not null,
    primary key (tenant_id, provider),
    unique (provider, reference)
);
alter table provider_customers enable row level security;
alter table provider_customers force row level security;
create policy tenant_wall on provider_customers to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on provider_customers to tenantry_platform using (true) with check (true);
grant select on provider_customers to tenantry_app;
grant select, insert, update, delete on provider_customers to tenantry_platform;
create policy limited on provider_customers to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on provider_customers to tenantry_limited;

-- Every call that changes something at a provider, written before it is made: a retry after a crash sends the same
-- idempotency key. Charges and refunds have their own tables below, with the same columns.
create table provider_calls (
    id              uuid primary key,
    tenant_id       uuid not null references tenants (id),
    provider        text not null,
    operation       text not null,
    -- What the call is about; one open or done call an operation and subject.
    subject         text not null,
    idempotency_key text not null unique,
    status          text not null check (status in ('created', 'sent', 'succeeded', 'failed')),
    reference       text,
    request_id      text,
    error           text,
    created_at      timestamptz not null,
    sent_at         timestamptz,
    settled_at      timestamptz
);
create unique index provider_calls_subject on provider_calls (tenant_id, provider, operation, subject)
    where status <> 'failed';
create index provider_calls_settled on provider_calls (settled_at) where status in ('succeeded', 'failed');
alter table provider_calls enable row level security;
alter table provider_calls force row level security;
create policy tenant_wall on provider_calls to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on provider_calls to tenantry_platform using (true) with check (true);
grant select, insert, update on provider_calls to tenantry_app;
grant select, insert, update, delete on provider_calls to tenantry_platform;
create policy limited on provider_calls to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on provider_calls to tenantry_limited;

-- What a tenant can pay with.
create table payment_methods (
    id         uuid primary key,
    tenant_id  uuid not null references tenants (id),
    provider   text not null check (provider in ('ledger', 'stripe')),
    -- The provider's word: `card`, `sepa_debit`; the ledger's: `bank_transfer`, `manual`.
    kind       text not null check (kind ~ '^[a-z][a-z0-9_]{0,39}$'),
    reference  text,
    -- What people recognise it by; never a whole number.
    label      text not null check (char_length(label) between 1 and 200),
    brand      text,
    last4      text,
    exp_month  smallint,
    exp_year   smallint,
    is_default boolean not null,
    removed_at timestamptz,
    -- When what is written here was asked for at the provider; what was asked for earlier does not overwrite it.
    seen_at    timestamptz,
    version    bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (provider, reference)
);
create unique index payment_methods_default on payment_methods (tenant_id) where is_default and removed_at is null;
create index payment_methods_by_tenant on payment_methods (tenant_id, id);
alter table payment_methods enable row level security;
alter table payment_methods force row level security;
create policy tenant_wall on payment_methods to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on payment_methods to tenantry_platform using (true) with check (true);
grant select, insert, update on payment_methods to tenantry_app;
grant select, insert, update, delete on payment_methods to tenantry_platform;
create policy limited on payment_methods to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on payment_methods to tenantry_limited;

-- Attempts to be paid, each written before the provider is asked. Of the ledger's kind: a payment that somebody recorded.
create table payment_attempts (
    id              uuid primary key,
    tenant_id       uuid not null references tenants (id),
    invoice_id      uuid not null,
    provider        text not null check (provider in ('ledger', 'stripe')),
    method_id       uuid references payment_methods (id),
    -- Who and what is charged, as the provider calls them: a retry must send the very same.
    customer        text,
    method          text,
    amount          bigint not null check (amount > 0),
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    description     text not null,
    idempotency_key text not null unique,
    status          text not null check (status in
        ('created', 'sent', 'unknown', 'processing', 'requires_action', 'succeeded', 'declined', 'canceled', 'failed')),
    reference       text,
    code            text,
    decline_code    text,
    message         text,
    request_id      text,
    created_at      timestamptz not null,
    sent_at         timestamptz,
    looked_at       timestamptz not null,
    seen_at         timestamptz,
    settled_at      timestamptz,
    unique (provider, reference),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id)
);
-- Nobody is charged twice at the same time for the same invoice.
create unique index payment_attempts_open on payment_attempts (invoice_id)
    where status in ('created', 'sent', 'unknown', 'processing', 'requires_action');
create index payment_attempts_by_tenant on payment_attempts (tenant_id, id);
create index payment_attempts_by_invoice on payment_attempts (invoice_id, id);
create index payment_attempts_unsettled on payment_attempts (looked_at)
    where status in ('created', 'sent', 'unknown', 'processing');
alter table payment_attempts enable row level security;
alter table payment_attempts force row level security;
create policy tenant_wall on payment_attempts to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on payment_attempts to tenantry_platform using (true) with check (true);
grant select, insert on payment_attempts to tenantry_app;
grant select, insert, update, delete on payment_attempts to tenantry_platform;
create policy limited on payment_attempts to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on payment_attempts to tenantry_limited;

-- Money that goes back, each written before the provider is asked.
create table refunds (
    id              uuid primary key,
    tenant_id       uuid not null references tenants (id),
    attempt_id      uuid not null references payment_attempts (id),
    provider        text not null check (provider in ('ledger', 'stripe')),
    amount          bigint not null check (amount > 0),
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    reason          text,
    idempotency_key text not null unique,
    status          text not null check (status in
        ('created', 'sent', 'unknown', 'pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
    reference       text,
    code            text,
    message         text,
    request_id      text,
    created_at      timestamptz not null,
    sent_at         timestamptz,
    looked_at       timestamptz not null,
    seen_at         timestamptz,
    settled_at      timestamptz,
    unique (provider, reference)
);
create index refunds_by_attempt on refunds (attempt_id);
create index refunds_by_tenant on refunds (tenant_id, id);
create index refunds_unsettled on refunds (looked_at) where status in ('created', 'sent', 'unknown', 'pending');
alter table refunds enable row level security;
alter table refunds force row level security;
create policy tenant_wall on refunds to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on refunds to tenantry_platform using (true) with check (true);
grant select, insert on refunds to tenantry_app;
grant select, insert, update, delete on refunds to tenantry_platform;
create policy limited on refunds to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on refunds to tenantry_limited;

-- Payments that the payer contests at his bank.
create table disputes (
    id              uuid primary key,
    tenant_id       uuid not null references tenants (id),
    attempt_id      uuid not null references payment_attempts (id),
    provider        text not null,
    reference       text not null,
    amount          bigint not null,
    currency        text not null,
    reason          text not null,
    -- The provider's word: `needs_response`, `under_review`, `won`, `lost`, …
    status          text not null,
    evidence_due_at timestamptz,
    -- How often its money was booked anew: with each change of its status or amount.
    bookings        bigint not null,
    seen_at         timestamptz not null,
    opened_at       timestamptz not null,
    closed_at       timestamptz,
    unique (provider, reference)
);
create index disputes_by_tenant on disputes (tenant_id, id);
alter table disputes enable row level security;
alter table disputes force row level security;
create policy tenant_wall on disputes to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on disputes to tenantry_platform using (true) with check (true);
grant select on disputes to tenantry_app;
grant select, insert, update, delete on disputes to tenantry_platform;
create policy limited on disputes to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on disputes to tenantry_limited;

-- What else a provider keeps for a tenant and somebody may have changed there: subscriptions, invoices, sessions.
create table provider_objects (
    tenant_id  uuid not null references tenants (id),
    provider   text not null,
    reference  text not null,
    kind       text not null,
    status     text not null,
    seen_at    timestamptz not null,
    updated_at timestamptz not null,
    primary key (provider, reference)
);
create index provider_objects_by_tenant on provider_objects (tenant_id);
alter table provider_objects enable row level security;
alter table provider_objects force row level security;
create policy tenant_wall on provider_objects to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on provider_objects to tenantry_platform using (true) with check (true);
grant select on provider_objects to tenantry_app;
grant select, insert, update, delete on provider_objects to tenantry_platform;
create policy limited on provider_objects to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on provider_objects to tenantry_limited;

-- The inbox of providers' webhooks: what came, once each, whether or not anything here knows what it means.
create table provider_events (
    id          uuid primary key,
    provider    text not null,
    reference   text not null,
    type        text not null,
    livemode    boolean not null,
    api_version text,
    object      text,
    payload     jsonb not null,
    status      text not null check (status in ('received', 'applied', 'ignored')),
    -- Why it was ignored.
    note        text,
    created_at  timestamptz not null,
    received_at timestamptz not null,
    looked_at   timestamptz not null,
    applied_at  timestamptz,
    unique (provider, reference)
);
create index provider_events_by_age on provider_events (received_at);
create index provider_events_waiting on provider_events (looked_at) where status = 'received';
grant select, insert, update, delete on provider_events to tenantry_platform;

-- Comparisons of a provider's books with ours, and what differs.
create table reconciliations (
    id          uuid primary key,
    provider    text not null,
    status      text not null check (status in ('running', 'completed', 'failed')),
    from_at     timestamptz not null,
    until_at    timestamptz not null,
    compared    bigint not null,
    differences bigint not null,
    error       text,
    started_at  timestamptz not null,
    finished_at timestamptz
);
grant select, insert, update, delete on reconciliations to tenantry_platform;

create table reconciliation_differences (
    id                uuid primary key,
    reconciliation_id uuid not null references reconciliations (id) on delete cascade,
    kind              text not null,
    object            text not null,
    tenant_id         uuid,
    -- What both sides call it.
    ours_id           text,
    reference         text,
    ours              text,
    theirs            text
);
create index reconciliation_differences_by_run on reconciliation_differences (reconciliation_id, id);
create index reconciliation_differences_by_tenant on reconciliation_differences (tenant_id);
alter table reconciliation_differences enable row level security;
alter table reconciliation_differences force row level security;
create policy platform on reconciliation_differences to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on reconciliation_differences to tenantry_platform;
