//! The operator that an installation begins with.

use isolation::{ControlTx, Tx};

use super::authority::Authority;
use super::model::{AdminId, FirstAdmin, NewAdmin};
use super::ops::{AdminError, create};
use super::sql;
use crate::admin_api_keys;
use crate::passwords::Hasher;

/// Sees to it that the installation has an operator: adds this one unless there is any, and stores his key unless
/// it is known. Repeating it, on any number of nodes at once, changes nothing.
pub async fn ensure_first_admin(
    tx: &mut ControlTx,
    hasher: &Hasher,
    first: FirstAdmin,
) -> Result<(), AdminError> {
    if first.key.as_ref().is_some_and(|key| !admin_api_keys::is_key(key)) {
        return Err(AdminError::MalformedKey);
    }
    sql::lock_all(tx).await?;
    let holder = if any(tx).await? {
        sql::by_email(tx, &first.email).await?
    } else {
        Some(add(tx, hasher, &first).await?)
    };
    if let (Some(holder), Some(key)) = (holder, first.key) {
        admin_api_keys::ensure_given(tx, holder, &key).await?;
    }
    Ok(())
}

async fn add(tx: &mut ControlTx, hasher: &Hasher, first: &FirstAdmin) -> Result<AdminId, AdminError> {
    let new = NewAdmin {
        email: first.email.clone(),
        name: first.name.clone(),
        permissions: vec!["*".to_owned()],
        tenants: None,
        password: hasher.hash(first.password.clone()).await?,
    };
    Ok(create(tx, &Authority::full(), new).await?.id)
}

/// Whether the installation has an operator.
pub async fn any(tx: &mut ControlTx) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists (select from control.admins) as "any!""#)
        .fetch_one(tx.conn())
        .await
}
