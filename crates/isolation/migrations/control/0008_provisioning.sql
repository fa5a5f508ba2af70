-- The saga's memory: what was asked for, how far it is, who is at it.
create table provisioning_runs (
    tenant_id    uuid not null,
    direction    text not null check (direction in ('provision', 'deprovision')),
    status       text not null check (status in ('pending', 'in_progress', 'completed', 'failed', 'rolling_back')),
    request      jsonb not null,
    resources    jsonb not null default '{}',
    error        text,
    lease_node   uuid,
    lease_until  timestamptz,
    created_at   timestamptz not null,
    completed_at timestamptz,
    primary key (tenant_id, direction)
);
create index provisioning_runs_open on provisioning_runs (lease_until)
    where status in ('pending', 'in_progress', 'rolling_back');
alter table provisioning_runs enable row level security;
alter table provisioning_runs force row level security;
create policy platform on provisioning_runs to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on provisioning_runs to tenantry_platform;
create policy limited on provisioning_runs to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on provisioning_runs to tenantry_limited;

create table provisioning_steps (
    tenant_id    uuid not null,
    direction    text not null,
    position     smallint not null,
    name         text not null,
    status       text not null check (status in
        ('pending', 'in_progress', 'completed', 'failed', 'skipped', 'rolled_back', 'retrying')),
    started_at   timestamptz,
    completed_at timestamptz,
    message      text,
    error        text,
    attempts     integer not null default 0,
    primary key (tenant_id, direction, position),
    foreign key (tenant_id, direction) references provisioning_runs (tenant_id, direction) on delete cascade
);
alter table provisioning_steps enable row level security;
alter table provisioning_steps force row level security;
create policy platform on provisioning_steps to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on provisioning_steps to tenantry_platform;
create policy limited on provisioning_steps to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on provisioning_steps to tenantry_limited;
