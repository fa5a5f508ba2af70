//! Who else counts usage for this installation.

use isolation::{Databases, Tx};

/// What is announced when a node comes.
pub(crate) const TOPIC: &str = "metering_nodes";
/// A node that was silent for so long is dead, in seconds of the database's clock.
pub(super) const SILENCE: f64 = 10.0;

/// Says that this node is there, and answers whether others are.
pub(crate) async fn appear(databases: &Databases) -> Result<bool, sqlx::Error> {
    let mut tx = databases.system("metering").control().await?;
    let node = databases.node();
    let appeared = sqlx::query_scalar!(
        r#"insert into control.metering_nodes as t (node, seen_at) values ($1, clock_timestamp())
           on conflict (node) do update set seen_at = excluded.seen_at
           returning xmax = 0 as "new!""#,
        node
    )
    .fetch_one(tx.conn())
    .await?;
    sqlx::query!(
        "with silent as (delete from control.metering_nodes where seen_at < clock_timestamp() - make_interval(secs => $1))
         delete from control.quota_leases where expires_at < clock_timestamp()",
        SILENCE * 60.0
    )
    .execute(tx.conn())
    .await?;
    if appeared {
        tx.announce(TOPIC, &node.to_string()).await?;
    }
    tx.commit().await?;
    // After the commit: of two that come at one time, one sees the other.
    others(databases).await
}

async fn others(databases: &Databases) -> Result<bool, sqlx::Error> {
    let mut tx = databases.system("metering").control().await?;
    sqlx::query_scalar!(
        r#"select exists (select from control.metering_nodes
                          where node <> $1 and seen_at > clock_timestamp() - make_interval(secs => $2)) as "others!""#,
        databases.node(),
        SILENCE
    )
    .fetch_one(tx.conn())
    .await
}

/// Takes the node and its leases away, when all that it counted is written.
pub(crate) async fn leave(databases: &Databases) -> Result<(), sqlx::Error> {
    let mut tx = databases.system("metering").control().await?;
    sqlx::query!(
        "with leases as (delete from control.quota_leases where node = $1)
         delete from control.metering_nodes where node = $1",
        databases.node()
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
