//! Statements on `control.totp_factors`.

use identity::Person;
use isolation::{ControlTx, Tx};
use kernel::{Entity, Id, Timestamp};

/// Marker of authenticator apps; their identifiers are not shown.
#[derive(Debug)]
enum TotpEntity {}
impl Entity for TotpEntity {
    const PREFIX: &'static str = "totp";
}

/// A stored secret.
pub(super) struct Stored {
    pub(super) secret_sealed: Vec<u8>,
    pub(super) last_step: i64,
    pub(super) created_at: Timestamp,
}

/// Begins one in the place of what was begun before; not where one is in use.
pub(super) async fn begin(tx: &mut ControlTx, person: Person, sealed: &[u8]) -> Result<bool, sqlx::Error> {
    let (id, now) = (tx.new_id::<TotpEntity>(), tx.now());
    let done = sqlx::query!(
        "insert into control.totp_factors as mine (id, tenant_id, person_id, secret_sealed, created_at)
         values ($1, $2, $3, $4, $5)
         on conflict (person_id) do update
             set secret_sealed = excluded.secret_sealed, created_at = excluded.created_at, last_step = 0
             where mine.confirmed_at is null",
        id as Id<TotpEntity> as _,
        person.tenant() as _,
        person.uuid(),
        sealed,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What was begun and not confirmed yet.
pub(super) async fn begun(tx: &mut ControlTx, person: Person) -> Result<Option<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        r#"select secret_sealed, last_step, created_at as "created_at: Timestamp" from control.totp_factors
         where person_id = $1 and tenant_id is not distinct from $2 and confirmed_at is null"#,
        person.uuid(),
        person.tenant() as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// The one in use.
pub(super) async fn in_use(tx: &mut ControlTx, person: Person) -> Result<Option<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        r#"select secret_sealed, last_step, created_at as "created_at: Timestamp" from control.totp_factors
         where person_id = $1 and tenant_id is not distinct from $2 and confirmed_at is not null"#,
        person.uuid(),
        person.tenant() as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Puts what was begun to use; the step is used up with it.
pub(super) async fn confirm(tx: &mut ControlTx, person: Person, step: i64) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let done = sqlx::query!(
        "update control.totp_factors set confirmed_at = $3, last_step = $4
         where person_id = $1 and tenant_id is not distinct from $2 and confirmed_at is null",
        person.uuid(),
        person.tenant() as _,
        now as _,
        step
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses up the step: of several at once, the row lets one through.
pub(super) async fn take_step(tx: &mut ControlTx, person: Person, step: i64) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update control.totp_factors set last_step = $3
         where person_id = $1 and tenant_id is not distinct from $2 and confirmed_at is not null and last_step < $3",
        person.uuid(),
        person.tenant() as _,
        step
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes the one in use.
pub(super) async fn remove(tx: &mut ControlTx, person: Person) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "delete from control.totp_factors
         where person_id = $1 and tenant_id is not distinct from $2 and confirmed_at is not null",
        person.uuid(),
        person.tenant() as _
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
