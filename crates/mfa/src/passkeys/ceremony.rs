//! A challenge that waits for its answer.

use std::time::Duration;

use identity::Person;
use isolation::{ControlTx, Tx};
use kernel::{Entity, Id, SealingKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sql;
use crate::FactorError;

/// How long an authenticator has to answer.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);

/// Marker of ceremonies.
#[derive(Debug)]
pub enum CeremonyEntity {}
impl Entity for CeremonyEntity {
    const PREFIX: &'static str = "ceremony";
}
/// A ceremony's identifier.
pub type CeremonyId = Id<CeremonyEntity>;

/// What the answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(super) enum Purpose {
    /// Adding a passkey.
    Registration,
    /// Passing with one.
    Authentication,
}

/// Keeps what the answer will be compared with.
pub(super) async fn begin<S: Serialize + Sync>(
    tx: &mut ControlTx,
    sealing: &SealingKey,
    person: Person,
    purpose: Purpose,
    state: &S,
) -> Result<CeremonyId, FactorError> {
    let id: CeremonyId = tx.new_id();
    let sealed = sealing.seal(
        tx.seams(),
        &place(id, person, purpose),
        &serde_json::to_vec(state)?,
    );
    sql::make_room(tx, person).await?;
    let expires_at = tx.now().plus(PATIENCE);
    sql::begin(tx, id, person, purpose, &sealed, expires_at).await?;
    Ok(id)
}

/// Ends the ceremony and answers what was kept: of several answers at once, the row lets one through.
pub(super) async fn take<S: DeserializeOwned>(
    tx: &mut ControlTx,
    sealing: &SealingKey,
    person: Person,
    purpose: Purpose,
    id: CeremonyId,
) -> Result<Option<S>, FactorError> {
    let Some(sealed) = sql::take(tx, id, person, purpose).await? else {
        return Ok(None);
    };
    let state = sealing.open(&place(id, person, purpose), &sealed)?;
    Ok(Some(serde_json::from_slice(&state)?))
}

/// What a sealed state is bound to.
fn place(id: CeremonyId, person: Person, purpose: Purpose) -> Vec<u8> {
    format!("{id} {} {purpose:?}", person.uuid()).into_bytes()
}
