//! The contract: what every operation of the OpenAPI document says about itself, and that the server holds to it.

use reqwest::Method;
use serde_json::{Value, json};

use self::operation::{Document, Operation};
use crate::authz_matrix::{ANY_CALLER, Ids, OWN_LOGIN, PUBLIC, row};
use crate::support::{App, Reply, Tenant};

mod operation;
mod schema;

/// Anybody may ask it, and whoever has a credential is told about his tenant.
const OPTIONAL_CALLER: &str = "GET /health";

#[tokio::test]
async fn every_operation_describes_itself() {
    let app = App::start().await;
    let document = Document::of(&app).await;
    let mut silent = Vec::new();
    for operation in document.operations() {
        silent.extend(
            unsaid(&document, &operation)
                .into_iter()
                .map(|what| format!("{}: {what}", operation.name())),
        );
    }
    assert_eq!(silent, Vec::<String>::new());
    app.finish().await;
}

fn unsaid(document: &Document, operation: &Operation) -> Vec<String> {
    let said = &operation.said;
    let text = |member: &str| said[member].as_str().is_some_and(|text| !text.is_empty());
    let name = operation.name();
    let secured = said["security"].as_array().map(|schemes| !schemes.is_empty());
    let open = PUBLIC.contains(&name.as_str());
    let mut missing = Vec::new();
    let mut require = |holds: bool, what: &str| {
        if !holds {
            missing.push(what.to_owned());
        }
    };
    require(text("operationId"), "no operationId");
    require(text("summary"), "no summary");
    require(
        document.has_tag(&said["tags"][0]),
        "no tag that the document describes",
    );
    require(
        secured == Some(!open) || name == OPTIONAL_CALLER,
        "`security` is not what it needs",
    );
    require(
        open || OWN_LOGIN.contains(&name.as_str())
            || ANY_CALLER.contains(&name.as_str())
            || text("x-permission"),
        "no x-permission",
    );
    for (media, body) in operation.bodies() {
        match document.example(body) {
            Some(example) => missing.extend(document.refuses(&body["schema"], &example)),
            None => missing.push(format!("its body ({media}) has no example")),
        }
    }
    missing.extend(
        operation
            .responses()
            .flat_map(|(status, response)| undescribed(document, status, response)),
    );
    missing
}

/// What is said too little of an answer, and what of its examples is against its schema.
fn undescribed(document: &Document, status: &str, response: &Value) -> Vec<String> {
    let response = document.resolve(response);
    let contents = response["content"].as_object();
    let bare = matches!(status, "204" | "304");
    let mut missing = Vec::new();
    if response["description"].as_str().is_none_or(str::is_empty) || contents.is_none() != bare {
        missing.push(format!(
            "{status} has no description, or no content where it should"
        ));
    }
    for (media, content) in contents.into_iter().flatten() {
        if content.get("schema").is_none() {
            missing.push(format!("{status} ({media}) has no schema"));
        }
        if let Some(example) = content.get("example") {
            missing.extend(document.refuses(&content["schema"], example));
        }
    }
    missing
}

/// Every operation is called once, with the example of its body. What it answers is what it says that it answers.
#[tokio::test]
async fn every_answer_is_as_described() {
    let app = App::start().await;
    let document = Document::of(&app).await;
    let kept = app.tenant("kept", "shared_database").await;
    let ids = Ids::of_tenant(&app, &kept).await;
    let mut wrong = Vec::new();
    for (number, operation) in document.operations().into_iter().enumerate() {
        let (tenant, own);
        let (tenant, ids) = if leaves_the_tenant(&operation) {
            (&kept, &ids)
        } else {
            tenant = app.tenant(&format!("changed-{number}"), "shared_database").await;
            own = Ids::of_tenant(&app, &tenant).await;
            (&tenant, &own)
        };
        for reply in replies(&app, &document, &operation, tenant, ids).await {
            let accepted = reply.status.is_success()
                || matches!(reply.status.as_u16(), 404 | 409)
                || (reply.status == 401 && brings_its_credential(&operation))
                || (reply.status == 422 && brings_its_tenant(&operation));
            if !accepted {
                wrong.push(format!("not accepted: {reply:?}"));
            }
            wrong.extend(
                document
                    .contradiction(&operation, &reply)
                    .map(|what| format!("{what}: {reply:?}")),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    app.finish().await;
}

/// Whether the credential is in the body, where an example of it opens nothing.
fn brings_its_credential(operation: &Operation) -> bool {
    ["/auth/login", "/auth/refresh"]
        .iter()
        .any(|path| operation.path.ends_with(path))
}

/// Whether the tenant is named in the body, where an example's is unknown.
fn brings_its_tenant(operation: &Operation) -> bool {
    operation.path == "/admin/usage/events"
}

/// Whether the next operation can be called on the same tenant afterwards.
fn leaves_the_tenant(operation: &Operation) -> bool {
    let writes = operation.method != Method::GET;
    !writes || (operation.path.starts_with("/api/") && operation.method != Method::DELETE)
}

/// Refusals are answers too.
#[tokio::test]
async fn every_refusal_is_as_described() {
    let app = App::start().await;
    let document = Document::of(&app).await;
    let client = app.nobody().with("idempotency-key", "");
    let demo = app.nobody().with_key(&app.credentials.demo_tenant_api_key);
    let mut wrong = Vec::new();
    for operation in document.operations() {
        for reply in [
            client
                .try_send(operation.method.clone(), &operation.path, None)
                .await,
            app.admin()
                .try_send(operation.method.clone(), &operation.path, Some(&json!([7])))
                .await,
            demo.try_send(
                operation.method.clone(),
                &operation.path,
                Some(&json!({"unknown": 7})),
            )
            .await,
            app.admin()
                .try_send(
                    operation.method.clone(),
                    &format!("{}?unknown=7", operation.path),
                    None,
                )
                .await,
        ] {
            let reply = reply.expect("the server answers");
            wrong.extend(
                document
                    .contradiction(&operation, &reply)
                    .map(|what| format!("{what}: {reply:?}")),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    app.finish().await;
}

/// One for each type of body that the operation takes, or for none.
async fn replies(
    app: &App,
    document: &Document,
    operation: &Operation,
    tenant: &Tenant,
    ids: &Ids,
) -> Vec<Reply> {
    let client = if operation.path.starts_with("/admin/") {
        app.admin()
    } else {
        tenant.client.clone()
    };
    let path = path(operation, ids);
    let mut replies = Vec::new();
    for (media, body) in operation.bodies() {
        let example = document
            .example(body)
            .unwrap_or_else(|| panic!("{} has no example", operation.name()));
        let (media, bytes) = operation::written(media, &example);
        replies.push(
            client
                .send_bytes(operation.method.clone(), &path, &media, bytes)
                .await,
        );
    }
    if replies.is_empty() {
        replies.push(client.call(operation.method.clone(), &path).await);
    }
    replies
}

fn path(operation: &Operation, ids: &Ids) -> String {
    let known = row(&operation.path);
    let path = known
        .ids
        .iter()
        .fold(operation.path.clone(), |path, (parameter, kind)| {
            path.replace(&format!("{{{parameter}}}"), ids.of(kind))
        });
    assert!(
        !path.contains('{'),
        "{} needs its row in authz_matrix.rs",
        operation.name()
    );
    path
}
