//! What the first data is, as values.

use std::time::Duration;

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::projects::{Project, ProjectId, ProjectStatus};
use crate::settings::SettingKey;
use crate::tasks::{Task, TaskId, TaskStatus};

/// The key of the setting that marks a seeded tenant; its value names the sample project, if there is one.
pub const MARKER: &str = "onboarding";

/// Title and description of the sample project's tasks.
const TASKS: [(&str, &str); 3] = [
    (
        "Look around",
        "This is a sample project. Change it or delete it as you like.",
    ),
    (
        "Invite your team",
        "Everybody you invite sees the projects of your organisation, and nobody else does.",
    ),
    ("Create your first project", "Then mark this task as done."),
];

/// The settings of a fresh tenant, the marker first.
pub(super) fn settings(tenant_name: &str, sample: Option<ProjectId>) -> Vec<(SettingKey, Value)> {
    let marker = json!({ "sampleProject": sample.map(|id| id.to_string()) });
    [
        (MARKER, marker),
        ("display_name", json!(tenant_name)),
        ("locale", json!("en")),
        ("timezone", json!("UTC")),
        ("date_format", json!("yyyy-MM-dd")),
        ("week_start", json!("monday")),
    ]
    .into_iter()
    .map(|(key, value)| (key.parse().expect("a constant that is a key"), value))
    .collect()
}

/// The sample project.
pub(super) fn project(id: ProjectId, tenant_name: &str, actor: &str, now: Timestamp) -> Project {
    Project {
        id,
        name: "Getting started".to_owned(),
        description: format!("A sample project for {tenant_name}."),
        status: ProjectStatus::Active,
        version: 1,
        created_by: actor.to_owned(),
        created_at: now,
        updated_at: now,
    }
}

/// The sample project's tasks, with times in their identifiers that keep them in this order.
pub(super) fn tasks(project: &Project, mut random: impl FnMut() -> [u8; 8]) -> Vec<Task> {
    let task = |(place, (title, description)): (u64, &(&str, &str))| Task {
        id: TaskId::from_parts(project.created_at.plus(Duration::from_micros(place)), random()),
        project_id: project.id,
        title: (*title).to_owned(),
        description: (*description).to_owned(),
        status: TaskStatus::Todo,
        due_at: None,
        version: 1,
        created_by: project.created_by.clone(),
        created_at: project.created_at,
        updated_at: project.updated_at,
    };
    (0..).zip(&TASKS).map(task).collect()
}
