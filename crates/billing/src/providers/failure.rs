//! Why a provider did not do what it was asked.

/// The payer's bank, or the provider for it, said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// The provider's code: `card_declined`, `expired_card`, …
    pub code: String,
    /// The bank's: `insufficient_funds`, …
    pub decline_code: Option<String>,
    /// What the payer may be told.
    pub message: String,
}

/// Why a provider did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was refused for the payer's reasons; nothing was charged.
    #[error("declined: {}", .decline.message)]
    Declined {
        /// Why.
        decline: Decline,
        /// What the provider calls the payment that was refused.
        reference: Option<String>,
    },
    /// The payer has to confirm it himself; nothing was charged yet.
    #[error("the payer has to confirm: {}", .decline.message)]
    RequiresAction {
        /// Why.
        decline: Decline,
        /// What the provider calls the payment that waits.
        reference: Option<String>,
    },
    /// It may or may not have happened: to be looked up, never to be done again.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
    /// Nothing happened, and it may work later.
    #[error("not now: {0}")]
    Transient(String),
    /// Nothing happened, because of how we are set up: a key that is refused, a call that we make wrongly.
    #[error("the provider's configuration: {0}")]
    Configuration(String),
    /// Nothing happened: the provider has no such thing.
    #[error("the provider has no such thing")]
    NotFound,
    /// Nothing happened: what was given is not acceptable.
    #[error("not acceptable: {message}")]
    Invalid {
        /// The provider's code.
        code: String,
        /// What is wrong.
        message: String,
    },
    /// This provider does no such thing.
    #[error("this provider cannot do that")]
    Unsupported,
}

impl Failure {
    /// Whether asking again, with the same key, may do.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unknown(_) | Self::Transient(_) | Self::Configuration(_)
        )
    }
}
