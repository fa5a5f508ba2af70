-- A tenant's own roles: named sets of permissions beside the four that every tenant has.
create table roles (
    tenant_id   uuid not null references tenants (id),
    name        text not null check (name ~ '^[a-z][a-z0-9_-]{1,49}$' and name not in ('owner', 'admin', 'member', 'viewer')),
    description text not null,
    permissions text[] not null,
    version     bigint not null default 1,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (tenant_id, name)
);
alter table roles enable row level security;
alter table roles force row level security;
create policy tenant_wall on roles to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on roles to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on roles to tenantry_app;
grant select, insert, update, delete on roles to tenantry_platform;
create policy limited on roles to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on roles to tenantry_limited;

-- People of a tenant. (tenant, lower-cased email) identifies a person.
create table users (
    tenant_id         uuid not null references tenants (id),
    id                uuid not null,
    email             text not null check (email = lower(email)),
    email_verified    boolean not null default false,
    name              text not null,
    role              text not null,
    -- The role, where it is one of the tenant's own; so a role that somebody has cannot be deleted.
    custom_role       text generated always as
        (case when role in ('owner', 'admin', 'member', 'viewer') then null else role end) stored,
    status            text not null check (status in ('invited', 'active', 'deactivated')),
    password_hash     text,
    last_login_at     timestamptz,
    version           bigint not null default 1,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    primary key (tenant_id, id),
    constraint users_email_unique unique (tenant_id, email),
    constraint users_role foreign key (tenant_id, custom_role) references roles (tenant_id, name)
);
create index users_by_role on users (tenant_id, role, id);
create index users_by_status on users (tenant_id, status, id);
alter table users enable row level security;
alter table users force row level security;
create policy tenant_wall on users to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on users to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on users to tenantry_app;
grant select, insert, update, delete on users to tenantry_platform;
create policy limited on users to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on users to tenantry_limited;

-- Invitations: single use, hashed, expiring, bound to the person.
create table invitations (
    tenant_id   uuid not null,
    id          uuid not null,
    user_id     uuid not null,
    token_hash  bytea not null,
    expires_at  timestamptz not null,
    accepted_at timestamptz,
    created_at  timestamptz not null,
    primary key (tenant_id, id),
    constraint invitations_token_unique unique (token_hash),
    foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);
create index invitations_by_user on invitations (tenant_id, user_id);
alter table invitations enable row level security;
alter table invitations force row level security;
create policy tenant_wall on invitations to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on invitations to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on invitations to tenantry_app;
grant select, insert, update, delete on invitations to tenantry_platform;
create policy limited on invitations to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on invitations to tenantry_limited;

-- Keys for machines of a tenant. Only a SHA-256 of the key is kept.
create table api_keys (
    tenant_id    uuid not null constraint api_keys_tenant references tenants (id),
    id           uuid not null,
    name         text not null,
    prefix       text not null,
    secret_hash  bytea not null check (octet_length(secret_hash) = 32),
    scopes       text[] not null,
    user_id      uuid,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    -- The key that a rotation made in its place; this one then ends at expires_at.
    replaced_by  uuid,
    created_at   timestamptz not null,
    primary key (tenant_id, id),
    constraint api_keys_secret_unique unique (secret_hash),
    constraint api_keys_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);
create index api_keys_by_user on api_keys (tenant_id, user_id) where user_id is not null;
alter table api_keys enable row level security;
alter table api_keys force row level security;
create policy tenant_wall on api_keys to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on api_keys to tenantry_platform using (true) with check (true);
grant select, insert, update on api_keys to tenantry_app;
grant select, insert, update, delete on api_keys to tenantry_platform;
create policy limited on api_keys to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on api_keys to tenantry_limited;

-- People who operate the platform, and their keys.
create table admins (
    id            uuid primary key,
    email         text not null check (email = lower(email)),
    name          text not null,
    permissions   text[] not null,
    -- The only tenants that he sees; null: every tenant.
    tenants       uuid[],
    status        text not null check (status in ('active', 'deactivated')),
    password_hash text not null,
    last_login_at timestamptz,
    version       bigint not null default 1,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    constraint admins_email_unique unique (email)
);
alter table admins enable row level security;
alter table admins force row level security;
create policy platform on admins to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on admins to tenantry_platform;
-- Of operators a limited one sees himself; what he may do he cannot change.
create policy limited on admins to tenantry_limited using (id = (select limited_operator()));
grant select on admins to tenantry_limited;
grant update (name, password_hash, last_login_at, version, updated_at) on admins to tenantry_limited;

create table admin_api_keys (
    id           uuid primary key,
    admin_id     uuid constraint admin_api_keys_admin references admins (id) on delete cascade,
    name         text not null,
    prefix       text not null,
    secret_hash  bytea not null check (octet_length(secret_hash) = 32),
    scopes       text[] not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    replaced_by  uuid,
    created_at   timestamptz not null,
    constraint admin_api_keys_secret_unique unique (secret_hash)
);
create index admin_api_keys_by_admin on admin_api_keys (admin_id) where admin_id is not null;
alter table admin_api_keys enable row level security;
alter table admin_api_keys force row level security;
create policy platform on admin_api_keys to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on admin_api_keys to tenantry_platform;
create policy limited on admin_api_keys to tenantry_limited using (admin_id = (select limited_operator()));
grant select, insert, update on admin_api_keys to tenantry_limited;
