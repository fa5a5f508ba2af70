-- What somebody has who logged in. He is a person of a tenant, or an operator, who has no tenant: rows of operators are
-- behind the tenants' wall because their tenant is null. The two generated columns let the database follow either.
create table sessions (
    id           uuid primary key,
    tenant_id  uuid references tenants (id),
    person_id  uuid not null,
    user_id    uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id   uuid generated always as (case when tenant_id is null then person_id end) stored,
    -- 'cookie': the secret is a browser's cookie. 'token': refresh tokens renew short access tokens.
    kind         text not null check (kind in ('cookie', 'token')),
    -- What has to happen before it opens anything.
    stage        text not null check (stage in ('second_factor', 'enrolment', 'open')),
    -- SHA-256 of the secret that names it: the cookie, or, until it is open, what a client without cookies holds.
    secret_hash  bytea check (octet_length(secret_hash) = 32),
    ip           inet,
    user_agent   text,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    -- How long it may go unused.
    idle_seconds integer not null check (idle_seconds > 0),
    -- The absolute end, however much it is used.
    expires_at   timestamptz not null,
    -- Until when it may be opened, while it is not.
    waiting_until timestamptz,
    ended_at     timestamptz,
    end_reason   text,
    constraint sessions_waiting check ((stage = 'open') = (waiting_until is null)),
    constraint sessions_secret_unique unique (secret_hash),
    -- What has ended opens nothing, and an open token session is known by its access tokens alone.
    constraint sessions_secret check (secret_hash is null or ended_at is null),
    constraint sessions_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint sessions_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index sessions_by_person on sessions (person_id) where ended_at is null;
create index sessions_by_end on sessions (expires_at);
alter table sessions enable row level security;
alter table sessions force row level security;
create policy tenant_wall on sessions to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on sessions to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on sessions to tenantry_app;
grant select, insert, update, delete on sessions to tenantry_platform;
create policy limited on sessions to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on sessions to tenantry_limited;

-- A token session's refresh tokens, each good for one use. One that comes back after its use ends the session.
create table refresh_tokens (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    tenant_id  uuid references tenants (id),
    session_id uuid not null constraint refresh_tokens_session references sessions (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index refresh_tokens_by_session on refresh_tokens (session_id);
alter table refresh_tokens enable row level security;
alter table refresh_tokens force row level security;
create policy tenant_wall on refresh_tokens to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on refresh_tokens to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on refresh_tokens to tenantry_app;
grant select, insert, update, delete on refresh_tokens to tenantry_platform;
create policy limited on refresh_tokens to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and session_id in (select id from sessions)));
grant select, insert, update, delete on refresh_tokens to tenantry_limited;

-- What access tokens are signed with. The keys themselves are derived from the root key and the identifier.
create table signing_keys (
    id           uuid primary key,
    -- Published from the first moment on, so that every verifier has it before the first token.
    created_at   timestamptz not null,
    signs_from   timestamptz not null,
    retired_at   timestamptz
);
grant select, insert, update, delete on signing_keys to tenantry_platform;

-- Links by which a forgotten password is replaced: single use, hashed, expiring.
create table password_resets (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    tenant_id  uuid references tenants (id),
    person_id  uuid not null,
    user_id    uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id   uuid generated always as (case when tenant_id is null then person_id end) stored,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    constraint password_resets_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint password_resets_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index password_resets_by_person on password_resets (person_id);
alter table password_resets enable row level security;
alter table password_resets force row level security;
create policy tenant_wall on password_resets to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on password_resets to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on password_resets to tenantry_app;
grant select, insert, update, delete on password_resets to tenantry_platform;
create policy limited on password_resets to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on password_resets to tenantry_limited;

-- Attempts to log in that did not succeed (yet), by what they have in common: the account with the address they came
-- from, the account, the address. The name of a bucket is a keyed hash, so that the table tells nobody who tried.
create table login_failures (
    bucket         bytea primary key check (octet_length(bucket) = 32),
    -- As of the last one; they are forgiven with time, bit by bit.
    failures       double precision not null,
    last_failed_at timestamptz not null,
    blocked_until  timestamptz
);
create index login_failures_by_age on login_failures (last_failed_at);
grant select, insert, update, delete on login_failures to tenantry_platform;
