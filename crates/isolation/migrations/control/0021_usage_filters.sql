-- What events a closed generation has, as a Bloom filter over their keys: of the events that come, hardly any needs to be
-- looked for where it is not. As the product writes it; none yet where there is no row.
create table usage_filters (
    generation integer primary key references usage_generations (number) on delete cascade,
    filter     bytea not null
);
-- As good as random: there is nothing to compress.
alter table usage_filters alter column filter set storage external;
alter table usage_filters enable row level security;
alter table usage_filters force row level security;
create policy tenant_wall on usage_filters for select to tenantry_app using (true);
create policy platform on usage_filters to tenantry_platform using (true) with check (true);
-- What goes with its generation goes as the owner.
create policy owner on usage_filters to tenantry_owner using (true) with check (true);
grant select on usage_filters to tenantry_app, tenantry_platform;
grant insert on usage_filters to tenantry_platform;

-- Opens the next generation at this time, if the newest one was opened before `due` or its indexes have more bytes than
-- `most`. Only when that is so does it wait for those who write.
drop function open_usage_generation(timestamptz, timestamptz);
create function open_usage_generation(at timestamptz, due timestamptz, most bigint default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, control as $$
declare
    newest control.usage_generations%rowtype;
    name text;
    wait boolean;
begin
    foreach wait in array array[false, true] loop
        if wait then perform pg_advisory_xact_lock(hashtext('usage_generation')); end if;
        select * into newest from control.usage_generations order by number desc limit 1;
        if newest.opened_at >= due
            and (most is null or pg_indexes_size(format('control.usage_events_%s', newest.number)::regclass) <= most)
        then
            return false;
        end if;
    end loop;
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
