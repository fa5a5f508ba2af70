-- What all of a person's second factors have in common: the row under whose lock they are added, removed and passed, and
-- the wrong codes since the last right one.
create table second_factors (
    person_id      uuid primary key,
    tenant_id      uuid references tenants (id),
    user_id        uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id       uuid generated always as (case when tenant_id is null then person_id end) stored,
    failures       integer not null default 0,
    last_failed_at timestamptz,
    blocked_until  timestamptz,
    constraint second_factors_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint second_factors_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index second_factors_by_user on second_factors (user_id) where user_id is not null;
alter table second_factors enable row level security;
alter table second_factors force row level security;
create policy tenant_wall on second_factors to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on second_factors to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on second_factors to tenantry_app;
grant select, insert, update, delete on second_factors to tenantry_platform;
create policy limited on second_factors to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on second_factors to tenantry_limited;

-- Authenticator apps (RFC 6238), one for each person. The secret is sealed.
create table totp_factors (
    id            uuid primary key,
    tenant_id     uuid references tenants (id),
    person_id     uuid not null,
    user_id       uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id      uuid generated always as (case when tenant_id is null then person_id end) stored,
    secret_sealed bytea not null,
    -- Null until the first right code proved that the app has it.
    confirmed_at  timestamptz,
    -- The newest time step that was accepted; no step is accepted twice.
    last_step     bigint not null default 0,
    created_at    timestamptz not null,
    constraint totp_factors_person unique (person_id),
    constraint totp_factors_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint totp_factors_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index totp_factors_by_user on totp_factors (user_id) where user_id is not null;
alter table totp_factors enable row level security;
alter table totp_factors force row level security;
create policy tenant_wall on totp_factors to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on totp_factors to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on totp_factors to tenantry_app;
grant select, insert, update, delete on totp_factors to tenantry_platform;
create policy limited on totp_factors to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on totp_factors to tenantry_limited;

-- Codes for who lost his other factors, each good for one use.
create table recovery_codes (
    id            uuid primary key,
    tenant_id     uuid references tenants (id),
    person_id     uuid not null,
    user_id       uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id      uuid generated always as (case when tenant_id is null then person_id end) stored,
    code_hash     bytea not null check (octet_length(code_hash) = 32),
    created_at    timestamptz not null,
    used_at       timestamptz,
    constraint recovery_codes_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint recovery_codes_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index recovery_codes_by_person on recovery_codes (person_id);
create index recovery_codes_by_user on recovery_codes (user_id) where user_id is not null;
alter table recovery_codes enable row level security;
alter table recovery_codes force row level security;
create policy tenant_wall on recovery_codes to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on recovery_codes to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on recovery_codes to tenantry_app;
grant select, insert, update, delete on recovery_codes to tenantry_platform;
create policy limited on recovery_codes to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on recovery_codes to tenantry_limited;

-- Passkeys (WebAuthn).
create table passkeys (
    id            uuid primary key,
    tenant_id     uuid references tenants (id),
    person_id     uuid not null,
    user_id       uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id      uuid generated always as (case when tenant_id is null then person_id end) stored,
    credential_id bytea not null,
    name          text not null,
    -- The public key, the counter and the flags, as the library that verifies them keeps them.
    credential    jsonb not null,
    -- The highest signature counter that was accepted: an authenticator that counts never shows one twice.
    sign_count    bigint not null default 0,
    created_at    timestamptz not null,
    last_used_at  timestamptz,
    constraint passkeys_credential_unique unique nulls not distinct (tenant_id, credential_id),
    constraint passkeys_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint passkeys_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index passkeys_by_person on passkeys (person_id);
create index passkeys_by_user on passkeys (user_id) where user_id is not null;
alter table passkeys enable row level security;
alter table passkeys force row level security;
create policy tenant_wall on passkeys to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on passkeys to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on passkeys to tenantry_app;
grant select, insert, update, delete on passkeys to tenantry_platform;
create policy limited on passkeys to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on passkeys to tenantry_limited;

-- Challenges that wait for an authenticator's answer, each good for one answer.
create table passkey_ceremonies (
    id            uuid primary key,
    tenant_id     uuid references tenants (id),
    person_id     uuid not null,
    user_id       uuid generated always as (case when tenant_id is not null then person_id end) stored,
    admin_id      uuid generated always as (case when tenant_id is null then person_id end) stored,
    purpose       text not null check (purpose in ('registration', 'authentication')),
    state_sealed  bytea not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    constraint passkey_ceremonies_user foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
    constraint passkey_ceremonies_admin foreign key (admin_id) references admins (id) on delete cascade
);
create index passkey_ceremonies_by_person on passkey_ceremonies (person_id);
create index passkey_ceremonies_by_user on passkey_ceremonies (user_id) where user_id is not null;
alter table passkey_ceremonies enable row level security;
alter table passkey_ceremonies force row level security;
create policy tenant_wall on passkey_ceremonies to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on passkey_ceremonies to tenantry_platform using (true) with check (true);
grant select, insert, update, delete on passkey_ceremonies to tenantry_app;
grant select, insert, update, delete on passkey_ceremonies to tenantry_platform;
create policy limited on passkey_ceremonies to tenantry_limited
    using (tenant_id = any ((select reach())::uuid[])
        or (tenant_id is null and person_id = (select limited_operator())));
grant select, insert, update, delete on passkey_ceremonies to tenantry_limited;
