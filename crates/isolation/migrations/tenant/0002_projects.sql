-- Lists are in the order of `id` (UUIDv7: by creation), so each index that a filter needs ends with it.
create table projects (
    tenant_id   uuid not null,
    id          uuid not null,
    name        text not null,
    description text not null default '',
    status      text not null check (status in ('active', 'completed', 'archived')),
    version     bigint not null default 1,
    created_by  text not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, id)
);
create index projects_by_status on projects (tenant_id, status, id);
alter table projects enable row level security;
alter table projects force row level security;
create policy tenant_wall on projects
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);

create table tasks (
    tenant_id   uuid not null,
    id          uuid not null,
    project_id  uuid not null,
    title       text not null,
    description text not null default '',
    status      text not null check (status in ('todo', 'in_progress', 'done')),
    due_at      timestamptz,
    version     bigint not null default 1,
    created_by  text not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, id),
    -- A foreign key is not subject to row-level security: with the tenant in it, no row can point across the wall.
    constraint tasks_project_fk foreign key (tenant_id, project_id) references projects (tenant_id, id) on delete cascade
);
create index tasks_by_project on tasks (tenant_id, project_id, id);
create index tasks_by_project_and_status on tasks (tenant_id, project_id, status, id);
alter table tasks enable row level security;
alter table tasks force row level security;
create policy tenant_wall on tasks
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
