//! Statements on `control.recovery_codes`.

use identity::Person;
use identity::token::Hash;
use isolation::{ControlTx, Tx};
use kernel::{Entity, Id};
use uuid::Uuid;

/// Marker of recovery codes; their identifiers are not shown.
#[derive(Debug)]
enum RecoveryCodeEntity {}
impl Entity for RecoveryCodeEntity {
    const PREFIX: &'static str = "recovery_code";
}

/// Removes all of them.
pub(crate) async fn remove(tx: &mut ControlTx, person: Person) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.recovery_codes where person_id = $1 and tenant_id is not distinct from $2",
        person.uuid(),
        person.tenant() as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn insert(tx: &mut ControlTx, person: Person, hashes: &[Hash]) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let ids: Vec<Uuid> = hashes
        .iter()
        .map(|_| Id::<RecoveryCodeEntity>::uuid(tx.new_id()))
        .collect();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    sqlx::query!(
        "insert into control.recovery_codes (id, tenant_id, person_id, code_hash, created_at)
         select id, $2, $3, hash, $5 from unnest($1::uuid[], $4::bytea[]) as fresh (id, hash)",
        &ids,
        person.tenant() as _,
        person.uuid(),
        &hashes,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses it up: of several at once, the row lets one through.
pub(super) async fn redeem(tx: &mut ControlTx, person: Person, hash: &Hash) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let done = sqlx::query!(
        "update control.recovery_codes set used_at = $4
         where person_id = $1 and tenant_id is not distinct from $2 and code_hash = $3 and used_at is null",
        person.uuid(),
        person.tenant() as _,
        &hash[..],
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
