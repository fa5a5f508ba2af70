//! How the failures of operations on a tenant's people become problems, on both planes.

use access::sessions::SessionError;
use access::users::DoorError;
use edge::ProblemResponse;
use identity::users::UserError;
use kernel::{Code, FieldError, Problem};

use crate::failure::unexpected;
use crate::levels::with_numbers;

/// What a failed operation on a person is answered.
pub fn failed(error: UserError) -> ProblemResponse {
    let code = match &error {
        UserError::NotFound => return Code::NotFound.into(),
        UserError::EmailTaken => return Code::EmailTaken.into(),
        UserError::LastOwner => return Code::LastOwner.into(),
        UserError::VersionMismatch(_) => return Code::PreconditionFailed.into(),
        UserError::NoSuchRole => {
            return Problem::invalid(vec![FieldError::new("/role", error.to_string())]).into();
        }
        UserError::BeyondCaller | UserError::OwnRole => Code::Forbidden,
        UserError::NoSeat { .. } => Code::QuotaExceeded,
        UserError::Closed(_) | UserError::InvalidTransition(_) => Code::InvalidTransition,
        UserError::Database(_) => Code::Internal,
    };
    match error {
        UserError::Database(error) => unexpected(error),
        UserError::NoSeat { limit, used } => {
            let said = Problem::new(code, sentence(&UserError::NoSeat { limit, used }));
            with_numbers(said.into(), "users", limit, used)
        }
        said => Problem::new(code, sentence(&said)).into(),
    }
}

/// What a failed change at the door of a person is answered.
pub fn shut_out(error: DoorError) -> ProblemResponse {
    match error {
        DoorError::User(error) => failed(error),
        DoorError::Session(SessionError::Database(error)) => unexpected(error),
        DoorError::Session(SessionError::NotFound | SessionError::ShutOut) => Code::NotFound.into(),
        DoorError::Session(error @ SessionError::NoSigningKey(_)) => {
            ProblemResponse::caused(Code::Unavailable, error)
        }
    }
}

/// An error's text as a sentence.
fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}
