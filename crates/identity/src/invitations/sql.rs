//! Statements on `control.invitations`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp, UserId};

use super::model::{Invitation, InvitationId};
use crate::token::Hash;

/// Removes what is open of a person's invitations; answers how many there were.
pub(super) async fn delete_open(
    tx: &mut ControlTx,
    tenant: TenantId,
    user: UserId,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from control.invitations where tenant_id = $1 and user_id = $2 and accepted_at is null",
        tenant as _,
        user as _
    )
    .execute(tx.conn())
    .await?;
    Ok(deleted.rows_affected())
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    invitation: &Invitation,
    hash: &Hash,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.invitations (tenant_id, id, user_id, token_hash, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        invitation.tenant_id as _,
        invitation.id as _,
        invitation.user_id as _,
        &hash[..],
        invitation.expires_at as _,
        invitation.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The open invitation of this token.
pub(super) async fn find(
    tx: &mut ControlTx,
    hash: &Hash,
    now: Timestamp,
) -> Result<Option<Invitation>, sqlx::Error> {
    sqlx::query_as!(
        Invitation,
        r#"select id as "id: InvitationId", tenant_id as "tenant_id: TenantId", user_id as "user_id: UserId",
                  expires_at as "expires_at: Timestamp", accepted_at as "accepted_at: Timestamp",
                  created_at as "created_at: Timestamp"
           from control.invitations where token_hash = $1 and accepted_at is null and expires_at > $2"#,
        &hash[..],
        now as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Uses up the open invitation of this token: of several at once, the row lets one through.
pub(super) async fn redeem(
    tx: &mut ControlTx,
    hash: &Hash,
    now: Timestamp,
) -> Result<Option<Invitation>, sqlx::Error> {
    sqlx::query_as!(
        Invitation,
        r#"update control.invitations set accepted_at = $2
           where token_hash = $1 and accepted_at is null and expires_at > $2
           returning id as "id: InvitationId", tenant_id as "tenant_id: TenantId", user_id as "user_id: UserId",
                     expires_at as "expires_at: Timestamp", accepted_at as "accepted_at: Timestamp",
                     created_at as "created_at: Timestamp""#,
        &hash[..],
        now as _
    )
    .fetch_optional(tx.conn())
    .await
}
