//! A refund and its transitions: pure.

use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::Money;
use serde::Serialize;

use crate::payments::attempts::AttemptId;
use crate::providers::{ProviderKind, RefundStatus};

/// Marker of refunds.
#[derive(Debug)]
pub enum RefundEntity {}
impl Entity for RefundEntity {
    const PREFIX: &'static str = "refund";
}
/// A refund's identifier.
pub type RefundId = Id<RefundEntity>;

/// Money that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// Which one.
    pub id: RefundId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which payment.
    pub payment_id: AttemptId,
    /// By whom.
    pub provider: ProviderKind,
    /// How much.
    pub amount: Money,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands.
    pub status: RefundStatus,
    /// What the provider calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its end was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

impl RefundStatus {
    /// Whether the money may still arrive by itself.
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Created | Self::Sent | Self::Unknown | Self::Pending | Self::RequiresAction
        )
    }

    /// Where it stands after the provider said this; none where that changes nothing. One that succeeded can come back,
    /// one that failed or was called off is over.
    pub const fn after(self, said: Self) -> Option<Self> {
        let same = self as u8 == said as u8;
        let comes_back = matches!(self, Self::Succeeded) && matches!(said, Self::Failed | Self::Canceled);
        if !same && (self.is_open() || comes_back) {
            Some(said)
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
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::providers::RefundStatus::{Canceled, Created, Failed, Pending, Sent, Succeeded, Unknown};

    #[test]
    fn a_refund_that_arrived_can_only_come_back() {
        assert_eq!(Succeeded.after(Failed), Some(Failed));
        assert_eq!(Succeeded.after(Pending), None);
        assert_eq!(Succeeded.after(Succeeded), None);
        for over in [Failed, Canceled] {
            for said in [Succeeded, Pending, Failed, Canceled] {
                assert_eq!(over.after(said), None, "{over:?} {said:?}");
            }
        }
        for open in [Created, Sent, Unknown] {
            assert_eq!(open.after(Pending), Some(Pending));
            assert_eq!(open.after(Succeeded), Some(Succeeded));
        }
    }
}
