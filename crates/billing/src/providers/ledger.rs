//! Without a provider: invoices are sent, and somebody writes down that they were paid. Nobody is charged.
//!
//! A method is then a note of how the tenant pays, so that whoever watches the bank account knows what to look for.

/// How a tenant can say that it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ByHand {
    /// By transfer to the bank account on the invoice.
    BankTransfer,
    /// In some other way that was agreed upon.
    Manual,
}

impl ByHand {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BankTransfer => "bank_transfer",
            Self::Manual => "manual",
        }
    }
}
