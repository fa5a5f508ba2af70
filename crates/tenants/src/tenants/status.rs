//! The life of a tenant: its statuses, what can be done to it, and the one table of what is legal when.

use serde::{Deserialize, Serialize};

use super::text::SuspensionReason;

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Being set up.
    Provisioning,
    /// In use without payment, for a while.
    Trial,
    /// In use.
    Active,
    /// Closed for its people; its data is untouched.
    Suspended,
    /// Given up by its owner; its data is untouched.
    Canceled,
    /// To be removed when its grace time is over.
    Deleting,
    /// Removed; only this record is left.
    Deleted,
    /// Could not be set up; nothing of it is left.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Provisioning,
        Self::Trial,
        Self::Active,
        Self::Suspended,
        Self::Canceled,
        Self::Deleting,
        Self::Deleted,
        Self::Failed,
    ];

    /// The name used in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Trial => "trial",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Canceled => "canceled",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }

    /// Whether the tenant's own people and machines are let in.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Trial | Self::Active)
    }

    /// Whether its people may come in, be it only to pay: it is open, given up, or suspended for want of money.
    pub fn lets_in(self, suspended_for: Option<&SuspensionReason>) -> bool {
        match self {
            Self::Trial | Self::Active | Self::Canceled => true,
            Self::Suspended => suspended_for.is_some_and(SuspensionReason::ends_by_paying),
            Self::Provisioning | Self::Deleting | Self::Deleted | Self::Failed => false,
        }
    }

    /// Whether its record may be changed: it is there, and nobody is about to remove it.
    pub const fn is_editable(self) -> bool {
        matches!(
            self,
            Self::Trial | Self::Active | Self::Suspended | Self::Canceled
        )
    }
}

/// What can be done to a tenant as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Setting it up is complete.
    Activate,
    /// Setting it up failed.
    Fail,
    /// Its trial becomes a subscription.
    Convert,
    /// It is closed.
    Suspend,
    /// It is opened again.
    Reactivate,
    /// It is given up.
    Cancel,
    /// A cancellation or a deletion is undone.
    Restore,
    /// It is to be removed.
    RequestDeletion,
    /// It has been removed.
    Delete,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Activate,
        Self::Fail,
        Self::Convert,
        Self::Suspend,
        Self::Reactivate,
        Self::Cancel,
        Self::Restore,
        Self::RequestDeletion,
        Self::Delete,
    ];

    /// The table: from which statuses, to which. Which of several it becomes is the tenant's own history: it goes
    /// back to where it came from.
    pub(super) const fn moves(self) -> (&'static [Status], &'static [Status]) {
        use Status::{Active, Canceled, Deleted, Deleting, Failed, Provisioning, Suspended, Trial};
        match self {
            Self::Activate => (&[Provisioning], &[Trial, Active]),
            Self::Fail => (&[Provisioning], &[Failed]),
            Self::Convert => (&[Trial], &[Active]),
            Self::Suspend => (&[Trial, Active], &[Suspended]),
            Self::Reactivate => (&[Suspended], &[Trial, Active]),
            Self::Cancel => (&[Trial, Active, Suspended], &[Canceled]),
            Self::Restore => (&[Canceled, Deleting], &[Trial, Active, Suspended, Canceled]),
            Self::RequestDeletion => (&[Trial, Active, Suspended, Canceled], &[Deleting]),
            Self::Delete => (&[Deleting], &[Deleted]),
        }
    }

    /// As it is said of a tenant: it cannot be …
    const fn participle(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Fail => "failed",
            Self::Convert => "converted",
            Self::Suspend => "suspended",
            Self::Reactivate => "reactivated",
            Self::Cancel => "canceled",
            Self::Restore => "restored",
            Self::RequestDeletion => "deleted",
            Self::Delete => "removed",
        }
    }
}

/// The status does not allow the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant that is {} cannot be {}", from.name(), action.participle())]
pub struct InvalidTransition {
    /// Where it stands.
    pub from: Status,
    /// What was asked for.
    pub action: Action,
}
