//! Adding a passkey, passing with it, removing it.

use audit::EventType;
use identity::{Name, Person};
use isolation::{ControlTx, Tx, violates};
use kernel::SealingKey;
use serde_json::Value;
use webauthn_rs::prelude::{
    AuthenticationResult, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};

use super::ceremony::{self, CeremonyId, PATIENCE, Purpose};
use super::model::{Challenge, Passkey, PasskeyId, Registration};
use super::relying_party::RelyingParty;
use super::sql;
use crate::attempts::{self, Verdict};
use crate::factors::{self, Adding, Method};
use crate::{FactorError, event, recovery_codes};

type Credential = webauthn_rs::prelude::Passkey;

/// How many one person may have.
pub const MOST: usize = 20;
/// What an authenticator that asks for a name shows while somebody passes with it; it never does.
const UNNAMED: &str = "";

/// What an authenticator shows of whom a passkey is for.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Where: the tenant's name.
    pub site: &'a str,
    /// Who, by address.
    pub email: &'a str,
    /// Who, by name.
    pub name: &'a str,
}

/// A challenge for an authenticator that is to be added. Those that somebody has are left out.
pub async fn registration_options(
    tx: &mut ControlTx,
    party: &RelyingParty,
    sealing: &SealingKey,
    person: Person,
    account: Account<'_>,
    adding: Adding,
) -> Result<Challenge, FactorError> {
    attempts::lock(tx, person).await?;
    adding.check(tx, person).await?;
    let had = credentials(tx, person).await?;
    if had.len() >= MOST {
        return Err(FactorError::TooMany);
    }
    let known = had
        .iter()
        .map(|credential| credential.cred_id().clone())
        .collect();
    let (options, state) = party
        .library(account.site, PATIENCE)?
        .start_passkey_registration(person.uuid(), account.email, account.name, Some(known))?;
    let ceremony_id = ceremony::begin(tx, sealing, person, Purpose::Registration, &state).await?;
    let public_key = serde_json::to_value(options.public_key)?;
    Ok(Challenge {
        ceremony_id,
        public_key,
    })
}

/// Adds the authenticator that answered. The ceremony ends also with [`FactorError::Wrong`], as far as that is
/// committed.
pub async fn register(
    tx: &mut ControlTx,
    party: &RelyingParty,
    sealing: &SealingKey,
    person: Person,
    ceremony: CeremonyId,
    answer: Answer,
    adding: Adding,
) -> Result<Registration, FactorError> {
    let response: RegisterPublicKeyCredential =
        serde_json::from_value(answer.credential).map_err(|_| FactorError::Malformed)?;
    attempts::lock(tx, person).await?;
    adding.check(tx, person).await?;
    let state: PasskeyRegistration = ceremony::take(tx, sealing, person, Purpose::Registration, ceremony)
        .await?
        .ok_or(FactorError::NotBegun)?;
    let credential = party
        .library(UNNAMED, PATIENCE)?
        .finish_passkey_registration(&response, &state)
        .map_err(|error| refused(&error))?;
    let passkey = keep(tx, person, answer.name, &credential).await?;
    event::record(tx, person, EventType::SecondFactorAdded, Method::Passkey).await?;
    let recovery_codes = recovery_codes::for_first_factor(tx, person).await?;
    Ok(Registration {
        passkey,
        recovery_codes,
    })
}

/// What a browser answers when a passkey is to be added.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the passkey will be called.
    pub name: Name,
    /// What `PublicKeyCredential.toJSON()` wrote.
    pub credential: Value,
}

async fn keep(
    tx: &mut ControlTx,
    person: Person,
    name: Name,
    credential: &Credential,
) -> Result<Passkey, FactorError> {
    let passkey = Passkey {
        id: tx.new_id(),
        name,
        created_at: tx.now(),
        last_used_at: None,
    };
    let stored = serde_json::to_value(credential)?;
    match sql::insert(tx, person, &passkey, credential.cred_id(), &stored).await {
        Ok(()) => Ok(passkey),
        Err(error) if violates(&error, "passkeys_credential_unique") => Err(FactorError::Registered),
        Err(error) => Err(error.into()),
    }
}

/// A challenge for the authenticators that somebody has.
pub async fn authentication_options(
    tx: &mut ControlTx,
    party: &RelyingParty,
    sealing: &SealingKey,
    person: Person,
) -> Result<Challenge, FactorError> {
    let had = credentials(tx, person).await?;
    if had.is_empty() {
        return Err(FactorError::NotFound);
    }
    let (options, state) = party
        .library(UNNAMED, PATIENCE)?
        .start_passkey_authentication(&had)?;
    let ceremony_id = ceremony::begin(tx, sealing, person, Purpose::Authentication, &state).await?;
    let public_key = serde_json::to_value(options.public_key)?;
    Ok(Challenge {
        ceremony_id,
        public_key,
    })
}

/// Whether it is the answer to this challenge by an authenticator of his.
pub async fn authenticate(
    tx: &mut ControlTx,
    party: &RelyingParty,
    sealing: &SealingKey,
    person: Person,
    ceremony: CeremonyId,
    answer: Value,
) -> Result<Verdict, FactorError> {
    let response: PublicKeyCredential = serde_json::from_value(answer).map_err(|_| FactorError::Malformed)?;
    let state: Option<PasskeyAuthentication> =
        ceremony::take(tx, sealing, person, Purpose::Authentication, ceremony).await?;
    // An answer to no challenge says nothing about him: it is not written down.
    let Some(state) = state else {
        return Ok(Verdict::Wrong);
    };
    let library = party.library(UNNAMED, PATIENCE).ok();
    let result = library.and_then(|library| {
        let checked = library.finish_passkey_authentication(&response, &state);
        checked.map_err(|error| refused(&error)).ok()
    });
    let passed = match result {
        Some(result) => note_use(tx, person, &result).await?,
        None => false,
    };
    if passed {
        return Ok(attempts::passed(tx, person, Method::Passkey).await?);
    }
    let event = event::of(person, EventType::SecondFactorFailed).meta("method", Method::Passkey.name());
    audit::record(tx, event).await?;
    Ok(Verdict::Wrong)
}

/// Notes what the authenticator told about itself. False where it was removed meanwhile or its counter was seen, which
/// the challenge may have been too old to know.
async fn note_use(
    tx: &mut ControlTx,
    person: Person,
    result: &AuthenticationResult,
) -> Result<bool, FactorError> {
    let Some(stored) = sql::lock_credential(tx, person, result.cred_id()).await? else {
        return Ok(false);
    };
    let mut credential: Credential = serde_json::from_value(stored)?;
    let _changed = credential.update_credential(result);
    let stored = serde_json::to_value(&credential)?;
    let count = i64::from(result.counter());
    Ok(sql::note_use(tx, person, result.cred_id(), &stored, count).await?)
}

/// Somebody's passkeys, the oldest first.
pub async fn list(tx: &mut ControlTx, person: Person) -> Result<Vec<Passkey>, sqlx::Error> {
    sql::list(tx, person).await
}

/// One of somebody's.
pub async fn get(tx: &mut ControlTx, person: Person, id: PasskeyId) -> Result<Passkey, FactorError> {
    let all = sql::list(tx, person).await?;
    all.into_iter()
        .find(|passkey| passkey.id == id)
        .ok_or(FactorError::NotFound)
}

/// Removes one. On an error nothing of the transaction may be committed.
pub async fn remove(
    tx: &mut ControlTx,
    person: Person,
    id: PasskeyId,
    required: bool,
) -> Result<(), FactorError> {
    attempts::lock(tx, person).await?;
    if !sql::remove(tx, person, id).await? {
        return Err(FactorError::NotFound);
    }
    factors::removed(tx, person, Method::Passkey, required).await
}

async fn credentials(tx: &mut ControlTx, person: Person) -> Result<Vec<Credential>, FactorError> {
    let stored = sql::credentials(tx, person).await?;
    let read = stored.into_iter().map(serde_json::from_value);
    Ok(read.collect::<Result<_, _>>()?)
}

/// Why an answer was refused goes to the log; whoever sent it learns only that it was.
fn refused(error: &WebauthnError) -> FactorError {
    tracing::info!(%error, "an authenticator's answer is refused");
    FactorError::Wrong
}
