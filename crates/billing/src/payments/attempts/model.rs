//! An attempt and its transitions: pure.

use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::Money;
use serde::Serialize;

use crate::invoices::InvoiceId;
use crate::payments::methods::MethodId;
use crate::providers::{Outcome, ProviderKind};

/// Marker of attempts.
#[derive(Debug)]
pub enum AttemptEntity {}
impl Entity for AttemptEntity {
    const PREFIX: &'static str = "payment";
}
/// An attempt's identifier, which is also that of the payment it becomes.
pub type AttemptId = Id<AttemptEntity>;

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AttemptStatus {
    /// Written down; the provider has not heard of it.
    Created,
    /// The provider is being asked.
    Sent,
    /// Nobody knows whether the provider did it.
    Unknown,
    /// The bank takes its time.
    Processing,
    /// The payer has to confirm.
    RequiresAction,
    /// The money is ours.
    Succeeded,
    /// The bank said no.
    Declined,
    /// It was called off.
    Canceled,
    /// It could not be asked for.
    Failed,
}

impl AttemptStatus {
    /// Whether money may still come of it by itself.
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Created | Self::Sent | Self::Unknown | Self::Processing | Self::RequiresAction
        )
    }

    /// Where it stands after the provider said this; none where that changes nothing.
    pub const fn after(self, outcome: &Outcome) -> Option<Self> {
        let next = match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Processing => Self::Processing,
            Outcome::RequiresAction(_) => Self::RequiresAction,
            Outcome::Declined(_) => Self::Declined,
            Outcome::Canceled => Self::Canceled,
        };
        let same = self as u8 == next as u8;
        let late = matches!(next, Self::Succeeded) && !matches!(self, Self::Succeeded);
        if !same && (self.is_open() || late) {
            Some(next)
        } else {
            None
        }
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Processing => "processing",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Declined => "declined",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }
}

/// One charge of one invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Which one.
    pub id: AttemptId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// By whom.
    pub provider: ProviderKind,
    /// By what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_id: Option<MethodId>,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: AttemptStatus,
    /// What the provider calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The provider's code of what was in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The bank's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When its end was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::AttemptStatus::{self, *};
    use crate::providers::{Decline, Outcome};

    fn outcomes() -> [Outcome; 5] {
        let decline = Decline {
            code: "card_declined".to_owned(),
            decline_code: None,
            message: "No.".to_owned(),
        };
        [
            Outcome::Succeeded,
            Outcome::Processing,
            Outcome::RequiresAction(None),
            Outcome::Declined(decline),
            Outcome::Canceled,
        ]
    }

    #[test]
    fn money_is_never_unlearnt_and_always_noticed() {
        for status in [
            Created,
            Sent,
            Unknown,
            Processing,
            RequiresAction,
            Declined,
            Canceled,
            Failed,
        ] {
            assert_eq!(status.after(&Outcome::Succeeded), Some(Succeeded), "{status:?}");
        }
        for outcome in outcomes() {
            assert_eq!(Succeeded.after(&outcome), None, "{outcome:?}");
        }
    }

    #[test]
    fn what_is_over_stays_over_but_for_money() {
        for status in [Declined, Canceled, Failed] {
            for outcome in &outcomes()[1..] {
                assert_eq!(status.after(outcome), None, "{status:?} {outcome:?}");
            }
        }
    }

    #[test]
    fn what_is_open_follows_the_provider() {
        let expected: [AttemptStatus; 5] = [Succeeded, Processing, RequiresAction, Declined, Canceled];
        for status in [Created, Sent, Unknown] {
            for (outcome, expected) in outcomes().iter().zip(expected) {
                assert_eq!(status.after(outcome), Some(expected), "{status:?} {outcome:?}");
            }
        }
        assert_eq!(Processing.after(&Outcome::Processing), None);
        assert_eq!(RequiresAction.after(&Outcome::Processing), Some(Processing));
    }
}
