//! What a project is, and what may be asked of it.

use kernel::{Entity, FieldError, Id, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{patch, text};

/// Characters that a project's name may have.
pub const NAME_MAX: usize = 200;
/// Characters that a search for projects may have.
pub const SEARCH_MAX: usize = 200;

/// A project, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// Which one.
    pub id: ProjectId,
    /// What people call it.
    #[schema(example = "Website Redesign")]
    pub name: String,
    /// What it is about; may be empty.
    #[schema(example = "New pages for the spring campaign.")]
    pub description: String,
    /// How far it is.
    pub status: ProjectStatus,
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

impl Entity for Project {
    const PREFIX: &'static str = "project";
}
/// A project's identifier.
pub type ProjectId = Id<Project>;

/// How far a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ProjectStatus {
    /// People work on it.
    #[default]
    Active,
    /// The work is done.
    Completed,
    /// Kept only to be looked up.
    Archived,
}

impl ProjectStatus {
    /// How it is stored. Bound as text: for a type that it does not know, a fresh connection asks the server first.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Archived => "archived",
        }
    }
}

/// What a project is created from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Website Redesign", "description": "New pages for the spring campaign."}))]
pub struct NewProject {
    /// What people call it: one line of 1 to 200 characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Website Redesign"
    )]
    pub name: String,
    /// What it is about; empty unless given.
    #[schema(
        max_length = 10_000,
        pattern = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
        example = "New pages for the spring campaign."
    )]
    pub description: Option<String>,
    /// How far it is; active unless given.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "patch::value")]
    pub status: Option<ProjectStatus>,
}

impl Validate for NewProject {
    fn check(&self, errors: &mut Vec<FieldError>) {
        text::check_line(errors, "/name", &self.name, NAME_MAX);
        text::check_description(errors, self.description.as_deref().unwrap_or_default());
    }
}

/// What changes in a project; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Relaunch", "status": "completed"}))]
pub struct PatchProject {
    /// What people call it from now on.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Relaunch"
    )]
    #[serde(default, deserialize_with = "patch::value")]
    pub name: Option<String>,
    /// What it is about; `null` empties it.
    #[schema(value_type = Option<String>, max_length = 10_000, pattern = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")]
    #[serde(default, deserialize_with = "patch::nullable")]
    pub description: Option<Option<String>>,
    /// How far it is.
    #[schema(nullable = false, example = "completed")]
    #[serde(default, deserialize_with = "patch::value")]
    pub status: Option<ProjectStatus>,
}

impl Validate for PatchProject {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(name) = &self.name {
            text::check_line(errors, "/name", name, NAME_MAX);
        }
        text::check_description(
            errors,
            self.description
                .iter()
                .flatten()
                .next()
                .map_or("", String::as_str),
        );
    }
}

impl PatchProject {
    /// The project with the changes in it, its version and times untouched.
    pub(crate) fn applied_to(&self, project: &Project) -> Project {
        let mut changed = project.clone();
        if let Some(name) = &self.name {
            changed.name = text::line(name);
        }
        if let Some(description) = &self.description {
            changed.description = text::prose(description.as_deref().unwrap_or_default());
        }
        if let Some(status) = self.status {
            changed.status = status;
        }
        changed
    }
}

/// Which projects are listed; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFilter {
    /// Of this status.
    pub status: Option<ProjectStatus>,
    /// With this text in the name, whatever its case.
    pub q: Option<String>,
}

impl Validate for ProjectFilter {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(q) = &self.q {
            text::check_line(errors, "?q", q, SEARCH_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn project() -> Project {
        let now = Timestamp::from_micros(1);
        Project {
            id: ProjectId::from_parts(now, [1; 8]),
            name: "Website".into(),
            description: "Old".into(),
            status: ProjectStatus::Active,
            version: 3,
            created_by: "user_x".into(),
            created_at: now,
            updated_at: now,
        }
    }

    fn patch(body: serde_json::Value) -> Result<PatchProject, serde_json::Error> {
        serde_json::from_value(body)
    }

    fn pointers(request: &impl Validate) -> Vec<String> {
        let mut errors = Vec::new();
        request.check(&mut errors);
        errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn bodies_are_read_strictly() {
        for body in [
            json!({}),
            json!({"name": null}),
            json!({"name": "a", "colour": "red"}),
            json!({"name": "a", "status": "paused"}),
            json!({"name": "a", "status": null}),
        ] {
            assert!(
                serde_json::from_value::<NewProject>(body.clone()).is_err(),
                "{body}"
            );
        }
        for body in [
            json!({"name": null}),
            json!({"status": null}),
            json!({"id": "project_x"}),
        ] {
            assert!(patch(body.clone()).is_err(), "{body}");
        }
        let minimal: NewProject =
            serde_json::from_value(json!({"name": "a", "description": null})).expect("valid");
        assert_eq!((minimal.description.clone(), minimal.status), (None, None));
        assert!(pointers(&minimal).is_empty());
    }

    #[test]
    fn a_patch_changes_what_it_names_only() {
        let (before, none) = (project(), patch(json!({})).expect("valid"));
        assert_eq!(none.applied_to(&before), before);
        let emptied = patch(json!({"description": null, "status": "completed"}))
            .expect("valid")
            .applied_to(&before);
        let expected = Project {
            description: String::new(),
            status: ProjectStatus::Completed,
            ..before.clone()
        };
        assert_eq!(emptied, expected);
        let named = patch(json!({"name": " New ", "description": "a\r\nb"}))
            .expect("valid")
            .applied_to(&before);
        assert_eq!((&*named.name, &*named.description), ("New", "a\nb"));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = NewProject {
            name: " ".into(),
            description: Some("\u{0}".into()),
            status: None,
        };
        assert_eq!(pointers(&body), ["/name", "/description"]);
        let body = patch(json!({"name": "a\nb", "description": "\u{0}"})).expect("well formed");
        assert_eq!(pointers(&body), ["/name", "/description"]);
        let filter = ProjectFilter {
            q: Some(String::new()),
            ..ProjectFilter::default()
        };
        assert_eq!(pointers(&filter), ["?q"]);
    }

    #[test]
    fn is_shown_in_camel_case() {
        let shown = serde_json::to_value(project()).expect("plain");
        assert_eq!(shown["createdAt"], "1970-01-01T00:00:00.000Z");
        assert_eq!(
            (&shown["status"], &shown["version"]),
            (&json!("active"), &json!(3))
        );
        assert!(shown["id"].as_str().expect("text").starts_with("project_"));
    }
}
