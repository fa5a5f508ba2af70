//! Statements on `control.password_resets`.

use identity::Person;
use identity::token::Hash;
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

/// Makes void what is open of a person's links.
pub(super) async fn withdraw(tx: &mut ControlTx, person: Person) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.password_resets
         where person_id = $1 and tenant_id is not distinct from $2 and used_at is null",
        person.uuid(),
        person.tenant() as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    person: Person,
    hash: &Hash,
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "insert into control.password_resets (token_hash, tenant_id, person_id, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
        &hash[..],
        person.tenant() as _,
        person.uuid(),
        now as _,
        expires_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose open link has this token.
pub(super) async fn find(tx: &mut ControlTx, hash: &Hash) -> Result<Option<Person>, sqlx::Error> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", person_id from control.password_resets
           where token_hash = $1 and used_at is null and expires_at > $2"#,
        &hash[..],
        now as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Person::from_columns(row.tenant, row.person_id)))
}

/// Uses up the open link of this token: of several at once, the row lets one through.
pub(super) async fn redeem(tx: &mut ControlTx, hash: &Hash) -> Result<Option<Person>, sqlx::Error> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"update control.password_resets set used_at = $2
           where token_hash = $1 and used_at is null and expires_at > $2
           returning tenant_id as "tenant: TenantId", person_id"#,
        &hash[..],
        now as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Person::from_columns(row.tenant, row.person_id)))
}

pub(super) async fn prune(tx: &mut ControlTx) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "delete from control.password_resets where expires_at <= $1",
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
