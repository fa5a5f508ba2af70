//! A case and its transitions: pure.

use kernel::{TenantId, Timestamp};
use pricing::Zone;
use pricing::catalogue::{Dunning, FinalAction};
use pricing::periods::BeyondCalendar;
use serde::Serialize;

use crate::invoices::InvoiceId;
use crate::payments::attempts::AttemptId;
use crate::payments::methods::MethodId;

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = DunningStatus)]
pub enum CaseStatus {
    /// It is being collected.
    Running,
    /// Everything was tried, and the final action taken.
    Exhausted,
    /// Nothing is due any more, or it was given up.
    Ended,
}

/// An invoice that is not paid, being collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DunningCase)]
pub struct Case {
    /// Whose.
    #[serde(skip)]
    pub tenant_id: TenantId,
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Where it stands.
    pub status: CaseStatus,
    /// Days from each failure to the next try.
    pub retry_after_days: Vec<u16>,
    /// What follows the last.
    pub final_action: FinalAction,
    /// How often it was tried, the first time included.
    pub tries: u32,
    /// When it is tried, or looked at, again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// The attempt whose end decides about the try that is being made.
    #[serde(skip)]
    pub awaited: Option<AttemptId>,
    /// Whether it is tried as soon as no attempt is open.
    #[serde(skip)]
    pub again: bool,
    /// A method that was refused for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_method: Option<MethodId>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What came of a setback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again then.
    Retry(Timestamp),
    /// Everything was tried.
    Final,
}

/// The end of an attempt is told. Should that ever be missed, somebody looks after a day.
const LOOK_AFTER_DAYS: i64 = 1;

impl Case {
    /// One that begins.
    pub(super) fn new(tenant: TenantId, invoice: InvoiceId, schedule: &Dunning, now: Timestamp) -> Self {
        Self {
            tenant_id: tenant,
            invoice_id: invoice,
            status: CaseStatus::Running,
            retry_after_days: schedule.retry_after_days.clone(),
            final_action: schedule.final_action,
            tries: 0,
            next_at: Some(now),
            awaited: None,
            again: false,
            refused_method: None,
            began_at: now,
            ended_at: None,
        }
    }

    /// It is tried once more.
    pub(super) const fn tried(mut self) -> Self {
        self.tries += 1;
        self
    }

    /// A try is being made: its end decides.
    pub(super) fn awaiting(mut self, attempt: AttemptId, now: Timestamp) -> Self {
        self.awaited = Some(attempt);
        self.next_at = Some(now.plus_days(LOOK_AFTER_DAYS));
        self
    }

    /// A try came to nothing.
    pub(super) fn missed(mut self, zone: &Zone, now: Timestamp) -> Result<(Self, Next), BeyondCalendar> {
        self.awaited = None;
        let retries = usize::try_from(self.tries)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let days = self.retry_after_days.get(retries);
        let Some(days) = days else {
            self.status = CaseStatus::Exhausted;
            self.next_at = None;
            return Ok((self, Next::Final));
        };
        let next = zone.days_after(now, *days)?;
        self.next_at = Some(next);
        Ok((self, Next::Retry(next)))
    }

    /// It is over.
    pub(super) fn ended(mut self, now: Timestamp) -> Self {
        self.status = CaseStatus::Ended;
        self.next_at = None;
        self.awaited = None;
        self.again = false;
        self.ended_at = Some(now);
        self
    }
}

#[cfg(test)]
mod tests {
    use kernel::Seams;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_schedule_is_gone_through_and_ends() {
        let schedule = Dunning {
            retry_after_days: vec![3, 5, 7, 7],
            final_action: FinalAction::Suspend,
        };
        let seams = Seams::real();
        let berlin: Zone = "Europe/Berlin".parse().expect("a zone");
        let mut now = at("2027-03-10T08:00:00Z");
        let mut case = Case::new(seams.new_id(), seams.new_id(), &schedule, now).tried();
        // On 28 March the clocks go forward: it is the same time of day there.
        for wanted in [
            "2027-03-13T08:00:00Z",
            "2027-03-18T08:00:00Z",
            "2027-03-25T08:00:00Z",
            "2027-04-01T07:00:00Z",
        ] {
            let (after, next) = case.missed(&berlin, now).expect("within the calendar");
            assert_eq!(next, Next::Retry(at(wanted)));
            assert_eq!(
                (after.status, after.next_at),
                (CaseStatus::Running, Some(at(wanted)))
            );
            now = at(wanted);
            case = after.tried();
        }
        let (over, next) = case.missed(&berlin, now).expect("within the calendar");
        assert_eq!(
            (over.status, next, over.next_at),
            (CaseStatus::Exhausted, Next::Final, None)
        );
        let ended = over.ended(now);
        assert_eq!((ended.status, ended.ended_at), (CaseStatus::Ended, Some(now)));
    }

    #[test]
    fn who_retries_never_has_come_to_the_end_at_once() {
        let schedule = Dunning {
            retry_after_days: Vec::new(),
            final_action: FinalAction::Cancel,
        };
        let (seams, now) = (Seams::real(), at("2027-03-10T08:00:00Z"));
        let case = Case::new(seams.new_id(), seams.new_id(), &schedule, now);
        let (_, next) = case.missed(&Zone::UTC, now).expect("within the calendar");
        assert_eq!(next, Next::Final);
    }
}
