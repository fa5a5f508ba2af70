//! Adding an authenticator app, passing with it, removing it.

use std::time::Duration;

use audit::EventType;
use identity::Person;
use isolation::{ControlTx, Tx};
use kernel::SealingKey;

use super::model::{Codes, Enrolment, Label, SECRET_BYTES, place};
use super::sql;
use crate::attempts::{self, Verdict};
use crate::factors::{self, Adding, Method};
use crate::recovery_codes::{self, RecoveryCode};
use crate::{FactorError, event};

const BEGUN_FOR: Duration = Duration::from_mins(15);

/// Makes a secret for his app. It counts for nothing until a code from the app proves that it arrived.
pub async fn begin(
    tx: &mut ControlTx,
    sealing: &SealingKey,
    person: Person,
    label: Label<'_>,
    adding: Adding,
) -> Result<Enrolment, FactorError> {
    attempts::lock(tx, person).await?;
    adding.check(tx, person).await?;
    let secret: [u8; SECRET_BYTES] = tx.seams().random();
    let sealed = sealing.seal(tx.seams(), &place(person), &secret);
    if !sql::begin(tx, person, &sealed).await? {
        return Err(FactorError::AlreadyAdded);
    }
    Ok(Codes::new(&secret, label).enrolment())
}

/// Puts the app to use. With somebody's first factor come his recovery codes, shown this once.
pub async fn confirm(
    tx: &mut ControlTx,
    sealing: &SealingKey,
    person: Person,
    code: &str,
    adding: Adding,
) -> Result<Option<Vec<RecoveryCode>>, FactorError> {
    attempts::lock(tx, person).await?;
    adding.check(tx, person).await?;
    let now = tx.now();
    let begun = sql::begun(tx, person)
        .await?
        .filter(|begun| begun.created_at.plus(BEGUN_FOR) > now)
        .ok_or(FactorError::NotBegun)?;
    let secret = sealing.open(&place(person), &begun.secret_sealed)?;
    let step = Codes::of(&secret)
        .step(code, now, begun.last_step)
        .ok_or(FactorError::Wrong)?;
    if !sql::confirm(tx, person, step).await? {
        return Err(FactorError::NotBegun);
    }
    event::record(tx, person, EventType::SecondFactorAdded, Method::Totp).await?;
    recovery_codes::for_first_factor(tx, person).await
}

/// Whether it is the app's code of now.
pub async fn verify(
    tx: &mut ControlTx,
    sealing: &SealingKey,
    person: Person,
    code: &str,
) -> Result<Verdict, FactorError> {
    if let Some(blocked) = attempts::allowed(tx, person).await? {
        return Ok(blocked);
    }
    let now = tx.now();
    let step = match sql::in_use(tx, person).await? {
        None => None,
        Some(stored) => {
            let secret = sealing.open(&place(person), &stored.secret_sealed)?;
            Codes::of(&secret).step(code, now, stored.last_step)
        }
    };
    let passed = match step {
        Some(step) => sql::take_step(tx, person, step).await?,
        None => false,
    };
    Ok(if passed {
        attempts::passed(tx, person, Method::Totp).await?
    } else {
        attempts::failed(tx, person, Method::Totp.name()).await?
    })
}

/// Removes the app. On an error nothing of the transaction may be committed.
pub async fn remove(tx: &mut ControlTx, person: Person, required: bool) -> Result<(), FactorError> {
    attempts::lock(tx, person).await?;
    if !sql::remove(tx, person).await? {
        return Err(FactorError::NotFound);
    }
    factors::removed(tx, person, Method::Totp, required).await
}
