//! Operators as far as the door is concerned: how one who is added first comes in, and who has to log in again.

use identity::admins::{
    self, Admin, AdminChange, AdminError, AdminId, AdminStatus, Authority, Changed, NewAdmin,
};
use identity::{Password, Person, token};
use isolation::{ControlTx, PlatformCtx};
use kernel::Secret;

use crate::password_resets;
use crate::sessions::{self, EndReason, SessionError};

/// Something could not be done with an operator.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// He could not be added or changed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// His sessions could not be ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The link to his first password could not be sent.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The password of somebody who is to choose his own: nobody knows it.
pub fn unknown_password(ctx: &PlatformCtx) -> Password {
    let random: Secret<String> = token::mint(ctx.seams(), "");
    Password::new(random).expect("256 random bits in 43 characters are a password")
}

/// Adds an operator whom a mail leads to his first password.
pub async fn invite(
    ctx: &PlatformCtx,
    tx: &mut ControlTx,
    held: &Authority,
    new: NewAdmin,
) -> Result<Admin, OperatorError> {
    let admin = admins::create(tx, held, new).await?;
    password_resets::enqueue(ctx, tx, None, &admin.email).await?;
    Ok(admin)
}

/// Changes an operator. If that changes what he may, he has to log in again.
pub async fn update(
    tx: &mut ControlTx,
    held: &Authority,
    id: AdminId,
    expected: Option<i64>,
    change: AdminChange,
) -> Result<Admin, OperatorError> {
    let Changed {
        admin,
        stands_otherwise,
    } = admins::update(tx, held, id, expected, change).await?;
    if stands_otherwise {
        let reason = match admin.status {
            AdminStatus::Active => EndReason::Revoked,
            AdminStatus::Deactivated => EndReason::Deactivated,
        };
        sessions::end_all(tx, Person::Admin(id), None, reason).await?;
    }
    Ok(admin)
}
