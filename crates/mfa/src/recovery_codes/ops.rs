//! Making them and using one.

use audit::EventType;
use identity::Person;
use isolation::{ControlTx, Tx};

use super::model::{self, RecoveryCode};
use super::sql;
use crate::attempts::{self, Verdict};
use crate::factors::{self, Method};
use crate::{FactorError, event};

const HOW_MANY: usize = 10;

/// Ten new ones; those before are void.
pub async fn make(tx: &mut ControlTx, person: Person) -> Result<Vec<RecoveryCode>, FactorError> {
    attempts::lock(tx, person).await?;
    if !factors::factors(tx, person).await?.any() {
        return Err(FactorError::NotFound);
    }
    sql::remove(tx, person).await?;
    let codes: Vec<RecoveryCode> = (0..HOW_MANY).map(|_| model::mint(tx.seams())).collect();
    let hashes: Vec<_> = codes.iter().map(|code| model::hash(code.expose())).collect();
    sql::insert(tx, person, &hashes).await?;
    event::record(tx, person, EventType::RecoveryCodesMade, Method::RecoveryCode).await?;
    Ok(codes)
}

/// What comes with somebody's first factor: codes, unless he has some. Called when it is in use.
pub(crate) async fn for_first_factor(
    tx: &mut ControlTx,
    person: Person,
) -> Result<Option<Vec<RecoveryCode>>, FactorError> {
    if factors::factors(tx, person).await?.recovery_codes > 0 {
        return Ok(None);
    }
    make(tx, person).await.map(Some)
}

/// Uses one up.
pub async fn redeem(tx: &mut ControlTx, person: Person, presented: &str) -> Result<Verdict, FactorError> {
    if let Some(blocked) = attempts::allowed(tx, person).await? {
        return Ok(blocked);
    }
    Ok(if sql::redeem(tx, person, &model::hash(presented)).await? {
        attempts::passed(tx, person, Method::RecoveryCode).await?
    } else {
        attempts::failed(tx, person, Method::RecoveryCode.name()).await?
    })
}
