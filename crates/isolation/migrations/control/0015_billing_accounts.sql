-- How far billing's time is ahead of the real one: for tests of what takes months. Without a row it is the real time.
create table billing_clock (
    singleton     boolean primary key default true check (singleton),
    offset_micros bigint not null check (offset_micros >= 0)
);
alter table billing_clock enable row level security;
alter table billing_clock force row level security;
create policy everybody on billing_clock for select to tenantry_app, tenantry_limited using (true);
create policy platform on billing_clock to tenantry_platform using (true) with check (true);
grant select on billing_clock to tenantry_app, tenantry_limited;
grant select, insert, update on billing_clock to tenantry_platform;

-- Whom a tenant's invoices are for, and how he pays. Its row is the lock of everything that bills the tenant.
create table billing_accounts (
    tenant_id    uuid primary key references tenants (id),
    id           uuid not null unique,
    -- Who collects.
    provider     text not null check (provider in ('ledger', 'stripe')),
    email        text check (char_length(email) between 3 and 254),
    name         text not null check (char_length(name) between 1 and 200),
    line1        text not null default '' check (char_length(line1) <= 200),
    line2        text not null default '' check (char_length(line2) <= 200),
    postal_code  text not null default '' check (char_length(postal_code) <= 20),
    city         text not null default '' check (char_length(city) <= 100),
    region       text check (char_length(region) between 1 and 10),
    country      text check (country ~ '^[A-Z]{2}$'),
    tax_number   text check (char_length(tax_number) between 4 and 20),
    tax_exempt   boolean not null,
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    time_zone    text not null check (char_length(time_zone) between 1 and 64),
    locale       text not null check (char_length(locale) between 2 and 35),
    version      bigint not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);
alter table billing_accounts enable row level security;
alter table billing_accounts force row level security;
create policy tenant_wall on billing_accounts to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on billing_accounts to tenantry_platform using (true) with check (true);
grant select on billing_accounts to tenantry_app;
grant select, insert, update, delete on billing_accounts to tenantry_platform;
create policy limited on billing_accounts to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on billing_accounts to tenantry_limited;
