//! Subscriptions: where they stand and what becomes due when. Pure.

use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::catalogue::TrialEnd;
use pricing::{Alignment, Anchor, Currency, Interval, Period, Periods, Span, Zone};
use serde::{Deserialize, Serialize};
use tenants::plans::PlanId;
use tenants::{Access, BillingCycle};

use super::error::SubscriptionError;

/// Marker of subscriptions.
#[derive(Debug)]
pub enum SubscriptionEntity {}
impl Entity for SubscriptionEntity {
    const PREFIX: &'static str = "subscription";
}
/// A subscription's identifier.
pub type SubscriptionId = Id<SubscriptionEntity>;

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// In use without payment, for a while.
    Trialing,
    /// In use, and paid for as far as is known.
    Active,
    /// An invoice is overdue, and is being collected.
    PastDue,
    /// Nothing could be collected; nothing more is invoiced until something is.
    Unpaid,
    /// Nothing is invoiced until it is resumed.
    Paused,
    /// Over for good.
    Canceled,
    /// Its first payment is still to come.
    Incomplete,
}

impl SubscriptionStatus {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Incomplete => "incomplete",
        }
    }

    /// How much is open to its tenant; the table is the gate's. A subscription that is over closes nothing by itself: its
    /// tenant is cancelled with it.
    pub const fn access(self) -> Access {
        match self {
            Self::Trialing | Self::Active | Self::PastDue | Self::Paused | Self::Canceled => Access::Full,
            Self::Unpaid => Access::ReadOnly,
            Self::Incomplete => Access::BillingOnly,
        }
    }

    /// Whether its periods are invoiced as they come.
    pub const fn renews(self) -> bool {
        matches!(self, Self::Active | Self::PastDue)
    }
}

/// Something on top of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddOnItem {
    /// Its name in the catalogue.
    pub id: String,
    /// How many.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub quantity: u32,
}

/// A coupon that a subscription has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CouponUse {
    /// Its code.
    pub code: String,
    /// How many invoices it has discounted.
    pub invoices: u32,
}

/// What is wanted of a subscription; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeOrder {
    /// Another plan, at the prices of the latest edition of the catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// How often it is paid for.
    #[serde(rename = "billingCycle", default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<BillingCycle>,
    /// How many seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// What it has on top, all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_ons: Option<Vec<AddOnItem>>,
    /// A coupon from the next invoice on; an empty one takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
}

/// When a change takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At once: the rest of the period is credited and charged.
    Now,
    /// With the end of the period.
    PeriodEnd,
    /// At that instant.
    At(Timestamp),
}

/// A change that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduledChange)]
pub struct Scheduled {
    /// When it takes effect.
    pub at: Timestamp,
    /// What changes.
    pub order: ChangeOrder,
}

/// What a tenant pays for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Which one.
    pub id: SubscriptionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// The plan.
    pub plan: PlanId,
    /// How often it is paid for.
    #[serde(rename = "billingCycle")]
    pub cycle: BillingCycle,
    /// How many seats, where the plan is priced by them.
    pub quantity: u32,
    /// What it has on top.
    pub add_ons: Vec<AddOnItem>,
    /// Its coupon.
    pub coupon: Option<CouponUse>,
    /// What it is paid in.
    pub currency: Currency,
    /// The edition of the catalogue that its prices are of.
    pub edition: u32,
    /// Whose days its periods are made of.
    pub time_zone: Zone,
    /// On which days its periods begin.
    pub alignment: Alignment,
    /// Where its periods are counted from.
    pub anchor: Timestamp,
    /// The number of the present period, counted from the anchor.
    #[serde(skip)]
    pub period_number: u32,
    /// The present period; of a trial the trial.
    pub period: Span,
    /// From when on usage is not invoiced yet.
    #[serde(skip)]
    pub usage_from: Timestamp,
    /// The number of the present month, counted from the anchor.
    #[serde(skip)]
    pub usage_number: u32,
    /// When that ends, and its usage is invoiced.
    #[serde(skip)]
    pub usage_ends_at: Timestamp,
    /// When its trial ends or ended.
    pub trial_ends_at: Option<Timestamp>,
    /// What follows the trial if no way to pay is known then.
    pub trial_end: TrialEnd,
    /// Whether the tenant was told that its trial ends.
    #[serde(skip)]
    pub trial_told: bool,
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// A change that waits.
    pub scheduled: Option<Scheduled>,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// When it goes on by itself.
    pub resumes_at: Option<Timestamp>,
    /// Whether what was paid for ended during the pause.
    #[serde(skip)]
    pub lapsed: bool,
    /// Since when it is to end.
    pub canceled_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Counts the changes of this record, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What is due of a subscription, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its trial is about to end.
    TrialNotice(Timestamp),
    /// Its trial is over.
    TrialEnd(Timestamp),
    /// A change takes effect within a period.
    Change(Timestamp),
    /// A month's usage is to be invoiced.
    Usage(Timestamp),
    /// A period is over.
    Renew(Timestamp),
    /// It is to go on after a pause.
    Resume(Timestamp),
    /// It is paused, and what was paid for is over.
    Lapse(Timestamp),
}

impl Step {
    /// Since when it is due.
    pub(crate) const fn at(self) -> Timestamp {
        match self {
            Self::TrialNotice(at)
            | Self::TrialEnd(at)
            | Self::Change(at)
            | Self::Usage(at)
            | Self::Renew(at)
            | Self::Resume(at)
            | Self::Lapse(at) => at,
        }
    }
}

impl Subscription {
    /// Its periods.
    pub(crate) fn periods(&self) -> Periods {
        let cycle = price_cycle(self.cycle).interval();
        Periods::new(self.counted_from(), cycle, self.alignment)
    }

    /// Its months, by which usage is invoiced.
    fn months(&self) -> Periods {
        Periods::new(self.counted_from(), Interval::MONTH, self.alignment)
    }

    fn counted_from(&self) -> Anchor {
        Anchor::new(self.anchor, self.time_zone.clone())
    }

    /// The present period, as a part of the whole one that its price is for.
    pub(crate) fn present(&self) -> Result<Period, SubscriptionError> {
        Ok(self.periods().nth(self.period_number)?)
    }

    /// Begins to be paid for at the instant: from there its periods are counted.
    pub(crate) fn anchored(mut self, at: Timestamp, zone: &Zone) -> Result<Self, SubscriptionError> {
        self.anchor = at;
        self.time_zone = zone.clone();
        self.usage_from = hour_of(at);
        self.in_period(0)?.in_month(0)
    }

    /// Goes on with the period of this number.
    pub(crate) fn in_period(mut self, number: u32) -> Result<Self, SubscriptionError> {
        self.period_number = number;
        self.period = self.periods().nth(number)?.span;
        Ok(self)
    }

    /// Goes on with the month of this number.
    pub(crate) fn in_month(mut self, number: u32) -> Result<Self, SubscriptionError> {
        self.usage_number = number;
        self.usage_ends_at = self.months().nth(number)?.span.ends_at;
        Ok(self)
    }

    /// What becomes due next.
    pub(crate) fn next(&self) -> Option<Step> {
        let change = self.scheduled.as_ref().map(|scheduled| scheduled.at);
        // What is due at one instant is done in this order: a change before the renewal that charges for it, usage before the
        // period that it belongs to is left.
        let steps = match self.status {
            SubscriptionStatus::Trialing => {
                vec![
                    self.trial_notice(),
                    change.map(Step::Change),
                    self.trial_ends_at.map(Step::TrialEnd),
                ]
            }
            SubscriptionStatus::Active | SubscriptionStatus::PastDue => vec![
                change.filter(|at| *at < self.period.ends_at).map(Step::Change),
                Some(Step::Usage(self.usage_ends_at)).filter(|usage| usage.at() < self.period.ends_at),
                Some(Step::Renew(self.period.ends_at)),
            ],
            SubscriptionStatus::Paused => vec![
                self.resumes_at.map(Step::Resume),
                Some(Step::Lapse(self.period.ends_at)).filter(|_| !self.lapsed),
            ],
            SubscriptionStatus::Unpaid | SubscriptionStatus::Incomplete | SubscriptionStatus::Canceled => {
                Vec::new()
            }
        };
        steps.into_iter().flatten().min_by_key(|step| step.at())
    }

    /// When the tenant is told that its trial ends; a trial that is shorter is told of at once.
    fn trial_notice(&self) -> Option<Step> {
        let ends_at = self.trial_ends_at.filter(|_| !self.trial_told)?;
        Some(Step::TrialNotice(
            ends_at.plus_days(-NOTICE_DAYS).max(self.started_at),
        ))
    }

    /// Whether somebody else's change came first.
    pub(crate) fn check_version(&self, expected: Option<i64>) -> Result<(), SubscriptionError> {
        match expected {
            Some(version) if version != self.version => Err(SubscriptionError::VersionMismatch {
                current: self.version,
            }),
            _ => Ok(()),
        }
    }
}

/// Days before the end of a trial at which the tenant is told of it.
const NOTICE_DAYS: i64 = 3;

/// The cycle as price lists know it.
pub(crate) const fn price_cycle(cycle: BillingCycle) -> pricing::catalogue::BillingCycle {
    match cycle {
        BillingCycle::Monthly => pricing::catalogue::BillingCycle::Monthly,
        BillingCycle::Yearly => pricing::catalogue::BillingCycle::Yearly,
    }
}

/// The hour (UTC) that the instant is in: usage is counted by these, so its spans begin and end with them.
pub(crate) fn hour_of(at: Timestamp) -> Timestamp {
    const HOUR: i64 = 3_600_000_000;
    Timestamp::from_micros(at.as_micros().div_euclid(HOUR) * HOUR)
}
