//! What can be done with tenants' keys.

use audit::{Event, EventType, Value};
use isolation::{ControlTx, Tx, violates};
use kernel::{Actor, ActorKind, FieldError, Grants, Permission, Secret, TenantId, UserId};

use super::model::{ApiKey, ApiKeyId, NewApiKey};
use super::sql;
use crate::key::{KeyError, Locked, Overlap, Wish, announce, may_act_as, stored_hash};
use crate::{roles, token};

/// What every tenant's key begins with.
const TAG: &str = "tny_";

/// Makes a key for someone who may himself do what `held` says. The secret is answered this once.
///
/// What a person makes acts as him, so that it never allows more than he may, and ends with him. Keys of nobody are
/// made by the platform, by gateways, and by such keys.
pub async fn create(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    mut new: NewApiKey,
) -> Result<(ApiKey, Secret<String>), KeyError> {
    new.user_id = new.user_id.or_else(|| acting_person(tx.actor()));
    let wish = Wish::check(&new.name, &new.scopes, new.expires_at, tx.now(), held)?;
    if new.user_id.is_some_and(|user| !may_act_as(tx, user)) {
        return Err(KeyError::ForSomebodyElse);
    }
    let (key, secret) = mint(tx, tenant, wish, &new);
    insert(tx, &key, &secret).await?;
    Ok((key, secret))
}

/// The person of a tenant that acts, himself or by a key.
fn acting_person(actor: &Actor) -> Option<UserId> {
    match actor.kind {
        ActorKind::User => actor.id.parse().ok(),
        ActorKind::ApiKey => actor.on_behalf_of.as_ref()?.parse().ok(),
        _ => None,
    }
}

/// A tenant's keys whose shown prefix begins so, newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    tenant: TenantId,
    prefix: Option<&str>,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<ApiKey>, KeyError> {
    Ok(sql::page(tx, tenant, prefix.unwrap_or(""), after, limit).await?)
}

/// One key.
pub async fn get(tx: &mut ControlTx, tenant: TenantId, id: ApiKeyId) -> Result<ApiKey, KeyError> {
    sql::get(tx, tenant, id).await?.ok_or(KeyError::NotFound)
}

/// Ends a key for good. One that is revoked already stays as it is.
pub async fn revoke(tx: &mut ControlTx, tenant: TenantId, id: ApiKeyId) -> Result<ApiKey, KeyError> {
    let Locked { mut key, hash } = sql::lock(tx, tenant, id).await?.ok_or(KeyError::NotFound)?;
    if key.revoked_at.is_some() {
        return Ok(key);
    }
    let now = tx.now();
    sql::revoke(tx, tenant, id, now).await?;
    record(tx, EventType::ApiKeyRevoked, &key, |event| {
        event.change("revokedAt", None::<&str>, now)
    })
    .await?;
    announce(tx, &hash).await?;
    key.revoked_at = Some(now);
    Ok(key)
}

/// Makes the successor of a key, for someone who may himself do what `held` says; the key ends after the overlap.
pub async fn rotate(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: ApiKeyId,
    overlap: Overlap,
) -> Result<(ApiKey, Secret<String>), KeyError> {
    let Locked { key: old, hash } = sql::lock(tx, tenant, id).await?.ok_or(KeyError::NotFound)?;
    let now = tx.now();
    let wanted = NewApiKey {
        name: old.name.clone(),
        scopes: roles::known_scopes::<Permission>(&old.scopes),
        expires_at: old.life().successor(now)?,
        user_id: old.user_id,
    };
    let end = overlap.end(now, old.expires_at);
    // The answer holds a secret, so that whoever rotates a key can from then on do what it allows.
    let (key, secret) = create(tx, tenant, held, wanted).await?;
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

/// Removes all keys of a tenant; answers how many there were.
pub(crate) async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<usize, sqlx::Error> {
    let removed = sql::delete_all(tx, tenant).await?;
    for hash in &removed {
        announce(tx, &stored_hash(hash)?).await?;
    }
    Ok(removed.len())
}

fn mint(tx: &ControlTx, tenant: TenantId, wish: Wish, new: &NewApiKey) -> (ApiKey, Secret<String>) {
    let secret = token::mint(tx.seams(), TAG);
    let key = ApiKey {
        id: tx.new_id(),
        tenant_id: tenant,
        name: wish.name.to_string(),
        prefix: token::prefix(TAG, &secret),
        scopes: wish.scopes,
        user_id: new.user_id,
        expires_at: wish.expires_at,
        last_used_at: None,
        revoked_at: None,
        replaced_by: None,
        created_at: tx.now(),
    };
    (key, secret)
}

/// A new key is announced to nobody: no memory holds anything about it yet.
async fn insert(tx: &mut ControlTx, key: &ApiKey, secret: &Secret<String>) -> Result<(), KeyError> {
    let outcome = sql::insert(tx, key, &token::hash(secret.expose())).await;
    outcome.map_err(|error| {
        if violates(&error, "api_keys_user") {
            return KeyError::Invalid(vec![FieldError::new("/userId", "no such person")]);
        }
        if violates(&error, "api_keys_tenant") {
            return KeyError::NotFound;
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
    key: &ApiKey,
    detail: impl FnOnce(Event) -> Event,
) -> Result<(), sqlx::Error> {
    let event = Event::new(kind)
        .of_tenant(key.tenant_id)
        .resource(key.id, Some(&key.name))
        .meta("prefix", key.prefix.as_str());
    audit::record(tx, detail(event)).await
}
