-- What a file is; its bytes are in the object store under the tenant's prefix, named by the file's id.
create table files (
    tenant_id    uuid not null,
    id           uuid not null,
    name         text not null,
    content_type text not null,
    size         bigint not null check (size >= 0),
    sha256       bytea not null check (octet_length(sha256) = 32),
    created_by   text not null,
    created_at   timestamptz not null,
    primary key (tenant_id, id)
);
alter table files enable row level security;
alter table files force row level security;
create policy tenant_wall on files
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
