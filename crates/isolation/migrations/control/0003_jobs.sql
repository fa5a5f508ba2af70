-- Work to be done later: at least once, by any node, with back-off. Finished jobs stay a while, so that the same
-- job relayed twice is recognised.
create table jobs (
    id           uuid primary key,
    kind         text not null,
    tenant_id    uuid,
    payload      jsonb not null,
    status       text not null default 'queued' check (status in ('queued', 'running', 'done', 'dead')),
    run_at       timestamptz not null,
    attempts     integer not null default 0,
    max_attempts integer not null,
    lease_until  timestamptz,
    last_error   text,
    created_at   timestamptz not null,
    finished_at  timestamptz
);
create index jobs_due on jobs (run_at, id) where status in ('queued', 'running');
create index jobs_finished on jobs (finished_at) where status = 'done';
create index jobs_dead on jobs (finished_at) where status = 'dead';
alter table jobs enable row level security;
alter table jobs force row level security;
create policy tenant_wall on jobs to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on jobs to tenantry_platform using (true) with check (true);
grant insert on jobs to tenantry_app;
grant select, insert, update, delete on jobs to tenantry_platform;
create policy limited on jobs to tenantry_limited using (tenant_id = any ((select reach())::uuid[])) with check (tenant_id is null or tenant_id = any ((select reach())::uuid[]));
grant insert on jobs to tenantry_limited;

-- When each recurring job last came due; the row is the lock that keeps two nodes from running it twice.
create table schedules (
    name        text primary key,
    last_run_at timestamptz not null
);
grant select, insert, update on schedules to tenantry_platform;
