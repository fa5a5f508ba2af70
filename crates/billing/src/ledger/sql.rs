//! Entries in the database.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::{Currency, Money};
use uuid::Uuid;

use super::model::{Account, Cause, Entry, LedgerEntry, LedgerEntryId, Posting};
use crate::columns::currency;

/// Records the entry; answers false where its cause is recorded already. One in which nothing moves is not recorded.
pub async fn record(
    tx: &mut ControlTx,
    tenant: TenantId,
    entry: &Entry,
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let (accounts, amounts): (Vec<Account>, Vec<i64>) = entry.postings().unzip();
    if accounts.is_empty() {
        return Ok(true);
    }
    let accounts: Vec<String> = accounts.iter().map(|account| account.name().to_owned()).collect();
    let (id, now): (LedgerEntryId, _) = (tx.new_id(), tx.now());
    let recorded = sqlx::query!(
        "with entry as (
             insert into control.ledger_entries
                 (tenant_id, id, cause, cause_id, occurrence, currency, postings, at, recorded_at)
             values ($1, $2, $3, $4, $10, $5, cardinality($6::text[]), $7, $8)
             on conflict (tenant_id, cause, cause_id, occurrence) do nothing returning id)
         insert into control.ledger_postings (tenant_id, entry_id, account, currency, amount)
         select $1, entry.id, side.account, $5, side.amount
         from entry, unnest($6::text[], $9::bigint[]) as side(account, amount)",
        tenant as _,
        id as _,
        entry.cause.name(),
        entry.cause_id,
        entry.currency.code(),
        &accounts,
        at as _,
        now as _,
        &amounts,
        entry.occurrence
    )
    .execute(tx.conn())
    .await?;
    Ok(recorded.rows_affected() > 0)
}

/// What an account stands at: debits less credits.
pub async fn balance(
    tx: &mut ControlTx,
    tenant: TenantId,
    account: Account,
    currency: Currency,
) -> Result<Money, sqlx::Error> {
    let amount = sqlx::query_scalar!(
        "select amount from control.ledger_balances where tenant_id = $1 and account = $2 and currency = $3",
        tenant as _,
        account.name(),
        currency.code()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(Money::new(amount.unwrap_or(0), currency))
}

/// What the customer has to spend; below zero: what he owes from before.
pub async fn customer_balance(
    tx: &mut ControlTx,
    tenant: TenantId,
    currency: Currency,
) -> Result<Money, sqlx::Error> {
    let booked = balance(tx, tenant, Account::CustomerBalance, currency).await?;
    Ok(Money::new(-booked.amount, currency))
}

/// What all of a tenant's accounts stand at.
pub async fn balances(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Posting>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select account as "account: Account", currency, amount from control.ledger_balances
           where tenant_id = $1 order by currency, account"#,
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Posting {
                account: row.account,
                money: Money::new(row.amount, currency(&row.currency)?),
            })
        })
        .collect()
}

/// A tenant's entries, oldest first, at most `limit` of them after this one.
pub async fn entries(
    tx: &mut ControlTx,
    tenant: TenantId,
    after: Option<(Timestamp, LedgerEntryId)>,
    limit: i64,
) -> Result<Vec<LedgerEntry>, sqlx::Error> {
    let (at, id) = after.map_or(
        (Timestamp::from_micros(Timestamp::MIN_MILLIS * 1000), Uuid::nil()),
        |(at, id)| (at, id.uuid()),
    );
    let rows = sqlx::query!(
        r#"select e.id as "id: LedgerEntryId", e.cause as "cause: Cause", e.at as "at: Timestamp", e.currency,
                  array_agg(p.account order by p.account) as "accounts!",
                  array_agg(p.amount order by p.account) as "amounts!"
           from control.ledger_entries e
           join control.ledger_postings p on p.tenant_id = e.tenant_id and p.entry_id = e.id
           where e.tenant_id = $1 and (e.at, e.id) > ($2, $3)
           group by e.tenant_id, e.id order by e.at, e.id limit $4"#,
        tenant as _,
        at as _,
        id,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency = currency(&row.currency)?;
            let sides = row.accounts.iter().zip(row.amounts);
            let postings = sides.filter_map(|(account, amount)| {
                Some(Posting {
                    account: Account::from_name(account)?,
                    money: Money::new(amount, currency),
                })
            });
            Ok(LedgerEntry {
                id: row.id,
                cause: row.cause,
                at: row.at,
                postings: postings.collect(),
            })
        })
        .collect()
}
