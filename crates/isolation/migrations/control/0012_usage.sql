-- Metrics that a tenant declared; the built-in ones are in the program.
create table metrics (
    tenant_id   uuid not null references tenants (id),
    name        text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    aggregation text not null check (aggregation in ('count', 'sum', 'max', 'last', 'unique', 'weighted_sum')),
    unit        text not null check (char_length(unit) between 1 and 32),
    -- What its events may be told apart by, at most eight.
    dimensions  text[] not null check (cardinality(dimensions) <= 8),
    -- So many combinations of them are kept apart in a month (UTC); the others count as `other`.
    series      integer not null check (series between 1 and 10000),
    version     bigint not null default 1,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, name)
);
alter table metrics enable row level security;
alter table metrics force row level security;
create policy tenant_wall on metrics to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on metrics to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on metrics to tenantry_app;
grant select, insert, update, delete on metrics to tenantry_platform;
create policy limited on metrics to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on metrics to tenantry_limited;

-- Where a tenant's days and months begin, when not at midnight UTC and on the first.
create table usage_calendars (
    tenant_id  uuid primary key references tenants (id),
    time_zone  text not null,
    anchor_day smallint not null check (anchor_day between 1 and 31)
);
alter table usage_calendars enable row level security;
alter table usage_calendars force row level security;
create policy tenant_wall on usage_calendars to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_calendars to tenantry_platform using (true) with check (true);
grant select on usage_calendars to tenantry_app;
grant select, insert, update, delete on usage_calendars to tenantry_platform;
create policy limited on usage_calendars to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on usage_calendars to tenantry_limited;

-- What a tenant may use, where that is not simply what its plan says. A tenant sees them and cannot change them.
create table quotas (
    tenant_id  uuid not null references tenants (id),
    metric     text not null,
    period     text not null check (period in ('daily', 'monthly', 'total')),
    -- -1 is unlimited.
    limit_at   bigint not null check (limit_at >= -1),
    soft_limit bigint check (soft_limit >= 0),
    mode       text not null check (mode in ('hard', 'soft')),
    version    bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, metric, period)
);
alter table quotas enable row level security;
alter table quotas force row level security;
create policy tenant_wall on quotas to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on quotas to tenantry_platform using (true) with check (true);
grant select on quotas to tenantry_app;
grant select, insert, update, delete on quotas to tenantry_platform;
create policy limited on quotas to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on quotas to tenantry_limited;

-- Roll-ups. Every count goes into all three grains in the transaction that counts, so reading costs what the answer is
-- long. The row without dimensions is the total of a metric that counts distinct members; of any other metric the total
-- is the sum over the rows. Buckets begin on the hour, the day and the month in UTC.
create table usage_hours (
    tenant_id  uuid not null,
    metric     text not null,
    starts_at  timestamptz not null,
    dimensions jsonb not null,
    count      bigint not null,
    sum        numeric not null,
    -- By the time of the event; of several at one time the largest.
    last       numeric,
    last_at    timestamptz,
    max        numeric,
    uniques    bigint not null,
    primary key (tenant_id, metric, starts_at, dimensions)
) partition by range (starts_at);
alter table usage_hours enable row level security;
alter table usage_hours force row level security;
create policy tenant_wall on usage_hours to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_hours to tenantry_platform using (true) with check (true);
grant select, insert, update on usage_hours to tenantry_app;
grant select, insert, update, delete on usage_hours to tenantry_platform;
create policy limited on usage_hours to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on usage_hours to tenantry_limited;
create table usage_days (
    tenant_id  uuid not null,
    metric     text not null,
    starts_at  timestamptz not null,
    dimensions jsonb not null,
    count      bigint not null,
    sum        numeric not null,
    -- By the time of the event; of several at one time the largest.
    last       numeric,
    last_at    timestamptz,
    max        numeric,
    uniques    bigint not null,
    primary key (tenant_id, metric, starts_at, dimensions)
) partition by range (starts_at);
alter table usage_days enable row level security;
alter table usage_days force row level security;
create policy tenant_wall on usage_days to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_days to tenantry_platform using (true) with check (true);
grant select, insert, update on usage_days to tenantry_app;
grant select, insert, update, delete on usage_days to tenantry_platform;
create policy limited on usage_days to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on usage_days to tenantry_limited;
create table usage_months (
    tenant_id  uuid not null,
    metric     text not null,
    starts_at  timestamptz not null,
    dimensions jsonb not null,
    count      bigint not null,
    sum        numeric not null,
    -- By the time of the event; of several at one time the largest.
    last       numeric,
    last_at    timestamptz,
    max        numeric,
    uniques    bigint not null,
    primary key (tenant_id, metric, starts_at, dimensions)
);
alter table usage_months enable row level security;
alter table usage_months force row level security;
create policy tenant_wall on usage_months to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_months to tenantry_platform using (true) with check (true);
grant select, insert, update on usage_months to tenantry_app;
grant select, insert, update, delete on usage_months to tenantry_platform;
create policy limited on usage_months to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on usage_months to tenantry_limited;

-- The same by a tenant's own days and months, for tenants whose calendar is not that of UTC; without dimensions.
create table usage_periods (
    tenant_id  uuid not null,
    metric     text not null,
    period     text not null check (period in ('daily', 'monthly')),
    starts_at  timestamptz not null,
    count      bigint not null,
    sum        numeric not null,
    uniques    bigint not null,
    primary key (tenant_id, metric, period, starts_at)
) partition by range (starts_at);
alter table usage_periods enable row level security;
alter table usage_periods force row level security;
create policy tenant_wall on usage_periods to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_periods to tenantry_platform using (true) with check (true);
grant select, insert, update on usage_periods to tenantry_app;
grant select, insert, update, delete on usage_periods to tenantry_platform;
create policy limited on usage_periods to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on usage_periods to tenantry_limited;

-- Who was counted in a bucket of a metric that counts distinct members. Implicit ones stay when an event is revoked.
create table usage_members (
    tenant_id  uuid not null,
    metric     text not null,
    grain      text not null check (grain in ('hour', 'day', 'month', 'daily', 'monthly')),
    starts_at  timestamptz not null,
    dimensions jsonb not null,
    member     uuid not null,
    implicit   boolean not null,
    primary key (tenant_id, metric, grain, starts_at, dimensions, member)
) partition by range (starts_at);
alter table usage_members enable row level security;
alter table usage_members force row level security;
-- In a subquery, so that a statement with ten thousand rows asks for the tenant once.
create policy tenant_wall on usage_members to tenantry_app
    using (tenant_id = (select nullif(current_setting('tenantry.tenant_id', true), '')::uuid));
create policy platform on usage_members to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on usage_members to tenantry_app;
grant select, insert, update, delete on usage_members to tenantry_platform;
create policy limited on usage_members to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on usage_members to tenantry_limited;

-- The combinations of dimensions that are kept apart in a month.
create table usage_series (
    tenant_id  uuid not null,
    metric     text not null,
    month      timestamptz not null,
    dimensions jsonb not null,
    primary key (tenant_id, metric, month, dimensions)
);
alter table usage_series enable row level security;
alter table usage_series force row level security;
create policy tenant_wall on usage_series to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_series to tenantry_platform using (true) with check (true);
grant select, insert on usage_series to tenantry_app;
grant select, insert, update, delete on usage_series to tenantry_platform;
create policy limited on usage_series to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on usage_series to tenantry_limited;

-- How a tenant's requests went, by the hour: answers by class of status (1xx to 5xx), and a histogram of latencies whose
-- bounds are in the program.
create table usage_performance (
    tenant_id uuid not null,
    starts_at timestamptz not null,
    statuses  bigint[] not null,
    latencies bigint[] not null,
    primary key (tenant_id, starts_at)
) partition by range (starts_at);
alter table usage_performance enable row level security;
alter table usage_performance force row level security;
create policy tenant_wall on usage_performance to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on usage_performance to tenantry_platform using (true) with check (true);
grant select on usage_performance to tenantry_app;
grant select, insert, update, delete on usage_performance to tenantry_platform;
create policy limited on usage_performance to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on usage_performance to tenantry_limited;

-- The last batch of counts that each process wrote, so that one whose commit was not answered is not written twice.
create table usage_flushes (
    node     uuid primary key,
    sequence bigint not null,
    at       timestamptz not null
);
create index usage_flushes_by_age on usage_flushes (at);
grant select, insert, update, delete on usage_flushes to tenantry_platform;

-- Events as they came. Deduplication must not depend on an event's time, so a generation holds what arrived in some
-- span, and its key is the deduplication. Whoever ingests shares the advisory lock `usage_generation`, and whoever opens
-- the next generation takes it alone: all that run at one time write the same generation, and see all of the one before.
create table usage_generations (
    number    integer primary key,
    opened_at timestamptz not null,
    closed_at timestamptz
);
alter table usage_generations enable row level security;
alter table usage_generations force row level security;
create policy tenant_wall on usage_generations for select to tenantry_app using (true);
create policy platform on usage_generations to tenantry_platform using (true) with check (true);
create policy limited on usage_generations for select to tenantry_limited using (true);
-- The owner's functions below are held by its policies too.
create policy owner on usage_generations to tenantry_owner using (true) with check (true);
grant select on usage_generations to tenantry_app, tenantry_platform, tenantry_limited;

create table usage_events (
    generation   integer not null,
    tenant_id    uuid not null,
    -- The first 128 bits of a SHA-256 over tenant, source and id.
    key          uuid not null,
    source       text not null,
    id           text not null,
    metric       text not null,
    -- When it happened; of an amendment, when the event happened that it amends.
    time         timestamptz not null,
    received_at  timestamptz not null,
    -- What it adds: its value, or value times weight; null where only its being there counts, and for a revocation.
    amount       numeric,
    member       uuid,
    -- What it is counted under; where that is `other`, what it said itself is beside it.
    dimensions   jsonb not null,
    stated       jsonb,
    -- The key of the event that it amends or revokes, and which of the two.
    corrects     uuid,
    revokes      boolean not null,
    -- The key of the event that amended or revoked this one.
    corrected_by uuid,
    -- Whether a correction has to look at the other events of its bucket again, so that they must be found by time.
    comparable   boolean not null,
    primary key (generation, tenant_id, key)
) partition by list (generation);
create index usage_events_comparable on usage_events (tenant_id, metric, member, time)
    where comparable and corrected_by is null and not revokes;
alter table usage_events enable row level security;
alter table usage_events force row level security;
-- Asked for once a statement, see usage_members.
create policy tenant_wall on usage_events to tenantry_app
    using (tenant_id = (select nullif(current_setting('tenantry.tenant_id', true), '')::uuid));
create policy platform on usage_events to tenantry_platform using (true) with check (true);
grant select, insert, update (corrected_by) on usage_events to tenantry_app;
grant select, insert, delete, update (corrected_by) on usage_events to tenantry_platform;
create policy limited on usage_events to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on usage_events to tenantry_limited;

-- The application may not run DDL; these functions are its doors.

-- Makes the partition of one table that holds [first, next), unless it is there.
create function ensure_usage_partition(parent text, suffix text, first date, next date) returns void
language plpgsql as $$
declare
    name text := parent || '_' || suffix;
begin
    if to_regclass('control.' || name) is not null then return; end if;
    execute format('create table control.%I (like control.%I including defaults including constraints)', name, parent);
    execute format('alter table control.%I enable row level security', name);
    execute format('alter table control.%I force row level security', name);
    execute format('alter table control.%I attach partition control.%I for values from (%L) to (%L)',
        parent, name, to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(next, 'YYYY-MM-DD') || ' 00:00:00+00');
end $$;
revoke execute on function ensure_usage_partition from public;

-- Makes every partition that may be written to at this time: as late as events may come, and 40 days ahead.
create function ensure_usage_partitions(at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, control as $$
declare
    earliest date := (at - interval '70 days') at time zone 'UTC';
    latest date := (at + interval '40 days') at time zone 'UTC';
    first date;
begin
    perform pg_advisory_xact_lock(hashtext('usage_partitions'));
    for first in select generate_series(date_trunc('month', earliest), latest, interval '1 month') loop
        perform control.ensure_usage_partition(parent, to_char(first, 'YYYYMM'), first, (first + interval '1 month')::date)
            from unnest(array['usage_hours', 'usage_members', 'usage_performance']) parent;
    end loop;
    for first in select generate_series(date_trunc('year', earliest), latest, interval '1 year') loop
        perform control.ensure_usage_partition(parent, to_char(first, 'YYYY'), first, (first + interval '1 year')::date)
            from unnest(array['usage_days', 'usage_periods']) parent;
    end loop;
end $$;
revoke execute on function ensure_usage_partitions from public;
grant execute on function ensure_usage_partitions to tenantry_platform;

-- Drops the partitions of one roll-up that end before this time, and says how many. It waits 2 s for readers at most.
create function drop_usage_partitions(parent text, before timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, control set lock_timeout = '2s' as $$
declare
    name text;
    months integer := case when parent in ('usage_days', 'usage_periods') then 12 else 1 end;
    dropped integer := 0;
begin
    if parent not in ('usage_hours', 'usage_days', 'usage_periods', 'usage_members', 'usage_performance') then
        raise 'no roll-up: %', parent;
    end if;
    perform pg_advisory_xact_lock(hashtext('usage_partitions'));
    for name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = ('control.' || parent)::regclass
          and to_date(rpad(substring(c.relname from '[0-9]+$'), 6, '01'), 'YYYYMM') + make_interval(months => months)
              <= before at time zone 'UTC'
    loop
        execute format('drop table control.%I', name);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;
revoke execute on function drop_usage_partitions from public;
grant execute on function drop_usage_partitions to tenantry_platform;

-- Opens the next generation at this time, if the newest one was opened before `due`.
create function open_usage_generation(at timestamptz, due timestamptz) returns boolean
language plpgsql security definer set search_path = pg_catalog, control as $$
declare
    newest control.usage_generations%rowtype;
    name text;
begin
    perform pg_advisory_xact_lock(hashtext('usage_generation'));
    select * into newest from control.usage_generations order by number desc limit 1;
    if newest.opened_at >= due then return false; end if;
    name := 'usage_events_' || coalesce(newest.number, 0) + 1;
    execute format('create table control.%I (like control.usage_events including defaults including constraints)', name);
    execute format('alter table control.%I enable row level security', name);
    execute format('alter table control.%I force row level security', name);
    execute format('alter table control.usage_events attach partition control.%I for values in (%s)',
        name, coalesce(newest.number, 0) + 1);
    update control.usage_generations set closed_at = at where number = newest.number;
    insert into control.usage_generations (number, opened_at) values (coalesce(newest.number, 0) + 1, at);
    return true;
end $$;
revoke execute on function open_usage_generation from public;
grant execute on function open_usage_generation to tenantry_platform;

-- Drops the generations that were closed before this time, and says how many.
create function drop_usage_generations(before timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, control set lock_timeout = '2s' as $$
declare
    old integer;
    dropped integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('usage_generation'));
    for old in select number from control.usage_generations where closed_at < before loop
        execute format('drop table control.usage_events_%s', old);
        delete from control.usage_generations where number = old;
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;
revoke execute on function drop_usage_generations from public;
grant execute on function drop_usage_generations to tenantry_platform;

-- The sums of two arrays, place by place.
create function added(one bigint[], other bigint[]) returns bigint[] language sql immutable parallel safe
    as $$ select array_agg(coalesce(a, 0) + coalesce(b, 0) order by place)
          from unnest(one, other) with ordinality as both_of(a, b, place) $$;
