//! What the document says about all routes.

use edge::openapi::{document, to_json};
use serde_json::Value;
use utoipa::openapi::Info;

use super::router;

fn described() -> Value {
    let document = document(Info::new("Test", "1"), [router().into_openapi()]);
    serde_json::from_str(&to_json(&document)).expect("JSON")
}

#[test]
fn the_document_holds_together() {
    let described = described();
    let paths = described["paths"].as_object().expect("paths");
    for path in [
        "/api/tenant",
        "/api/projects",
        "/api/projects/{id}",
        "/api/projects/{id}/tasks",
        "/api/tasks/{id}",
        "/api/files",
        "/api/files/{id}",
        "/api/files/{id}/content",
        "/api/settings",
        "/api/settings/{key}",
        "/api/api-keys",
        "/api/api-keys/{id}",
        "/api/api-keys/{id}/rotate",
        "/api/audit",
        "/api/permissions",
        "/api/me",
        "/api/invitations/accept",
        "/invitation",
        "/health",
        "/health/live",
        "/health/ready",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
}

#[test]
fn every_change_can_be_repeated() {
    let described = described();
    for (path, item) in described["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let has_key = parameters
                .iter()
                .any(|parameter| parameter["name"] == "Idempotency-Key");
            // Whoever sends events names each of them, and it is stored once.
            let names_itself = path == "/webhooks/stripe";
            assert_eq!(has_key, method != "get" && !names_itself, "{method} {path}");
        }
    }
}
