-- The last number given in each series of a legal entity. A number is given by the transaction that needs it, so that one
-- that is rolled back leaves no gap.
create table document_numbers (
    legal_entity text not null check (char_length(legal_entity) between 1 and 40),
    series       text not null check (series in ('invoice', 'credit_note')),
    last         bigint not null check (last > 0),
    primary key (legal_entity, series)
);
alter table document_numbers enable row level security;
alter table document_numbers force row level security;
create policy platform on document_numbers to tenantry_platform using (true) with check (true);
create policy limited on document_numbers to tenantry_limited using (true) with check (true);
grant select, insert, update on document_numbers to tenantry_platform, tenantry_limited;

-- draft -> open -> paid | void | uncollectible. Money is in minor units of the currency.
create table invoices (
    tenant_id         uuid not null references tenants (id),
    id                uuid not null unique,
    subscription_id   uuid,
    kind              text not null check (kind in ('cycle', 'change', 'usage', 'final', 'manual')),
    status            text not null check (status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
    currency          text not null check (currency ~ '^[A-Z]{3}$'),
    period_starts_at  timestamptz,
    period_ends_at    timestamptz,
    -- A draft's usage is counted until then, and it becomes final by itself; null: not by itself.
    finalize_at       timestamptz,
    -- The usage that is measured when it becomes final: {"span": ..., "plan": ..., "edition": ...}
    usage             jsonb,
    -- The coupons that it is discounted by: [{"code": ..., "name": ..., "discount": ...}]
    coupons           jsonb not null,
    -- From here to `customer`: given at finalisation.
    legal_entity      text,
    sequence          bigint,
    number            text,
    subtotal          bigint not null,
    discount          bigint not null,
    tax               bigint not null,
    total             bigint not null check (total >= 0),
    prices_include_tax boolean not null,
    tax_treatment     text not null check (tax_treatment in ('taxed', 'reverse_charge', 'exempt', 'not_collected')),
    -- What was taken from the customer's balance; negative: what the balance added to it.
    balance_applied   bigint not null,
    -- Too little to be collected: the balance carries it to the next invoice.
    carried_over      bigint not null check (carried_over >= 0),
    finalized_at      timestamptz,
    due_at            timestamptz,
    seller            jsonb,
    customer          jsonb,
    -- From here on: what became of it.
    paid              bigint not null check (paid >= 0),
    -- By credit notes: taken off what was due.
    credited_due      bigint not null check (credited_due >= 0),
    -- By credit notes: given back, as balance or as money.
    credited_paid     bigint not null check (credited_paid >= 0),
    -- Money that came beyond what was due; the balance has it.
    surplus           bigint not null check (surplus >= 0),
    refunded          bigint not null check (refunded between 0 and paid + surplus),
    written_off       bigint not null check (written_off >= 0),
    due               bigint not null check (due >= 0),
    paid_at           timestamptz,
    voided_at         timestamptz,
    uncollectible_at  timestamptz,
    -- Whether dunning has it, or had it: an invoice that is overdue is taken on once.
    dunned            boolean not null default false,
    version           bigint not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
    unique (legal_entity, sequence),
    unique (legal_entity, number),
    check ((status = 'draft') = (number is null) and (number is null) = (finalized_at is null)),
    check (credited_due + credited_paid <= total),
    check (credited_paid <= greatest(paid + balance_applied + carried_over, 0)),
    check (status = 'draft' or due = total - balance_applied - carried_over - paid - credited_due - written_off),
    check (due = 0 or status in ('open', 'uncollectible'))
);
-- Two nodes that bill the same period: the second finds this.
create unique index invoices_cycle on invoices (subscription_id, period_starts_at) where kind = 'cycle' and status <> 'void';
create index invoices_by_subscription on invoices (tenant_id, subscription_id, period_ends_at);
create index invoices_drafts on invoices (tenant_id, subscription_id) where status = 'draft';
create index invoices_by_status on invoices (tenant_id, status, id);
create index invoices_to_finalize on invoices (finalize_at, id) where status = 'draft' and finalize_at is not null;
create index invoices_overdue on invoices (due_at, id) where status = 'open' and not dunned;
alter table invoices enable row level security;
alter table invoices force row level security;
create policy tenant_wall on invoices to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on invoices to tenantry_platform using (true) with check (true);
grant select on invoices to tenantry_app;
grant select, insert, update, delete on invoices to tenantry_platform;
create policy limited on invoices to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on invoices to tenantry_limited;

create table invoice_lines (
    tenant_id        uuid not null,
    id               uuid not null,
    invoice_id       uuid not null,
    position         integer not null,
    kind             text not null check (kind in
        ('subscription', 'usage', 'one_time', 'proration', 'tax', 'discount', 'credit')),
    description      text not null check (char_length(description) between 1 and 500),
    -- What is sold: `plan:pro`, `add_on:seats`, `usage:api_calls`.
    item             text check (char_length(item) between 1 and 200),
    period_starts_at timestamptz,
    period_ends_at   timestamptz,
    quantity         numeric,
    -- In minor units, where it is a whole number of them.
    unit_price       bigint,
    amount           bigint not null,
    proration_mode   text check (proration_mode in ('day', 'second', 'fixed-30')),
    -- Of what is charged for time: the whole period that it is a part of, and what that costs.
    whole_starts_at  timestamptz,
    whole_ends_at    timestamptz,
    whole_amount     bigint,
    -- Of what is sold: what coupons take off it, what is left without tax, and the tax on that.
    discount         bigint not null check (discount >= 0),
    net              bigint not null check (net >= 0),
    tax              bigint not null check (tax >= 0),
    -- Of tax: the rate in percent.
    tax_rate         numeric,
    -- The price that usage was rated by, so that late usage is rated by the same.
    price            jsonb,
    primary key (tenant_id, id),
    unique (tenant_id, invoice_id, position),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id) on delete cascade,
    -- Nothing is sold for less than nothing: what is given back is a credit note.
    check (kind in ('discount', 'credit') or amount >= 0)
);
create index invoice_lines_by_usage on invoice_lines (tenant_id, item, period_starts_at) where kind = 'usage';
alter table invoice_lines enable row level security;
alter table invoice_lines force row level security;
create policy tenant_wall on invoice_lines to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on invoice_lines to tenantry_platform using (true) with check (true);
grant select on invoice_lines to tenantry_app;
grant select, insert, update, delete on invoice_lines to tenantry_platform;
create policy limited on invoice_lines to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update, delete on invoice_lines to tenantry_limited;

-- What changes a final invoice: itself never changed either.
create table credit_notes (
    tenant_id    uuid not null,
    id           uuid not null,
    invoice_id   uuid not null,
    reason       text not null check (reason in ('change', 'cancellation', 'refund', 'void', 'correction')),
    note         text check (char_length(note) between 1 and 500),
    legal_entity text not null,
    sequence     bigint not null,
    number       text not null,
    currency     text not null,
    subtotal     bigint not null check (subtotal >= 0),
    tax          bigint not null check (tax >= 0),
    total        bigint not null check (total > 0 and total = subtotal + tax),
    -- Where it went: off what was due, to the customer's balance, back as money.
    to_due       bigint not null check (to_due >= 0),
    to_balance   bigint not null check (to_balance >= 0),
    to_refund    bigint not null check (to_refund >= 0),
    seller       jsonb not null,
    customer     jsonb not null,
    issued_at    timestamptz not null,
    primary key (tenant_id, id),
    unique (legal_entity, sequence),
    unique (legal_entity, number),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
    check (total = to_due + to_balance + to_refund)
);
create index credit_notes_by_invoice on credit_notes (tenant_id, invoice_id, id);
alter table credit_notes enable row level security;
alter table credit_notes force row level security;
create policy tenant_wall on credit_notes to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on credit_notes to tenantry_platform using (true) with check (true);
grant select on credit_notes to tenantry_app;
grant select, insert on credit_notes to tenantry_platform;
create policy limited on credit_notes to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on credit_notes to tenantry_limited;

create table credit_note_lines (
    tenant_id        uuid not null,
    credit_note_id   uuid not null,
    position         integer not null,
    -- What it takes back.
    invoice_line_id  uuid not null,
    description      text not null check (char_length(description) between 1 and 500),
    period_starts_at timestamptz,
    period_ends_at   timestamptz,
    proration_mode   text check (proration_mode in ('day', 'second', 'fixed-30')),
    -- After discounts, without tax; and the tax on it.
    amount           bigint not null check (amount >= 0),
    tax              bigint not null check (tax >= 0),
    primary key (tenant_id, credit_note_id, position),
    foreign key (tenant_id, credit_note_id) references credit_notes (tenant_id, id),
    foreign key (tenant_id, invoice_line_id) references invoice_lines (tenant_id, id)
);
create index credit_note_lines_by_line on credit_note_lines (tenant_id, invoice_line_id);
alter table credit_note_lines enable row level security;
alter table credit_note_lines force row level security;
create policy tenant_wall on credit_note_lines to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on credit_note_lines to tenantry_platform using (true) with check (true);
grant select on credit_note_lines to tenantry_app;
grant select, insert on credit_note_lines to tenantry_platform;
create policy limited on credit_note_lines to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on credit_note_lines to tenantry_limited;

-- Money that came for an invoice. The identifier is the attempt's, so that one told twice counts once.
create table payments (
    tenant_id   uuid not null,
    id          uuid not null,
    invoice_id  uuid not null,
    -- What it paid of the invoice, and what it was more than that, which the balance keeps.
    applied     bigint not null check (applied >= 0),
    surplus     bigint not null check (surplus >= 0),
    refunded    bigint not null check (refunded between 0 and applied + surplus),
    currency    text not null,
    reference   text check (char_length(reference) between 1 and 200),
    received_at timestamptz not null,
    recorded_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
    check (applied + surplus > 0)
);
create index payments_by_invoice on payments (tenant_id, invoice_id, id);
alter table payments enable row level security;
alter table payments force row level security;
create policy tenant_wall on payments to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on payments to tenantry_platform using (true) with check (true);
grant select on payments to tenantry_app;
grant select, insert, update (refunded) on payments to tenantry_platform;
create policy limited on payments to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update (refunded) on payments to tenantry_limited;

-- Money that is to go back. The identifier is the refund's. The customer's claim is booked when it is asked for, the money
-- when it left; one that failed becomes balance.
create table repayments (
    tenant_id      uuid not null,
    id             uuid not null,
    payment_id     uuid not null,
    invoice_id     uuid not null,
    credit_note_id uuid,
    amount         bigint not null check (amount > 0),
    currency       text not null,
    status         text not null check (status in ('pending', 'paid', 'failed')),
    asked_at       timestamptz not null,
    settled_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, payment_id) references payments (tenant_id, id),
    foreign key (tenant_id, invoice_id) references invoices (tenant_id, id),
    foreign key (tenant_id, credit_note_id) references credit_notes (tenant_id, id),
    check ((status = 'pending') = (settled_at is null))
);
create index repayments_by_invoice on repayments (tenant_id, invoice_id, id);
alter table repayments enable row level security;
alter table repayments force row level security;
create policy tenant_wall on repayments to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on repayments to tenantry_platform using (true) with check (true);
grant select on repayments to tenantry_app;
grant select, insert, update (status, settled_at) on repayments to tenantry_platform;
create policy limited on repayments to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update (status, settled_at) on repayments to tenantry_limited;

-- How much of what was invoiced in each span. Late events make a span's number larger: the next invoice has the difference.
create table invoiced_usage (
    tenant_id       uuid not null,
    subscription_id uuid not null,
    metric          text not null,
    starts_at       timestamptz not null,
    ends_at         timestamptz not null,
    -- As it was measured last, and what that costs.
    quantity        numeric not null,
    amount          bigint not null,
    price           jsonb not null,
    -- What was measured when it was first invoiced; differences since are what came late.
    first_quantity  numeric not null,
    adjustments     integer not null default 0,
    -- The line that first charged for it; none where nothing was to be charged.
    line_id         uuid,
    invoice_id      uuid not null,
    checked_at      timestamptz not null,
    primary key (tenant_id, subscription_id, metric, starts_at),
    foreign key (tenant_id, subscription_id) references subscriptions (tenant_id, id),
    check (starts_at < ends_at)
);
create index invoiced_usage_by_end on invoiced_usage (tenant_id, subscription_id, ends_at);
alter table invoiced_usage enable row level security;
alter table invoiced_usage force row level security;
create policy tenant_wall on invoiced_usage to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on invoiced_usage to tenantry_platform using (true) with check (true);
grant select on invoiced_usage to tenantry_app;
grant select, insert, update, delete on invoiced_usage to tenantry_platform;
create policy limited on invoiced_usage to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert, update on invoiced_usage to tenantry_limited;

-- A final invoice never changes, but for what becomes of it.
create function guard_invoice() returns trigger language plpgsql set search_path = pg_catalog, control as $$
declare
    changing text[] := array['status', 'paid', 'surplus', 'credited_due', 'credited_paid', 'refunded', 'written_off', 'due', 'paid_at',
                             'voided_at', 'uncollectible_at', 'dunned', 'version', 'updated_at'];
begin
    if tg_op = 'DELETE' then
        if old.status <> 'draft' then raise 'a final invoice cannot be deleted' using errcode = 'TN001'; end if;
        return old;
    end if;
    if old.status <> 'draft' and (new.status = 'draft' or to_jsonb(old) - changing <> to_jsonb(new) - changing) then
        raise 'a final invoice cannot be changed' using errcode = 'TN001';
    end if;
    return new;
end $$;
create trigger guard_invoice before update or delete on invoices for each row execute function guard_invoice();

create function guard_invoice_line() returns trigger language plpgsql set search_path = pg_catalog, control as $$
declare
    line control.invoice_lines%rowtype := case when tg_op = 'DELETE' then old else new end;
begin
    if tg_op = 'UPDATE' and (new.tenant_id, new.invoice_id) <> (old.tenant_id, old.invoice_id) then
        raise 'a line cannot move to another invoice' using errcode = 'TN001';
    end if;
    -- Of an invoice that is deleted with its lines there is nothing to be found any more; that it was a draft is known.
    if exists (select from control.invoices i
               where i.tenant_id = line.tenant_id and i.id = line.invoice_id and i.status <> 'draft') then
        raise 'the lines of a final invoice cannot be changed' using errcode = 'TN001';
    end if;
    return line;
end $$;
create trigger guard_invoice_line before insert or update or delete on invoice_lines
    for each row execute function guard_invoice_line();

-- The ledger: double entry. Nobody may change or delete what is in it.
create table ledger_entries (
    tenant_id   uuid not null references tenants (id),
    id          uuid not null,
    -- What it records, the identifier of that, and which time, where it can happen more than once: each is recorded once.
    cause       text not null check (cause ~ '^[a-z][a-z_]{0,39}$'),
    cause_id    uuid not null,
    occurrence  bigint not null,
    currency    text not null check (currency ~ '^[A-Z]{3}$'),
    -- How many postings it has: none can be added to it later.
    postings    smallint not null check (postings >= 2),
    -- When it happened by billing's time, and when it was written.
    at          timestamptz not null,
    recorded_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, cause, cause_id, occurrence)
);
create index ledger_entries_by_time on ledger_entries (tenant_id, at, id);
alter table ledger_entries enable row level security;
alter table ledger_entries force row level security;
create policy tenant_wall on ledger_entries to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on ledger_entries to tenantry_platform using (true) with check (true);
grant select on ledger_entries to tenantry_app;
grant select, insert on ledger_entries to tenantry_platform;
create policy limited on ledger_entries to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on ledger_entries to tenantry_limited;

create table ledger_postings (
    tenant_id uuid not null,
    entry_id  uuid not null,
    account   text not null check (account in ('receivable', 'cash', 'revenue', 'tax_payable', 'customer_balance', 'refunds',
                                               'write_off', 'disputes', 'fees')),
    currency  text not null check (currency ~ '^[A-Z]{3}$'),
    -- Debit is positive, credit negative.
    amount    bigint not null check (amount <> 0),
    primary key (tenant_id, entry_id, account),
    foreign key (tenant_id, entry_id) references ledger_entries (tenant_id, id)
);
alter table ledger_postings enable row level security;
alter table ledger_postings force row level security;
create policy tenant_wall on ledger_postings to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on ledger_postings to tenantry_platform using (true) with check (true);
grant select on ledger_postings to tenantry_app;
grant select, insert on ledger_postings to tenantry_platform;
create policy limited on ledger_postings to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select, insert on ledger_postings to tenantry_limited;

-- What every account stands at; written by the trigger below alone.
create table ledger_balances (
    tenant_id uuid not null references tenants (id),
    account   text not null,
    currency  text not null,
    amount    bigint not null,
    primary key (tenant_id, account, currency)
);
create policy owner on ledger_balances to tenantry_owner using (true) with check (true);
alter table ledger_balances enable row level security;
alter table ledger_balances force row level security;
create policy tenant_wall on ledger_balances to tenantry_app
    using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid);
create policy platform on ledger_balances to tenantry_platform using (true) with check (true);
grant select on ledger_balances to tenantry_app;
grant select on ledger_balances to tenantry_platform;
create policy limited on ledger_balances to tenantry_limited using (tenant_id = any ((select reach())::uuid[]));
grant select on ledger_balances to tenantry_limited;

create function post_to_balances() returns trigger language plpgsql security definer set search_path = pg_catalog, control as $$
begin
    insert into control.ledger_balances as b (tenant_id, account, currency, amount)
    select tenant_id, account, currency, sum(amount) from added group by tenant_id, account, currency
    order by tenant_id, account, currency
    on conflict (tenant_id, account, currency) do update set amount = b.amount + excluded.amount;
    return null;
end $$;
revoke execute on function post_to_balances from public;
create trigger post_to_balances after insert on ledger_postings
    referencing new table as added for each statement execute function post_to_balances();

-- Looked at when the transaction commits: every entry is whole, in one currency, and sums to zero.
create function balance_entry() returns trigger language plpgsql set search_path = pg_catalog, control as $$
declare
    entry control.ledger_entries%rowtype;
    found_postings bigint;
    total numeric;
begin
    select * into entry from control.ledger_entries e
        where e.tenant_id = new.tenant_id and e.id = (to_jsonb(new) ->> tg_argv[0])::uuid;
    select count(*), sum(amount) into found_postings, total from control.ledger_postings p
        where p.tenant_id = entry.tenant_id and p.entry_id = entry.id and p.currency = entry.currency;
    if found_postings <> entry.postings or total is distinct from 0
       or exists (select from control.ledger_postings p where p.tenant_id = entry.tenant_id and p.entry_id = entry.id
                  and p.currency <> entry.currency) then
        raise 'entry % does not balance', entry.id using errcode = 'TN002';
    end if;
    return null;
end $$;
create constraint trigger balance_entry after insert on ledger_entries
    deferrable initially deferred for each row execute function balance_entry('id');
create constraint trigger balance_entry after insert on ledger_postings
    deferrable initially deferred for each row execute function balance_entry('entry_id');
