//! What was written down of subscriptions' worth.

use std::collections::BTreeMap;

use isolation::{ControlTx, Tx};
use kernel::Timestamp;

use super::model::{Moved, Movement, Standing};

/// Where each currency stood at that instant, by its code.
pub(super) async fn standing(
    tx: &mut ControlTx,
    at: Timestamp,
) -> Result<BTreeMap<String, Standing>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select currency, sum(yearly_amount - previous_amount)::bigint as "yearly!",
                  count(*) filter (where movement in ('new', 'reactivation'))
                      - count(*) filter (where movement = 'churned') as "customers!"
           from control.subscription_changes where at < $1 group by currency"#,
        at as _
    )
    .fetch_all(tx.conn())
    .await?;
    let standing = rows.into_iter().map(|row| {
        let standing = Standing {
            customers: row.customers,
            yearly: row.yearly,
        };
        (row.currency, standing)
    });
    Ok(standing.collect())
}

/// A movement in a currency.
#[derive(Debug)]
pub(super) struct InMonth {
    /// `2026-11`
    pub(super) month: String,
    pub(super) currency: String,
    pub(super) movement: Movement,
    pub(super) moved: Moved,
}

/// What moved from one instant up to another, by month and currency.
pub(super) async fn moved(
    tx: &mut ControlTx,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<InMonth>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select to_char(at at time zone 'UTC', 'YYYY-MM') as "month!", currency, movement as "movement: Movement",
                  count(*) as "count!", sum(yearly_amount - previous_amount)::bigint as "yearly!"
           from control.subscription_changes where at >= $1 and at < $2 group by 1, 2, 3"#,
        from as _,
        until as _
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| InMonth {
            month: row.month,
            currency: row.currency,
            movement: row.movement,
            moved: Moved {
                count: row.count,
                yearly: row.yearly,
            },
        })
        .collect())
}
