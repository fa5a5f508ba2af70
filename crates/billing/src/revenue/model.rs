//! A month's figures: pure.

use pricing::{Currency, Decimal, Exact, Money, MoneyError};
use serde::Serialize;

/// Why what a tenant is worth changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Movement {
    /// It is worth something for the first time.
    New,
    /// It is worth something again.
    Reactivation,
    /// It is worth more.
    Expansion,
    /// It is worth less.
    Contraction,
    /// It is worth nothing any more.
    Churned,
}

impl Movement {
    /// Every one, in the order in which reports add them up.
    const ALL: [Self; 5] = [
        Self::New,
        Self::Reactivation,
        Self::Expansion,
        Self::Contraction,
        Self::Churned,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reactivation => "reactivation",
            Self::Expansion => "expansion",
            Self::Contraction => "contraction",
            Self::Churned => "churned",
        }
    }

    /// From one worth to another, of a tenant that was worth something before or never was; none where nothing changed.
    pub(crate) const fn of(before: i64, after: i64, was_worth_something: bool) -> Option<Self> {
        match (before, after) {
            _ if before == after => None,
            (_, 0) => Some(Self::Churned),
            (0, _) if was_worth_something => Some(Self::Reactivation),
            (0, _) => Some(Self::New),
            _ if after > before => Some(Self::Expansion),
            _ => Some(Self::Contraction),
        }
    }
}

/// A movement of a month, over all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moved {
    /// How often.
    pub(super) count: i64,
    /// By so much a year, in minor units; less than nothing where it became less.
    pub(super) yearly: i64,
}

/// Where a currency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// Tenants that are worth something.
    pub(super) customers: i64,
    /// What all of them are worth a year, in minor units.
    pub(super) yearly: i64,
}

/// Paying tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Customers {
    /// When the month began.
    pub at_start: i64,
    /// For the first time.
    pub new: i64,
    /// Again.
    pub reactivated: i64,
    /// Not any more.
    pub churned: i64,
    /// When the month ended; now, in the present one.
    pub at_end: i64,
}

/// Of a hundred of what there was when the month began, to two decimals; none where there was nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// Customers that left.
    pub customer_churn: Option<Decimal>,
    /// Revenue that was lost: by those who left, and by those who pay less.
    pub gross_revenue_churn: Option<Decimal>,
    /// The same less what those who stayed pay more: below zero where that is more.
    pub net_revenue_churn: Option<Decimal>,
}

/// A month in one currency. `mrrAtStart`, `newMrr`, `reactivationMrr` and `expansionMrr`, less `contractionMrr` and
/// `churnedMrr`, is `mrrAtEnd`, to the minor unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Month {
    /// Which: `2026-11`.
    pub month: String,
    /// Monthly recurring revenue when the month began.
    pub mrr_at_start: Money,
    /// Of tenants that pay for the first time.
    pub new_mrr: Money,
    /// Of tenants that pay again.
    pub reactivation_mrr: Money,
    /// More of the same tenants.
    pub expansion_mrr: Money,
    /// Less of the same tenants.
    pub contraction_mrr: Money,
    /// Of tenants that do not pay any more.
    pub churned_mrr: Money,
    /// Monthly recurring revenue when the month ended; now, in the present one.
    pub mrr_at_end: Money,
    /// Yearly recurring revenue then.
    pub arr: Money,
    /// Who pays.
    pub customers: Customers,
    /// Churn.
    pub rates: Rates,
}

impl Month {
    /// A month that began so, with these movements; and where it ended.
    pub(super) fn of(
        month: String,
        currency: Currency,
        start: Standing,
        moved: impl Fn(Movement) -> Moved + Copy,
    ) -> Result<(Self, Standing), MoneyError> {
        let mut yearly = start.yearly;
        // What is shown of a movement is by how much what is shown before and after it differs, so that all of them add up.
        let mut shown = [Money::zero(currency); Movement::ALL.len()];
        for (shown, movement) in shown.iter_mut().zip(Movement::ALL) {
            let before = monthly(yearly, currency)?;
            yearly = yearly
                .checked_add(moved(movement).yearly)
                .ok_or(MoneyError::Overflow)?;
            let change = monthly(yearly, currency)?.checked_sub(before)?;
            *shown = Money::new(change.amount.abs(), currency);
        }
        let [
            new_mrr,
            reactivation_mrr,
            expansion_mrr,
            contraction_mrr,
            churned_mrr,
        ] = shown;
        let count = |movement| moved(movement).count;
        let customers = Customers {
            at_start: start.customers,
            new: count(Movement::New),
            reactivated: count(Movement::Reactivation),
            churned: count(Movement::Churned),
            at_end: start.customers + count(Movement::New) + count(Movement::Reactivation)
                - count(Movement::Churned),
        };
        let end = Standing {
            customers: customers.at_end,
            yearly,
        };
        let month = Self {
            month,
            mrr_at_start: monthly(start.yearly, currency)?,
            new_mrr,
            reactivation_mrr,
            expansion_mrr,
            contraction_mrr,
            churned_mrr,
            mrr_at_end: monthly(yearly, currency)?,
            arr: Money::new(yearly, currency),
            customers,
            rates: rates(start, moved),
        };
        Ok((month, end))
    }
}

/// A twelfth, rounded to the minor unit.
fn monthly(yearly: i64, currency: Currency) -> Result<Money, MoneyError> {
    let exact = Exact::from(yearly).divided_by(&Exact::from(12));
    Money::from_minor(&exact.unwrap_or_default(), currency)
}

fn rates(start: Standing, moved: impl Fn(Movement) -> Moved) -> Rates {
    let yearly = |movement| moved(movement).yearly;
    let lost = -yearly(Movement::Churned) - yearly(Movement::Contraction);
    Rates {
        customer_churn: percent(moved(Movement::Churned).count, start.customers),
        gross_revenue_churn: percent(lost, start.yearly),
        net_revenue_churn: percent(lost - yearly(Movement::Expansion), start.yearly),
    }
}

/// Of a hundred, to two decimals.
fn percent(part: i64, whole: i64) -> Option<Decimal> {
    let exact = Exact::from(part).divided_by(&Exact::from(whole))?;
    let hundredths = (&exact * &Exact::from(10_000)).rounded()?;
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, part) = (hundredths.abs() / 100, hundredths.abs() % 100);
    format!("{sign}{whole}.{part:02}").parse().ok()
}
