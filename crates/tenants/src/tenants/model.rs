//! A tenant's record and what becomes of it: pure.

use isolation::IsolationStrategy;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::slug::Slug;
use super::status::{Action, InvalidTransition, Status};
use super::text::{Region, SuspensionReason, TenantName};
use crate::plans::{FeatureOverrides, Features, LimitOverrides, Limits, PlanId};

/// Days that a given-up slug leads to its tenant's new one.
pub(crate) const REDIRECT_DAYS: i64 = 30;
/// Days that a slug cannot be claimed after it has stopped leading anywhere.
pub(crate) const QUARANTINE_DAYS: i64 = 30;

/// How often a subscription is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum BillingCycle {
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
}

impl BillingCycle {
    /// The name used in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}

/// Days from the request of a deletion to the removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraceDays(u16);

/// The number of days is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 0 to 365")]
pub struct InvalidGrace;

impl GraceDays {
    /// The longest grace.
    pub const MOST: u16 = 365;

    /// So many days.
    pub const fn new(days: u16) -> Result<Self, InvalidGrace> {
        if days <= Self::MOST {
            Ok(Self(days))
        } else {
            Err(InvalidGrace)
        }
    }
}

impl Default for GraceDays {
    fn default() -> Self {
        Self(30)
    }
}

/// A customer of the platform, as the control plane knows him.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// Which one.
    pub id: TenantId,
    /// What people call it.
    pub name: TenantName,
    /// What it is called in addresses. After a failure or removal it is no longer the tenant's.
    pub slug: Slug,
    /// Where it stands.
    pub status: Status,
    /// What it is on.
    pub plan: PlanId,
    /// How often it pays.
    pub billing_cycle: BillingCycle,
    /// How its data is walled off.
    pub isolation_strategy: IsolationStrategy,
    /// The first host name of its own, as A-labels.
    pub custom_domain: Option<String>,
    /// Where it wants its data to be.
    pub region: Option<Region>,
    /// What it has differently from its plan.
    pub feature_overrides: FeatureOverrides,
    /// How much it may differently from its plan.
    pub limit_overrides: LimitOverrides,
    /// Its application's settings.
    pub settings: Settings,
    /// Counts the changes of this record, from 1.
    pub version: i64,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When this record last changed.
    pub updated_at: Timestamp,
    /// When its trial ends or ended.
    pub trial_ends_at: Option<Timestamp>,
    /// Since when it is suspended.
    pub suspended_at: Option<Timestamp>,
    /// Why it is suspended.
    pub suspension_reason: Option<SuspensionReason>,
    /// Since when it is cancelled.
    pub canceled_at: Option<Timestamp>,
    /// When what it has paid for ends.
    pub subscription_ends_at: Option<Timestamp>,
    /// Since when its deletion is asked for.
    pub deletion_requested_at: Option<Timestamp>,
    /// When it will be removed.
    pub purge_at: Option<Timestamp>,
    /// When it was removed.
    pub deleted_at: Option<Timestamp>,
    /// Trial or active: what is under a suspension, cancellation or deletion. `None` while nothing covers it, and
    /// once its removal has begun.
    pub resume_status: Option<Status>,
}

impl Tenant {
    /// The features it has.
    pub fn features(&self) -> Features {
        self.plan.plan().features.overridden(&self.feature_overrides)
    }

    /// How much it may.
    pub fn limits(&self) -> Limits {
        self.plan.plan().limits.overridden(&self.limit_overrides)
    }

    /// Set up: on trial where its plan has one, else active.
    pub fn activate(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Activate)?;
        let days = self.plan.plan().trial_days;
        if days > 0 {
            self.trial_ends_at = Some(now.plus_days(days));
        }
        let to = if days > 0 { Status::Trial } else { Status::Active };
        Ok(self.moved(Action::Activate, to))
    }

    /// Could not be set up.
    pub fn fail(self) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Fail)?;
        Ok(self.moved(Action::Fail, Status::Failed))
    }

    /// The trial became a subscription.
    pub fn convert(self) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Convert)?;
        Ok(self.moved(Action::Convert, Status::Active))
    }

    /// Closed for its people.
    pub fn suspend(mut self, reason: SuspensionReason, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Suspend)?;
        self.suspended_at = Some(now);
        self.suspension_reason = Some(reason);
        Ok(self.covered(Action::Suspend, Status::Suspended))
    }

    /// Open again. Whoever reactivates a tenant whose trial is over means it to be active.
    pub fn reactivate(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Reactivate)?;
        self.lift_suspension();
        let trial_is_over = self.trial_ends_at.is_none_or(|end| end <= now);
        let to = match self.resume_status {
            Some(Status::Trial) if !trial_is_over => Status::Trial,
            _ => Status::Active,
        };
        Ok(self.moved(Action::Reactivate, to))
    }

    /// Given up by its owner.
    pub fn cancel(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Cancel)?;
        self.canceled_at = Some(now);
        Ok(self.covered(Action::Cancel, Status::Canceled))
    }

    /// Back to where it came from before it was cancelled or its deletion was asked for; refused once its grace time
    /// is over or its removal has begun. A trial that ended meanwhile is suspended like any other.
    pub fn restore(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Restore)?;
        let refused = self.refusal(Action::Restore);
        let under = self.resume_status.ok_or(refused)?;
        if self.status == Status::Deleting {
            if self.purge_at.is_none_or(|end| end <= now) {
                return Err(refused);
            }
            self.deletion_requested_at = None;
            self.purge_at = None;
        } else {
            self.canceled_at = None;
        }
        let to = match (self.canceled_at, self.suspended_at) {
            (Some(_), _) => Status::Canceled,
            (None, Some(_)) => Status::Suspended,
            (None, None) => under,
        };
        Ok(self.moved(Action::Restore, to))
    }

    /// To be removed when the grace time is over.
    pub fn request_deletion(mut self, grace: GraceDays, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::RequestDeletion)?;
        self.deletion_requested_at = Some(now);
        self.purge_at = Some(now.plus_days(grace.0.into()));
        Ok(self.covered(Action::RequestDeletion, Status::Deleting))
    }

    /// Removed: what could tell whose record this was is gone from it.
    pub fn delete(mut self, now: Timestamp) -> Result<Self, InvalidTransition> {
        self.allowed(Action::Delete)?;
        self.name = TenantName::of_removed();
        self.slug = Slug::of_removed(self.id);
        self.custom_domain = None;
        self.region = None;
        self.feature_overrides = FeatureOverrides::default();
        self.limit_overrides = LimitOverrides::default();
        self.settings = Settings::default();
        self.suspension_reason = None;
        self.deleted_at = Some(now);
        self.resume_status = None;
        Ok(self.moved(Action::Delete, Status::Deleted))
    }

    /// On another plan. A plan without a trial ends the one under way: there is nothing left to pay for.
    #[must_use]
    pub fn on_plan(mut self, plan: PlanId) -> Self {
        self.plan = plan;
        if plan.plan().trial_days == 0 {
            if self.status == Status::Trial {
                self.status = Status::Active;
            }
            if self.resume_status == Some(Status::Trial) {
                self.resume_status = Some(Status::Active);
            }
        }
        self
    }

    fn allowed(&self, action: Action) -> Result<(), InvalidTransition> {
        if action.moves().0.contains(&self.status) {
            Ok(())
        } else {
            Err(self.refusal(action))
        }
    }

    const fn refusal(&self, action: Action) -> InvalidTransition {
        InvalidTransition {
            from: self.status,
            action,
        }
    }

    fn moved(mut self, action: Action, to: Status) -> Self {
        debug_assert!(action.moves().1.contains(&to), "{action:?} leads to {to:?}");
        if to.is_open() {
            self.resume_status = None;
        }
        self.status = to;
        self
    }

    /// Moved to a status that lies over the one it had and can be taken away again.
    fn covered(mut self, action: Action, to: Status) -> Self {
        if self.status.is_open() {
            self.resume_status = Some(self.status);
        }
        self.moved(action, to)
    }

    fn lift_suspension(&mut self) {
        self.suspended_at = None;
        self.suspension_reason = None;
    }
}
