-- What a tenant pays for. Periods are counted from the anchor and never derived from one another, so the number of the
-- present one is stored and its ends are too, for reading.
create table subscriptions (
    tenant_id         uuid not null references tenants (id),
    id                uuid not null,
    status            text not null check (status in
        ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'incomplete')),
    plan              text not null,
    cycle             text not null check (cycle in ('monthly', 'yearly')),
    quantity          integer not null check (quantity between 1 and 1000000),
    -- [{"id": "...", "quantity": 1}]
    add_ons           jsonb not null,
    coupon            text,
    -- How many invoices it has discounted.
    coupon_invoices   integer not null check (coupon_invoices >= 0),
    currency          text not null check (currency ~ '^[A-Z]{3}$'),
    -- The catalogue that its prices are of, whatever later ones say.
    catalogue_version integer not null,
    time_zone         text not null,
    -- On which days periods begin: {"kind": "anniversary"}, {"kind": "calendar"}, {"kind": "month_day", "day": 15}
    alignment         jsonb not null,
    anchor            timestamptz not null,
    period_number     integer not null check (period_number >= 0),
    period_starts_at  timestamptz not null,
    period_ends_at    timestamptz not null,
    -- Usage is invoiced every month, whatever the cycle: what was used from then on is not invoiced yet, and will be with
    -- the end of the month of this number, counted from the anchor.
    usage_from        timestamptz not null,
    usage_number      integer not null check (usage_number >= 0),
    usage_ends_at     timestamptz not null,
    trial_ends_at     timestamptz,
    trial_end         text not null check (trial_end in ('paid', 'free', 'suspend')),
    -- Whether the tenant was told that its trial ends.
    trial_told        boolean not null default false,
    cancel_at_period_end boolean not null,
    -- A change that waits.
    scheduled_at      timestamptz,
    scheduled         jsonb,
    paused_at         timestamptz,
    resumes_at        timestamptz,
    -- What was paid for ended during a pause, and the tenant is suspended for it.
    lapsed            boolean not null,
    canceled_at       timestamptz,
    started_at        timestamptz not null,
    ended_at          timestamptz,
    -- When the driver looks at it; null once nothing more can become due.
    next_at           timestamptz,
    -- Attempts of the driver that failed, one after the other.
    failures          integer not null default 0,
    version           bigint not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    primary key (tenant_id, id),
    check (period_starts_at < period_ends_at),
    check ((status = 'canceled') = (ended_at is not null)),
    check (status <> 'canceled' or next_at is null),
    check (status not in ('trialing', 'active', 'past_due') or next_at is not null),
    check (status <> 'trialing' or trial_ends_at is not null),
    check ((scheduled is null) = (scheduled_at is null))
);
-- One at a time.
create unique index subscriptions_live on subscriptions (tenant_id) where status <> 'canceled';
create index subscriptions_due on subscriptions (next_at, id) where next_at is not null;
alter table subscriptions enable row level security;
alter table subscriptions force row level security;
create policy tenant_wall on subscriptions to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on subscriptions to tenantry_platform using (true) with check (true);
grant select on subscriptions to tenantry_app;
grant select, insert, update, delete on subscriptions to tenantry_platform;
create policy limited on subscriptions to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on subscriptions to tenantry_limited;

-- What subscriptions are worth, whenever that changed: the source of recurring revenue, its movements and churn.
create table subscription_changes (
    tenant_id       uuid not null,
    subscription_id uuid not null,
    number          integer not null,
    at              timestamptz not null,
    movement        text not null check (movement in ('new', 'expansion', 'contraction', 'churned', 'reactivation')),
    plan            text not null,
    cycle           text not null,
    quantity        integer not null,
    -- What it is worth a year from then on, and was before, in minor units: of a month it need not be a whole number.
    yearly_amount   bigint not null,
    previous_amount bigint not null,
    currency        text not null,
    primary key (tenant_id, subscription_id, number),
    foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id) on delete cascade
);
create index subscription_changes_by_time on subscription_changes (at) include (currency, movement, yearly_amount, previous_amount);
alter table subscription_changes enable row level security;
alter table subscription_changes force row level security;
create policy tenant_wall on subscription_changes to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on subscription_changes to tenantry_platform using (true) with check (true);
grant select on subscription_changes to tenantry_app;
grant select, insert, delete on subscription_changes to tenantry_platform;
create policy limited on subscription_changes to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on subscription_changes to tenantry_limited;

-- Every time that a coupon was redeemed, whatever became of the subscription: what limits count.
create table coupon_redemptions (
    id              uuid primary key,
    tenant_id       uuid not null,
    subscription_id uuid not null,
    -- As the catalogue writes it.
    code            text not null,
    redeemed_at     timestamptz not null,
    foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id) on delete cascade
);
create index coupon_redemptions_by_code on coupon_redemptions (code, tenant_id);
create index coupon_redemptions_by_subscription on coupon_redemptions (tenant_id, subscription_id);
alter table coupon_redemptions enable row level security;
alter table coupon_redemptions force row level security;
create policy tenant_wall on coupon_redemptions to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on coupon_redemptions to tenantry_platform using (true) with check (true);
grant select on coupon_redemptions to tenantry_app;
grant select, insert, delete on coupon_redemptions to tenantry_platform;
create policy limited on coupon_redemptions to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on coupon_redemptions to tenantry_limited;

-- How often a coupon was redeemed by all tenants together, also by those that are gone.
create table coupon_totals (
    code     text primary key,
    redeemed bigint not null
);
alter table coupon_totals enable row level security;
alter table coupon_totals force row level security;
create policy platform on coupon_totals to tenantry_platform using (true) with check (true);
create policy limited on coupon_totals to tenantry_limited using (true) with check (true);
grant select, insert, update on coupon_totals to tenantry_platform, tenantry_limited;
