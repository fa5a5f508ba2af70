//! How failures become problems.

use access::sessions::SessionError;
use edge::ProblemResponse;
use gate::unexpected;
use kernel::{Code, FieldError, Problem, Timestamp};
use mfa::FactorError;

/// What a failed operation on a second factor is answered.
pub(super) fn failed(error: FactorError) -> ProblemResponse {
    let conflict = |detail: &str| Problem::new(Code::Conflict, detail).into();
    match error {
        FactorError::NotFound => Code::NotFound.into(),
        FactorError::NotFirst => Code::SecondFactorRequired.into(),
        FactorError::Wrong => Code::InvalidCode.into(),
        FactorError::AlreadyAdded => conflict("An authenticator app is in use; it has to be removed first."),
        FactorError::NotBegun => {
            conflict("It was not begun, or too long ago, or is done already: begin anew.")
        }
        FactorError::TooMany => conflict("There are as many passkeys as somebody can have."),
        FactorError::Registered => conflict("This authenticator is registered already."),
        FactorError::LastFactor => {
            conflict("A second factor is demanded, and this is the last one: add another first.")
        }
        FactorError::Malformed => {
            let wrong = FieldError::new("/credential", "is not an authenticator's answer");
            Problem::invalid(vec![wrong]).into()
        }
        FactorError::Database(error) => unexpected(error),
        ours @ (FactorError::Seal(_) | FactorError::Stored(_) | FactorError::Passkey(_)) => {
            ProblemResponse::internal(ours)
        }
    }
}

/// What a session that cannot be opened further is answered.
pub(super) fn not_opened(error: SessionError) -> ProblemResponse {
    match error {
        SessionError::NotFound | SessionError::ShutOut => Code::Unauthenticated.into(),
        SessionError::NoSigningKey(error) => ProblemResponse::internal(error),
        SessionError::Database(error) => unexpected(error),
    }
}

/// Nothing is looked at before then.
pub(super) fn blocked(until: Timestamp, now: Timestamp) -> ProblemResponse {
    let micros = until.as_micros().saturating_sub(now.as_micros());
    let seconds = u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000);
    ProblemResponse::from(Code::LoginBlocked).retry_after(seconds.max(1))
}
