-- The trail: who did what to what, when, from where. Written in the transaction of the change it records.
create table audit_events (
    id            uuid not null,
    tenant_id     uuid,
    occurred_at   timestamptz not null,
    event_type    text not null,
    severity      text not null,
    action        text not null,
    actor_type    text not null,
    actor_id      text not null,
    on_behalf_of  text,
    resource_type text,
    resource_id   text,
    resource_name text,
    changes       jsonb not null default '[]',
    metadata      jsonb not null default '{}',
    ip_address    text,
    user_agent    text,
    request_id    text,
    expires_at    timestamptz not null,
    search        tsvector generated always as (to_tsvector('simple',
        event_type || ' ' || action || ' ' || actor_id || ' '
        || coalesce(resource_id, '') || ' ' || coalesce(resource_name, ''))) stored,
    primary key (occurred_at, id)
) partition by range (occurred_at);
create index audit_events_by_tenant on audit_events (tenant_id, occurred_at desc, id desc);
create index audit_events_by_tenant_type on audit_events (tenant_id, event_type, occurred_at desc, id desc);
create index audit_events_by_type on audit_events (event_type, occurred_at desc, id desc);
create index audit_events_by_actor on audit_events (actor_id, occurred_at desc, id desc);
create index audit_events_by_person on audit_events (on_behalf_of, occurred_at desc, id desc)
    where on_behalf_of is not null;
create index audit_events_by_resource on audit_events (resource_id, occurred_at desc, id desc);
create index audit_events_by_severity on audit_events (severity, occurred_at desc, id desc)
    where severity <> 'info';
create index audit_events_by_words on audit_events using gin (search);
create index audit_events_by_expiry on audit_events (expires_at);
alter table audit_events enable row level security;
alter table audit_events force row level security;
create policy tenant_wall on audit_events to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on audit_events to tenantry_platform using (true) with check (true);
-- Nobody may change or remove an event: there is no such grant.
grant select, insert on audit_events to tenantry_app;
grant select, insert on audit_events to tenantry_platform;
-- What he does to himself he writes, and does not read.
create policy limited_reads on audit_events for select to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
create policy limited_writes on audit_events for insert to tenantry_limited
    with check (tenant_id is null or tenant_id = any ((select reach())::uuid[]));
grant select, insert on audit_events to tenantry_limited;

-- What the two functions at the end see and may remove, whoever calls them.
create policy housekeeping_reads on audit_events for select to tenantry_owner using (true);
create policy housekeeping on audit_events for delete to tenantry_owner using (expires_at < now());

-- Catches what comes before its month was made; empty in normal running.
create table audit_events_default partition of audit_events default;
alter table audit_events_default enable row level security;
alter table audit_events_default force row level security;

-- Makes the partition of the month that holds `at`. The application may not run DDL; this is the one door.
create function ensure_audit_partition(at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, control as $$
declare
    first date := date_trunc('month', at at time zone 'UTC');
    name text := 'audit_events_' || to_char(first, 'YYYYMM');
begin
    perform pg_advisory_xact_lock(hashtext('audit_events_partitions'));
    if to_regclass('control.' || name) is not null then return; end if;
    execute format('create table control.%I (like control.audit_events including defaults including generated including constraints)', name);
    execute format('alter table control.%I enable row level security', name);
    execute format('alter table control.%I force row level security', name);
    execute format('alter table control.audit_events attach partition control.%I for values from (%L) to (%L)',
        name, to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
end $$;
revoke execute on function ensure_audit_partition from public;
grant execute on function ensure_audit_partition to tenantry_platform;

-- Removes events that were kept for as long as their type asks, and never another; at most so many at a time.
create function remove_expired_audit_events(most integer) returns bigint
language sql security definer set search_path = pg_catalog, control as $$
    with expired as (
        select occurred_at, id from control.audit_events where expires_at < now() order by expires_at limit most
    ), removed as (
        delete from control.audit_events event using expired
        where event.occurred_at = expired.occurred_at and event.id = expired.id
        returning 1
    )
    select count(*) from removed
$$;
revoke execute on function remove_expired_audit_events from public;
grant execute on function remove_expired_audit_events to tenantry_platform;

-- Drops the oldest past month in which nothing is left to be kept. It gives up rather than have writers wait.
create function drop_expired_audit_month() returns boolean
language plpgsql security definer set search_path = pg_catalog, control set lock_timeout = '1s' as $$
declare
    month record;
begin
    for month in
        select child.relname, to_timestamp(right(child.relname, 6), 'YYYYMM')::timestamp at time zone 'UTC' as first
        from pg_inherits join pg_class child on child.oid = inhrelid
        where inhparent = 'control.audit_events'::regclass and child.relname ~ '^audit_events_[0-9]{6}$'
        order by child.relname
    loop
        exit when month.first + interval '1 month' > now();
        if not exists (select from control.audit_events
                       where occurred_at >= month.first and occurred_at < month.first + interval '1 month'
                         and expires_at >= now()) then
            execute format('drop table control.%I', month.relname);
            return true;
        end if;
    end loop;
    return false;
end $$;
revoke execute on function drop_expired_audit_month from public;
grant execute on function drop_expired_audit_month to tenantry_platform;
