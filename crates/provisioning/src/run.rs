//! A run of the saga: its direction, its steps, and the moves between their states.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Which way the machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Direction {
    /// Makes a tenant.
    Provision,
    /// Removes one.
    Deprovision,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RunStatus {
    /// Asked for.
    Pending,
    /// Under way.
    InProgress,
    /// Done.
    Completed,
    /// Given up; nothing is left of it.
    Failed,
    /// Being undone.
    RollingBack,
}

impl RunStatus {
    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum StepStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
    /// Not needed for this tenant.
    Skipped,
    /// Undone.
    RolledBack,
    /// Failed; tried again.
    Retrying,
}

/// One step of a run as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepRecord {
    pub(crate) name: String,
    pub(crate) status: StepStatus,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) message: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) attempts: i32,
}

impl StepRecord {
    pub(crate) fn pending(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            status: StepStatus::Pending,
            started_at: None,
            completed_at: None,
            message: None,
            error: None,
            attempts: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.status, StepStatus::Completed | StepStatus::Skipped)
    }

    /// People see it under way; its first attempt is about to begin.
    pub(crate) fn announce(&mut self, now: Timestamp) {
        self.status = StepStatus::InProgress;
        self.started_at = Some(now);
    }

    pub(crate) fn is_announced(&self) -> bool {
        self.status == StepStatus::InProgress && self.attempts == 0
    }

    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.status = StepStatus::InProgress;
        self.started_at.get_or_insert(now);
        self.attempts += 1;
    }

    pub(crate) fn complete(&mut self, outcome: Outcome, now: Timestamp) {
        (self.status, self.message) = match outcome {
            Outcome::Done(message) => (StepStatus::Completed, message),
            Outcome::Skipped => (StepStatus::Skipped, None),
        };
        self.error = None;
        self.completed_at = Some(now);
    }

    pub(crate) fn fail(&mut self, error: &str, again: bool) {
        self.status = if again {
            StepStatus::Retrying
        } else {
            StepStatus::Failed
        };
        self.error = Some(error.to_owned());
    }
}

/// What a step that did not fail says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, with a word on what was made.
    Done(Option<String>),
    /// Not needed for this tenant.
    Skipped,
}

impl Outcome {
    pub(crate) const DONE: Self = Self::Done(None);

    pub(crate) fn made(what: impl Into<String>) -> Self {
        Self::Done(Some(what.into()))
    }
}

/// A run as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) tenant: TenantId,
    pub(crate) direction: Direction,
    pub(crate) status: RunStatus,
    pub(crate) request: serde_json::Value,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) steps: Vec<StepRecord>,
}

impl Run {
    pub(crate) fn pending(
        tenant: TenantId,
        direction: Direction,
        request: serde_json::Value,
        steps: impl IntoIterator<Item = &'static str>,
        now: Timestamp,
    ) -> Self {
        Self {
            tenant,
            direction,
            status: RunStatus::Pending,
            request,
            error: None,
            created_at: now,
            completed_at: None,
            steps: steps.into_iter().map(StepRecord::pending).collect(),
        }
    }

    /// The first step that is still to be done.
    pub(crate) fn next(&self) -> Option<usize> {
        self.steps.iter().position(|step| !step.is_done())
    }

    /// Everything is done.
    pub(crate) fn complete(&mut self, now: Timestamp) {
        self.status = RunStatus::Completed;
        self.end(now);
    }

    /// Gives up: from now on the run is undone.
    pub(crate) fn give_up(&mut self, cause: String) {
        self.status = RunStatus::RollingBack;
        self.error = Some(cause);
    }

    /// Nothing is left of what was made.
    pub(crate) fn undone(&mut self, now: Timestamp) {
        for step in &mut self.steps {
            step.status = match step.status {
                StepStatus::Failed => StepStatus::Failed,
                StepStatus::Pending | StepStatus::Skipped => StepStatus::Skipped,
                _ => StepStatus::RolledBack,
            };
        }
        self.status = RunStatus::Failed;
        self.end(now);
    }

    /// Forgets what the request said about people: it is not needed any more.
    fn end(&mut self, now: Timestamp) {
        self.completed_at = Some(now);
        if let Some(request) = self.request.as_object_mut() {
            request.remove("owner");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run::pending(
            TenantId::from_uuid(sqlx::types::Uuid::nil()),
            Direction::Provision,
            serde_json::Value::Null,
            ["one", "two", "three"],
            Timestamp::from_micros(0),
        )
    }

    #[test]
    fn a_run_resumes_at_the_first_step_that_is_not_done() {
        let (mut run, now) = (run(), Timestamp::from_micros(1));
        assert_eq!(run.next(), Some(0));
        run.steps[0].complete(Outcome::DONE, now);
        run.steps[1].complete(Outcome::Skipped, now);
        assert_eq!(run.next(), Some(2));
        run.steps[2].begin(now);
        run.steps[2].fail("no", true);
        assert_eq!((run.next(), run.steps[2].status), (Some(2), StepStatus::Retrying));
        run.steps[2].complete(Outcome::DONE, now);
        assert_eq!(
            (run.next(), run.steps[2].attempts, run.steps[2].error.as_deref()),
            (None, 1, None)
        );
    }

    #[test]
    fn at_the_end_nothing_is_known_about_people_any_more() {
        let now = Timestamp::from_micros(1);
        for end in [Run::complete, Run::undone] {
            let mut run = Run {
                request: serde_json::json!({"owner": {"email": "a@b.example"}, "domain": null}),
                ..run()
            };
            end(&mut run, now);
            assert_eq!(run.request, serde_json::json!({"domain": null}));
            assert!(run.status.is_final() && run.completed_at == Some(now));
        }
    }

    #[test]
    fn an_announced_step_is_shown_under_way_and_was_not_tried_yet() {
        let (mut run, now) = (run(), Timestamp::from_micros(1));
        let step = &mut run.steps[0];
        step.announce(now);
        assert!(step.is_announced() && step.status == StepStatus::InProgress);
        step.begin(Timestamp::from_micros(2));
        assert_eq!(
            (step.is_announced(), step.attempts, step.started_at),
            (false, 1, Some(now))
        );
        step.fail("no", true);
        assert!(!step.is_announced());
    }

    #[test]
    fn what_was_done_is_shown_as_undone_and_the_cause_stays() {
        let (mut run, now) = (run(), Timestamp::from_micros(1));
        run.steps[0].complete(Outcome::DONE, now);
        run.steps[1].begin(now);
        run.steps[1].fail("disk full", false);
        run.give_up("two: disk full".into());
        run.undone(now);
        let shown: Vec<_> = run.steps.iter().map(|step| step.status).collect();
        assert_eq!(
            shown,
            [StepStatus::RolledBack, StepStatus::Failed, StepStatus::Skipped]
        );
        assert_eq!(
            (run.status, run.error.as_deref()),
            (RunStatus::Failed, Some("two: disk full"))
        );
    }
}
