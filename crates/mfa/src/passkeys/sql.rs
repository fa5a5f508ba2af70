//! Statements on `control.passkeys` and `control.passkey_ceremonies`.

use identity::{Name, Person};
use isolation::{ControlTx, Tx};
use kernel::Timestamp;
use serde_json::Value;

use super::ceremony::{CeremonyId, Purpose};
use super::model::{Passkey, PasskeyId};

/// Ceremonies that may wait for somebody's answer at one time.
const OPEN: i64 = 10;

/// Removes what is over of somebody's ceremonies, and the oldest where there are too many.
pub(super) async fn make_room(tx: &mut ControlTx, person: Person) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "delete from control.passkey_ceremonies where id in (
             select id from control.passkey_ceremonies
             where person_id = $1 and tenant_id is not distinct from $2 and expires_at <= $3
             union all
             (select id from control.passkey_ceremonies
              where person_id = $1 and tenant_id is not distinct from $2
              order by created_at desc offset $4))",
        person.uuid(),
        person.tenant() as _,
        now as _,
        OPEN - 1
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn begin(
    tx: &mut ControlTx,
    id: CeremonyId,
    person: Person,
    purpose: Purpose,
    sealed: &[u8],
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "insert into control.passkey_ceremonies
             (id, tenant_id, person_id, purpose, state_sealed, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id as _,
        person.tenant() as _,
        person.uuid(),
        purpose as _,
        sealed,
        now as _,
        expires_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes the ceremony and answers what it kept.
pub(super) async fn take(
    tx: &mut ControlTx,
    id: CeremonyId,
    person: Person,
    purpose: Purpose,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let now = tx.now();
    sqlx::query_scalar!(
        "delete from control.passkey_ceremonies
         where id = $1 and person_id = $2 and tenant_id is not distinct from $3 and purpose = $4 and expires_at > $5
         returning state_sealed",
        id as _,
        person.uuid(),
        person.tenant() as _,
        purpose as _,
        now as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// What the library keeps of each of somebody's passkeys.
pub(super) async fn credentials(tx: &mut ControlTx, person: Person) -> Result<Vec<Value>, sqlx::Error> {
    sqlx::query_scalar!(
        "select credential from control.passkeys
         where person_id = $1 and tenant_id is not distinct from $2 order by id",
        person.uuid(),
        person.tenant() as _
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    person: Person,
    passkey: &Passkey,
    credential_id: &[u8],
    credential: &Value,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.passkeys (id, tenant_id, person_id, credential_id, name, credential, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        passkey.id as _,
        person.tenant() as _,
        person.uuid(),
        credential_id,
        &passkey.name as _,
        credential,
        passkey.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the library keeps of the one that answered; nobody else's use of it goes on until the transaction ends.
pub(super) async fn lock_credential(
    tx: &mut ControlTx,
    person: Person,
    credential_id: &[u8],
) -> Result<Option<Value>, sqlx::Error> {
    sqlx::query_scalar!(
        "select credential from control.passkeys
         where person_id = $1 and tenant_id is not distinct from $2 and credential_id = $3 for update",
        person.uuid(),
        person.tenant() as _,
        credential_id
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes a use; not where the counter is one that was seen before.
pub(super) async fn note_use(
    tx: &mut ControlTx,
    person: Person,
    credential_id: &[u8],
    credential: &Value,
    sign_count: i64,
) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let done = sqlx::query!(
        "update control.passkeys set credential = $4, sign_count = $5, last_used_at = $6
         where person_id = $1 and tenant_id is not distinct from $2 and credential_id = $3
           and (sign_count < $5 or sign_count = 0 and $5 = 0)",
        person.uuid(),
        person.tenant() as _,
        credential_id,
        credential,
        sign_count,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody's, the oldest first.
pub(super) async fn list(tx: &mut ControlTx, person: Person) -> Result<Vec<Passkey>, sqlx::Error> {
    sqlx::query_as!(
        Passkey,
        r#"select id as "id: PasskeyId", name as "name: Name", created_at as "created_at: Timestamp",
                  last_used_at as "last_used_at: Timestamp"
           from control.passkeys where person_id = $1 and tenant_id is not distinct from $2 order by id"#,
        person.uuid(),
        person.tenant() as _
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn remove(tx: &mut ControlTx, person: Person, id: PasskeyId) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "delete from control.passkeys where id = $1 and person_id = $2 and tenant_id is not distinct from $3",
        id as _,
        person.uuid(),
        person.tenant() as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
