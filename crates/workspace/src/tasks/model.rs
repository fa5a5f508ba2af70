//! What a task is, and what may be asked of it.

use kernel::{Entity, FieldError, Id, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::projects::ProjectId;
use crate::{patch, text};

/// Characters that a task's title may have.
pub const TITLE_MAX: usize = 200;

/// A task, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Which one.
    pub id: TaskId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// What is to be done, in one line.
    #[schema(example = "Draft the landing page")]
    pub title: String,
    /// More about it; may be empty.
    #[schema(example = "With the new colours.")]
    pub description: String,
    /// How far it is.
    pub status: TaskStatus,
    /// By when it should be done; null when that does not matter.
    #[schema(required = true)]
    pub due_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    #[schema(example = 1)]
    pub version: i64,
    /// The actor who created it.
    #[schema(example = "user_01h455vb4pex5vsknk084sn02q")]
    pub created_by: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Entity for Task {
    const PREFIX: &'static str = "task";
}
/// A task's identifier.
pub type TaskId = Id<Task>;

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TaskStatus {
    /// Nobody has begun.
    #[default]
    Todo,
    /// Somebody is at it.
    InProgress,
    /// It is done.
    Done,
}

impl TaskStatus {
    /// How it is stored; bound as text like a [`ProjectStatus`](crate::projects::ProjectStatus).
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::Done => "done",
        }
    }
}

/// What a task is created from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"title": "Draft the landing page", "dueAt": "2026-04-01T12:00:00.000Z"}))]
pub struct NewTask {
    /// What is to be done: one line of 1 to 200 characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Draft the landing page"
    )]
    pub title: String,
    /// More about it; empty unless given.
    #[schema(
        max_length = 10_000,
        pattern = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
        example = "With the new colours."
    )]
    pub description: Option<String>,
    /// How far it is; to do unless given.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "patch::value")]
    pub status: Option<TaskStatus>,
    /// By when it should be done, from 1970 on.
    pub due_at: Option<Timestamp>,
}

impl Validate for NewTask {
    fn check(&self, errors: &mut Vec<FieldError>) {
        text::check_line(errors, "/title", &self.title, TITLE_MAX);
        text::check_description(errors, self.description.as_deref().unwrap_or_default());
        check_due(errors, self.due_at);
    }
}

/// What changes in a task; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"title": "Publish the landing page", "status": "done"}))]
pub struct PatchTask {
    /// What is to be done from now on.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Publish the landing page"
    )]
    #[serde(default, deserialize_with = "patch::value")]
    pub title: Option<String>,
    /// More about it; `null` empties it.
    #[schema(value_type = Option<String>, max_length = 10_000, pattern = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")]
    #[serde(default, deserialize_with = "patch::nullable")]
    pub description: Option<Option<String>>,
    /// How far it is.
    #[schema(nullable = false, example = "done")]
    #[serde(default, deserialize_with = "patch::value")]
    pub status: Option<TaskStatus>,
    /// By when it should be done, from 1970 on; `null` when that does not matter any more.
    #[schema(value_type = Option<Timestamp>)]
    #[serde(default, deserialize_with = "patch::nullable")]
    pub due_at: Option<Option<Timestamp>>,
}

impl Validate for PatchTask {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(title) = &self.title {
            text::check_line(errors, "/title", title, TITLE_MAX);
        }
        text::check_description(
            errors,
            self.description
                .iter()
                .flatten()
                .next()
                .map_or("", String::as_str),
        );
        check_due(errors, self.due_at.flatten());
    }
}

impl PatchTask {
    /// The task with the changes in it, its version and times untouched.
    pub(crate) fn applied_to(&self, task: &Task) -> Task {
        let mut changed = task.clone();
        if let Some(title) = &self.title {
            changed.title = text::line(title);
        }
        if let Some(description) = &self.description {
            changed.description = text::prose(description.as_deref().unwrap_or_default());
        }
        if let Some(status) = self.status {
            changed.status = status;
        }
        if let Some(due_at) = self.due_at {
            changed.due_at = due_at;
        }
        changed
    }
}

/// RFC 3339 with expanded years reaches further back than PostgreSQL's `timestamptz`.
fn check_due(errors: &mut Vec<FieldError>, due_at: Option<Timestamp>) {
    if due_at.is_some_and(|due_at| due_at < Timestamp::from_micros(0)) {
        errors.push(FieldError::new("/dueAt", "must not be before 1970"));
    }
}

/// Which tasks are listed; what is left out does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this status.
    pub status: Option<TaskStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task() -> Task {
        let now = Timestamp::from_micros(1_000_000);
        Task {
            id: TaskId::from_parts(now, [1; 8]),
            project_id: ProjectId::from_parts(now, [2; 8]),
            title: "Draft".into(),
            description: "Old".into(),
            status: TaskStatus::Todo,
            due_at: Some(now),
            version: 1,
            created_by: "user_x".into(),
            created_at: now,
            updated_at: now,
        }
    }

    fn pointers(request: &impl Validate) -> Vec<String> {
        let mut errors = Vec::new();
        request.check(&mut errors);
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn null_clears_what_can_be_empty_and_is_refused_elsewhere() {
        let patch: PatchTask =
            serde_json::from_value(json!({"dueAt": null, "description": null})).expect("valid");
        let changed = patch.applied_to(&task());
        assert_eq!(
            (changed.due_at, &*changed.description, &*changed.title),
            (None, "", "Draft")
        );
        let nothing: PatchTask = serde_json::from_value(json!({})).expect("valid");
        assert_eq!(nothing.applied_to(&task()), task());
        for body in [
            json!({"title": null}),
            json!({"status": null}),
            json!({"projectId": "project_x"}),
        ] {
            assert!(
                serde_json::from_value::<PatchTask>(body.clone()).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn times_outside_the_database_are_refused() {
        for (due_at, fine) in [
            ("1970-01-01T00:00:00Z", true),
            ("9999-12-30T22:00:00Z", true),
            ("1969-12-31T23:59:59.999Z", false),
        ] {
            let new: NewTask =
                serde_json::from_value(json!({"title": "a", "dueAt": due_at})).expect("a time");
            assert_eq!(pointers(&new).is_empty(), fine, "{due_at}");
            let patch: PatchTask = serde_json::from_value(json!({"dueAt": due_at})).expect("a time");
            assert_eq!(pointers(&patch).is_empty(), fine, "{due_at}");
        }
        let ages_ago = json!({"title": "a", "dueAt": "-009000-01-01T00:00:00Z"});
        assert!(serde_json::from_value::<NewTask>(ages_ago).is_err());
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body: NewTask =
            serde_json::from_value(json!({"title": "", "description": "\u{7}", "dueAt": "-1"}))
                .expect("well formed");
        assert_eq!(pointers(&body), ["/title", "/description", "/dueAt"]);
    }

    #[test]
    fn a_missing_due_time_is_shown_as_null() {
        let shown = serde_json::to_value(Task {
            due_at: None,
            ..task()
        })
        .expect("plain");
        assert!(shown["dueAt"].is_null() && shown.get("dueAt").is_some());
        assert_eq!(shown["status"], "todo");
    }
}
