//! How failures that every operation can have become answers.

use edge::ProblemResponse;
use isolation::Forbidden;
use kernel::{Code, Problem};

/// What a handler answers when it does not succeed.
pub type Failure = ProblemResponse;

/// A failure of the database that the operation does not know how to explain.
pub fn unexpected(error: sqlx::Error) -> Failure {
    ProblemResponse::caused(code_of(&error), error)
}

/// Away or out of connections: try again. Locked by another request: a conflict that passes. Anything else is ours.
fn code_of(error: &sqlx::Error) -> Code {
    match error {
        sqlx::Error::PoolTimedOut => Code::Overloaded,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            Code::Unavailable
        }
        sqlx::Error::Database(db) => match db.code().as_deref() {
            // connection exceptions, operator intervention (shutdown), too many connections, recovery
            Some(code) if code.starts_with("08") || code.starts_with("57P") || code == "53300" => {
                Code::Unavailable
            }
            // lock timeout, deadlock, serialization failure
            Some("55P03" | "40P01" | "40001") => Code::Overloaded,
            Some("57014") => Code::Timeout,
            _ => Code::Internal,
        },
        _ => Code::Internal,
    }
}

/// The refusal for lack of a permission.
pub fn forbidden(refused: &Forbidden) -> Failure {
    Problem::new(
        Code::Forbidden,
        format!("The permission `{}` is required.", refused.permission),
    )
    .into()
}
