-- Mails to be sent and sent ones. The text is blanked once it is delivered: it may hold a link that is a secret.
create table mails (
    id         uuid primary key,
    tenant_id  uuid,
    recipient  text not null,
    subject    text not null,
    body       text,
    status     text not null check (status in ('queued', 'sent', 'failed')),
    last_error text,
    created_at timestamptz not null,
    sent_at    timestamptz
);
create index mails_by_tenant on mails (tenant_id, id);
alter table mails enable row level security;
alter table mails force row level security;
create policy tenant_wall on mails to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on mails to tenantry_platform using (true) with check (true);
grant insert on mails to tenantry_app;
grant select, insert, update, delete on mails to tenantry_platform;
create policy limited on mails to tenantry_limited using (tenant_id = any ((select reach())::uuid[])) with check (tenant_id is null or tenant_id = any ((select reach())::uuid[]));
grant insert on mails to tenantry_limited;
