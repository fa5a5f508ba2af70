-- At how many percent of a limit a tenant is told. Metric `*` is every one that has no row of its own; without rows, 80
-- and 100.
create table usage_alert_thresholds (
    tenant_id  uuid not null references tenants (id),
    metric     text not null check (metric = '*' or metric ~ '^[a-z][a-z0-9_]{0,62}$'),
    percents   integer[] not null,
    primary key (tenant_id, metric)
);
alter table usage_alert_thresholds enable row level security;
alter table usage_alert_thresholds force row level security;
create policy tenant_wall on usage_alert_thresholds to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_alert_thresholds to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on usage_alert_thresholds to tenantry_app;
grant select, insert, update, delete on usage_alert_thresholds to tenantry_platform;
create policy limited on usage_alert_thresholds to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on usage_alert_thresholds to tenantry_limited;

-- A use that reached a threshold: once for each threshold and period, whoever noticed it.
create table usage_alerts (
    id              uuid primary key,
    tenant_id       uuid not null,
    metric          text not null,
    period          text not null check (period in ('daily', 'monthly', 'total')),
    -- Of a total, which starts anew never, the tenant's month: it is told once a month at most.
    starts_at       timestamptz not null,
    ends_at         timestamptz not null,
    percent         integer not null check (percent > 0),
    -- The limit that the percent is of, and what was used when it was noticed.
    limit_at        bigint not null check (limit_at > 0),
    used            bigint not null,
    raised_at       timestamptz not null,
    -- When mail and webhooks were queued.
    told_at         timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    constraint usage_alerts_once unique (tenant_id, metric, period, starts_at, percent),
    check ((acknowledged_at is null) = (acknowledged_by is null))
);
create index usage_alerts_by_tenant on usage_alerts (tenant_id, id);
create index usage_alerts_by_age on usage_alerts (raised_at);
alter table usage_alerts enable row level security;
alter table usage_alerts force row level security;
create policy tenant_wall on usage_alerts to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_alerts to tenantry_platform using (true) with check (true);
grant select, insert, update on usage_alerts to tenantry_app;
grant select, insert, update, delete on usage_alerts to tenantry_platform;
create policy limited on usage_alerts to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on usage_alerts to tenantry_limited;
