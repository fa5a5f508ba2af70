//! What can be done with the platform's keys.

use audit::{Event, EventType, Value};
use isolation::{ControlTx, Tx, violates};
use kernel::{AdminPermission, FieldError, Grants, Seams, Secret};

use super::model::{AdminApiKey, AdminApiKeyId, NewAdminApiKey};
use super::sql;
use crate::admins::{self, AdminId};
use crate::key::{KeyError, Locked, Overlap, Wish, announce};
use crate::{roles, token};

const TAG: &str = "tny_admin_";

/// A fresh key that is nobody's yet, for an installation that keeps its first key outside the database.
pub fn new_secret(seams: &Seams) -> Secret<String> {
    token::mint(seams, TAG)
}

/// Whether the text has the form of a platform key.
pub fn is_key(text: &Secret<String>) -> bool {
    token::is_minted(TAG, text.expose())
}

/// Makes a key for someone who may himself do what `held` says; it acts for him unless somebody is named. The secret is
/// answered this once.
pub async fn create(
    tx: &mut ControlTx,
    held: Grants<AdminPermission>,
    new: NewAdminApiKey,
) -> Result<(AdminApiKey, Secret<String>), KeyError> {
    let admin_id = new.admin_id.or_else(|| admins::acting(tx.actor()));
    make(tx, held, NewAdminApiKey { admin_id, ..new }).await
}

async fn make(
    tx: &mut ControlTx,
    held: Grants<AdminPermission>,
    new: NewAdminApiKey,
) -> Result<(AdminApiKey, Secret<String>), KeyError> {
    let wish = Wish::check(&new.name, &new.scopes, new.expires_at, tx.now(), held)?;
    let secret = new_secret(tx.seams());
    let key = shape(tx, wish, new.admin_id, &secret);
    insert(tx, &key, &secret).await?;
    Ok((key, secret))
}

/// The keys whose shown prefix begins so, newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    prefix: Option<&str>,
    after: Option<AdminApiKeyId>,
    limit: i64,
) -> Result<Vec<AdminApiKey>, KeyError> {
    Ok(sql::page(tx, prefix.unwrap_or(""), after, limit).await?)
}

/// One key.
pub async fn get(tx: &mut ControlTx, id: AdminApiKeyId) -> Result<AdminApiKey, KeyError> {
    sql::get(tx, id).await?.ok_or(KeyError::NotFound)
}

/// Ends a key for good, for its operator or someone who may himself do what it allows. One that is revoked already stays
/// as it is.
pub async fn revoke(
    tx: &mut ControlTx,
    held: Grants<AdminPermission>,
    id: AdminApiKeyId,
) -> Result<AdminApiKey, KeyError> {
    let Locked { mut key, hash } = sql::lock(tx, id).await?.ok_or(KeyError::NotFound)?;
    if !is_own(tx, &key) && !held.covers(roles::known_grants(&key.scopes)) {
        return Err(KeyError::BeyondCaller);
    }
    if key.revoked_at.is_some() {
        return Ok(key);
    }
    let now = tx.now();
    sql::revoke(tx, id, now).await?;
    record(tx, EventType::ApiKeyRevoked, &key, |event| {
        event.change("revokedAt", None::<&str>, now)
    })
    .await?;
    announce(tx, &hash).await?;
    key.revoked_at = Some(now);
    Ok(key)
}

/// Makes the successor of a key, for someone who may himself do what `held` says; the key ends after the overlap. Only
/// its operator can: whoever holds a key acts for him.
pub async fn rotate(
    tx: &mut ControlTx,
    held: Grants<AdminPermission>,
    id: AdminApiKeyId,
    overlap: Overlap,
) -> Result<(AdminApiKey, Secret<String>), KeyError> {
    let Locked { key: old, hash } = sql::lock(tx, id).await?.ok_or(KeyError::NotFound)?;
    if old.admin_id.is_some() && !is_own(tx, &old) {
        return Err(KeyError::ForSomebodyElse);
    }
    let now = tx.now();
    let wanted = NewAdminApiKey {
        name: old.name.clone(),
        scopes: roles::known_scopes::<AdminPermission>(&old.scopes),
        expires_at: old.life().successor(now)?,
        admin_id: old.admin_id,
    };
    let end = overlap.end(now, old.expires_at);
    let (key, secret) = make(tx, held, wanted).await?;
    sql::replace(tx, &old, key.id, end).await?;
    record(tx, EventType::ApiKeyRotated, &old, |event| {
        event
            .change("expiresAt", old.expires_at, end)
            .meta("replacedBy", key.id.to_string())
    })
    .await?;
    announce(tx, &hash).await?;
    Ok((key, secret))
}

/// Stores a key that was made outside with every permission, unless it is there already, in whatever state.
pub(crate) async fn ensure_given(
    tx: &mut ControlTx,
    admin: AdminId,
    secret: &Secret<String>,
) -> Result<(), KeyError> {
    if sql::is_known(tx, &token::hash(secret.expose())).await? {
        return Ok(());
    }
    let scopes = ["*".to_owned()];
    let wish = Wish::check(
        "First key",
        &scopes,
        None,
        tx.now(),
        Grants::<AdminPermission>::all(),
    )?;
    let key = shape(tx, wish, Some(admin), secret);
    insert(tx, &key, secret).await
}

/// Whether the transaction's actor is the operator that the key acts for.
fn is_own(tx: &ControlTx, key: &AdminApiKey) -> bool {
    key.admin_id.is_some() && key.admin_id == admins::acting(tx.actor())
}

fn shape(tx: &ControlTx, wish: Wish, admin_id: Option<AdminId>, secret: &Secret<String>) -> AdminApiKey {
    AdminApiKey {
        id: tx.new_id(),
        name: wish.name.to_string(),
        prefix: token::prefix(TAG, secret),
        scopes: wish.scopes,
        admin_id,
        expires_at: wish.expires_at,
        last_used_at: None,
        revoked_at: None,
        replaced_by: None,
        created_at: tx.now(),
    }
}

/// A new key is announced to nobody: no memory holds anything about it yet.
async fn insert(tx: &mut ControlTx, key: &AdminApiKey, secret: &Secret<String>) -> Result<(), KeyError> {
    let outcome = sql::insert(tx, key, &token::hash(secret.expose())).await;
    outcome.map_err(|error| {
        if violates(&error, "admin_api_keys_admin") {
            return KeyError::Invalid(vec![FieldError::new("/adminId", "no such operator")]);
        }
        KeyError::Database(error)
    })?;
    record(tx, EventType::ApiKeyCreated, key, |event| {
        event.change("scopes", None::<&str>, Value::plain(&key.scopes))
    })
    .await?;
    Ok(())
}

async fn record(
    tx: &mut ControlTx,
    kind: EventType,
    key: &AdminApiKey,
    detail: impl FnOnce(Event) -> Event,
) -> Result<(), sqlx::Error> {
    let event = Event::new(kind)
        .resource(key.id, Some(&key.name))
        .meta("prefix", key.prefix.as_str());
    audit::record(tx, detail(event)).await
}
