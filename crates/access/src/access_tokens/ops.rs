//! Making and retiring keys.

use audit::{Event, EventType};
use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::JobError;

use super::key_set::SigningKey;
use super::{SIGNING_KEY_TOPIC, sql};

/// A key is replaced at this age.
const REPLACED_AFTER_DAYS: i64 = 30;
/// A retired key is listed for so long.
const LISTED_FOR_DAYS: i64 = 90;

/// How a key is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The new key is published first and signs later; tokens that the old one signed stay good.
    Orderly,
    /// The old key got into wrong hands: the new one signs at once, and whatever another one signed is refused.
    Compromised,
}

/// Every key, newest first.
pub async fn list(tx: &mut ControlTx) -> Result<Vec<SigningKey>, sqlx::Error> {
    sql::list(tx).await
}

/// Makes a new key in the place of the others.
pub async fn rotate(tx: &mut ControlTx, how: Rotation) -> Result<SigningKey, sqlx::Error> {
    sql::lock(tx).await?;
    let (key, retirement) = match how {
        Rotation::Orderly => {
            let key = make(tx, SigningKey::LEAD).await?;
            let retirement = SigningKey::retirement(key.signs_from);
            (key, retirement)
        }
        Rotation::Compromised => (make(tx, std::time::Duration::ZERO).await?, tx.now()),
    };
    sql::retire_others(tx, key.id, retirement).await?;
    let event = Event::new(EventType::SigningKeyRotated)
        .resource(key.id, None)
        .meta("compromised", how == Rotation::Compromised);
    audit::record(tx, event).await?;
    Ok(key)
}

/// The first key signs at once: nobody has fetched a key set without it.
pub(super) async fn ensure_first(tx: &mut ControlTx) -> Result<(), sqlx::Error> {
    sql::lock(tx).await?;
    if sql::list(tx).await?.iter().all(|key| key.retired_at.is_some()) {
        make(tx, std::time::Duration::ZERO).await?;
    }
    Ok(())
}

async fn make(tx: &mut ControlTx, lead: std::time::Duration) -> Result<SigningKey, sqlx::Error> {
    let key = SigningKey {
        id: tx.new_id(),
        created_at: tx.now(),
        signs_from: tx.now().plus(lead),
        retired_at: None,
    };
    sql::insert(tx, &key).await?;
    tx.announce(SIGNING_KEY_TOPIC, &key.id.to_string()).await?;
    Ok(key)
}

/// Replaces the newest key when it is old.
pub(crate) async fn rotate_when_old(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let old = tx.now().plus_days(-REPLACED_AFTER_DAYS);
    let newest = sql::list(&mut tx).await?.into_iter().next();
    if newest.is_none_or(|key| key.created_at <= old) {
        rotate(&mut tx, Rotation::Orderly).await?;
    }
    Ok(tx.commit().await?)
}

/// Forgets keys that retired long ago.
pub(crate) async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let before = tx.now().plus_days(-LISTED_FOR_DAYS);
    sql::delete_retired(&mut tx, before).await?;
    Ok(tx.commit().await?)
}
