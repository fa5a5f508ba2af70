//! Which second factors somebody has.

use audit::EventType;
use identity::Person;
use isolation::{ControlTx, Tx};
use kernel::SealingKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::attempts::{self, Verdict};
use crate::{FactorError, event, recovery_codes, totp};

/// A kind of second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A code from an authenticator app.
    Totp,
    /// An authenticator that signs.
    Passkey,
    /// One of the codes on paper.
    RecoveryCode,
}

impl Method {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

/// What somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"totp": true, "passkeys": 1, "recoveryCodes": 9}))]
pub struct Factors {
    /// Whether an authenticator app is in use.
    pub totp: bool,
    /// How many passkeys.
    pub passkeys: u32,
    /// How many recovery codes are unused.
    pub recovery_codes: u32,
}

impl Factors {
    /// Whether there is one to pass. Recovery codes alone are none: they only stand in for another.
    pub const fn any(&self) -> bool {
        self.totp || self.passkeys > 0
    }

    /// What he can pass with.
    pub fn methods(&self) -> Vec<Method> {
        let offered = [
            (Method::Totp, self.totp),
            (Method::Passkey, self.passkeys > 0),
            (Method::RecoveryCode, self.any() && self.recovery_codes > 0),
        ];
        offered
            .into_iter()
            .filter_map(|(method, has)| has.then_some(method))
            .collect()
    }
}

/// On what ground somebody adds a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adding {
    /// He has to add one before he comes in: it must be his first, or a password alone would open the door.
    First,
    /// His session is open.
    Another,
}

impl Adding {
    /// Passes where he may; called under the person's lock.
    pub(crate) async fn check(self, tx: &mut ControlTx, person: Person) -> Result<(), FactorError> {
        if self == Self::First && factors(tx, person).await?.any() {
            return Err(FactorError::NotFirst);
        }
        Ok(())
    }
}

/// What somebody has.
pub async fn factors(tx: &mut ControlTx, person: Person) -> Result<Factors, sqlx::Error> {
    let row = sqlx::query!(
        r#"select exists (select from control.totp_factors where person_id = $1
                          and tenant_id is not distinct from $2 and confirmed_at is not null) as "totp!",
                  (select count(*) from control.passkeys where person_id = $1
                   and tenant_id is not distinct from $2) as "passkeys!",
                  (select count(*) from control.recovery_codes where person_id = $1
                   and tenant_id is not distinct from $2 and used_at is null) as "recovery_codes!""#,
        person.uuid(),
        person.tenant() as _
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Factors {
        totp: row.totp,
        passkeys: u32::try_from(row.passkeys).unwrap_or(u32::MAX),
        recovery_codes: u32::try_from(row.recovery_codes).unwrap_or(u32::MAX),
    })
}

/// Whether the code is one of his, from his app or from the paper: the fresh proof that a change of his factors needs.
pub async fn prove(
    tx: &mut ControlTx,
    sealing: &SealingKey,
    person: Person,
    code: &str,
) -> Result<Verdict, FactorError> {
    if totp::looks_like_a_code(code) {
        totp::verify(tx, sealing, person, code).await
    } else {
        recovery_codes::redeem(tx, person, code).await
    }
}

/// After a removal: the last one stays where one is demanded, and recovery codes end with what they stood in for.
pub(crate) async fn removed(
    tx: &mut ControlTx,
    person: Person,
    method: Method,
    required: bool,
) -> Result<(), FactorError> {
    if !factors(tx, person).await?.any() {
        if required {
            return Err(FactorError::LastFactor);
        }
        recovery_codes::sql::remove(tx, person).await?;
    }
    event::record(tx, person, EventType::SecondFactorRemoved, method).await?;
    Ok(())
}

/// Takes everything from somebody who lost it all, so that he comes in by his password and begins anew; for who is
/// in charge of him. Answers what he had.
pub async fn reset(tx: &mut ControlTx, person: Person) -> Result<Factors, FactorError> {
    attempts::lock(tx, person).await?;
    let had = factors(tx, person).await?;
    if !had.any() {
        return Err(FactorError::NotFound);
    }
    sqlx::query!(
        "with gone as (delete from control.totp_factors where person_id = $1 and tenant_id is not distinct from $2),
              codes as (delete from control.recovery_codes where person_id = $1 and tenant_id is not distinct from $2),
              open as (delete from control.passkey_ceremonies where person_id = $1
                       and tenant_id is not distinct from $2),
              anew as (update control.second_factors set failures = 0, last_failed_at = null, blocked_until = null
                       where person_id = $1 and tenant_id is not distinct from $2)
         delete from control.passkeys where person_id = $1 and tenant_id is not distinct from $2",
        person.uuid(),
        person.tenant() as _
    )
    .execute(tx.conn())
    .await?;
    let event = event::of(person, EventType::SecondFactorRemoved).meta("method", "all");
    audit::record(tx, event).await?;
    Ok(had)
}
