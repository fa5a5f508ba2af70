//! Statements on `control.login_failures`.

use identity::token::Hash;
use isolation::{ControlTx, Tx};
use kernel::Timestamp;

use super::rule::Count;

/// The buckets' counts, locked in the order given until the transaction ends; made where they are missing.
pub(super) async fn lock(tx: &mut ControlTx, buckets: &[Hash]) -> Result<Vec<(Hash, Count)>, sqlx::Error> {
    let now = tx.now();
    let wanted: Vec<Vec<u8>> = buckets.iter().map(|bucket| bucket.to_vec()).collect();
    let rows = sqlx::query!(
        r#"insert into control.login_failures as kept (bucket, failures, last_failed_at)
           select bucket, 0, $2 from unnest($1::bytea[]) with ordinality as wanted (bucket, place) order by place
           on conflict (bucket) do update set bucket = excluded.bucket
           returning bucket, failures, last_failed_at as "last_failed_at: Timestamp",
                     blocked_until as "blocked_until: Timestamp""#,
        &wanted,
        now as _
    )
    .fetch_all(tx.conn())
    .await?;
    let counts = rows.into_iter().filter_map(|row| {
        let bucket = Hash::try_from(row.bucket.as_slice()).ok()?;
        let count = Count {
            failures: row.failures,
            last_failed_at: row.last_failed_at,
            blocked_until: row.blocked_until,
        };
        Some((bucket, count))
    });
    Ok(counts.collect())
}

/// When the last of their blocks ends.
pub(super) async fn blocked_until(
    tx: &mut ControlTx,
    buckets: &[Hash],
) -> Result<Option<Timestamp>, sqlx::Error> {
    let wanted: Vec<Vec<u8>> = buckets.iter().map(|bucket| bucket.to_vec()).collect();
    sqlx::query_scalar!(
        r#"select max(blocked_until) as "until: Timestamp" from control.login_failures where bucket = any ($1)"#,
        &wanted
    )
    .fetch_one(tx.conn())
    .await
}

/// Writes the counts of buckets that are locked.
pub(super) async fn write(
    tx: &mut ControlTx,
    counts: impl Iterator<Item = (Hash, Count)>,
) -> Result<(), sqlx::Error> {
    let (mut buckets, mut failures, mut failed, mut blocked) = (vec![], vec![], vec![], vec![]);
    for (bucket, count) in counts {
        buckets.push(bucket.to_vec());
        failures.push(count.failures);
        failed.push(count.last_failed_at);
        blocked.push(count.blocked_until);
    }
    sqlx::query!(
        "update control.login_failures kept
         set failures = given.failures, last_failed_at = given.failed, blocked_until = given.blocked
         from unnest($1::bytea[], $2::float8[], $3::timestamptz[], $4::timestamptz[])
              as given (bucket, failures, failed, blocked)
         where kept.bucket = given.bucket",
        &buckets,
        &failures,
        failed as _,
        blocked as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn remove(
    tx: &mut ControlTx,
    buckets: impl Iterator<Item = Hash>,
) -> Result<(), sqlx::Error> {
    let buckets: Vec<Vec<u8>> = buckets.map(|bucket| bucket.to_vec()).collect();
    sqlx::query!(
        "delete from control.login_failures where bucket = any ($1)",
        &buckets
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes counts that are forgiven, whatever they were: of the slowest rule, two hundred in two hundred hours.
pub(super) async fn prune(tx: &mut ControlTx) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "delete from control.login_failures where last_failed_at < $1::timestamptz - interval '9 days'",
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
