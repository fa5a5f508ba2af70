-- Invoices that are not paid and being collected, one row each for as long as anything of them is due, and afterwards.
create table dunning_cases (
    tenant_id        uuid not null,
    invoice_id       uuid not null,
    -- running: it is being collected; exhausted: everything was tried; ended: nothing is due any more, or given up.
    status           text not null check (status in ('running', 'exhausted', 'ended')),
    -- As the catalogue said when it began: days from each failure to the next try, and what follows the last.
    retry_after_days integer[] not null,
    final_action     text not null check (final_action in ('suspend', 'cancel', 'downgrade_to_free', 'mark_unpaid')),
    -- How often it was tried, the first time included.
    tries            integer not null check (tries >= 0),
    -- When it is looked at again; null once nothing becomes due by itself.
    next_at          timestamptz,
    -- The attempt whose end decides about the try that is being made.
    awaited          uuid,
    -- To be tried as soon as no attempt is open: there is another method.
    again            boolean not null,
    -- A method that was refused for good; it is not charged again.
    refused_method   uuid,
    -- Looks that failed, one after the other.
    failures         integer not null default 0,
    began_at         timestamptz not null,
    ended_at         timestamptz,
    primary key (tenant_id, invoice_id),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id) on delete cascade,
    check (status <> 'running' or next_at is not null),
    check (status <> 'ended' or next_at is null),
    check ((status = 'ended') = (ended_at is not null))
);
create index dunning_due on dunning_cases (next_at, invoice_id) where next_at is not null;
alter table dunning_cases enable row level security;
alter table dunning_cases force row level security;
create policy tenant_wall on dunning_cases to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on dunning_cases to tenantry_platform using (true) with check (true);
grant select on dunning_cases to tenantry_app;
grant select, insert, update, delete on dunning_cases to tenantry_platform;
create policy limited on dunning_cases to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on dunning_cases to tenantry_limited;
