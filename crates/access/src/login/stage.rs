//! What stands between a right password and an open session.

use identity::Person;
use isolation::ControlTx;
use mfa::Factors;

use super::{LoginError, Means};
use crate::security_policies;
use crate::sessions::{Lifetime, Stage};

/// How a session of this person begins, and how long it lasts.
pub(super) struct Beginning {
    pub(super) stage: Stage,
    pub(super) lifetime: Lifetime,
    pub(super) factors: Factors,
}

impl Means {
    pub(super) async fn beginning(
        &self,
        tx: &mut ControlTx,
        person: Person,
    ) -> Result<Beginning, LoginError> {
        let factors = mfa::factors(tx, person).await?;
        let (demanded, lifetime) = match person.tenant() {
            Some(tenant) => {
                let policy = security_policies::get_held(tx, tenant).await?;
                let (idle, absolute) = (policy.idle(), policy.lifetime());
                (policy.mfa_required, Lifetime { idle, absolute })
            }
            None => (self.admin_mfa_required, Lifetime::default()),
        };
        Ok(Beginning {
            stage: first_stage(factors.any(), demanded),
            lifetime,
            factors,
        })
    }
}

/// Who has a second factor passes it, whether or not it is demanded.
const fn first_stage(has_factor: bool, demanded: bool) -> Stage {
    match (has_factor, demanded) {
        (true, _) => Stage::SecondFactor,
        (false, true) => Stage::Enrolment,
        (false, false) => Stage::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_counts_before_what_is_demanded() {
        assert_eq!(first_stage(true, false), Stage::SecondFactor);
        assert_eq!(first_stage(true, true), Stage::SecondFactor);
        assert_eq!(first_stage(false, true), Stage::Enrolment);
        assert_eq!(first_stage(false, false), Stage::Open);
    }
}
