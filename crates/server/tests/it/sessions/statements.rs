//! What a request costs.

use std::time::Instant;

use super::both;
use crate::support::{App, Statements, eventually};

/// The gateway's question is the product's hottest path: a known caller costs no statement, however he comes.
#[tokio::test]
async fn a_known_caller_costs_no_statement() {
    const REQUESTS: usize = 200;
    let app = App::start().await;
    let known = &app.credentials;
    let [(browser, _), (program, _)] = both(&app).await;
    let callers = [
        ("cookie", browser),
        ("access token", program),
        ("key", app.nobody().with_key(&known.demo_tenant_api_key)),
    ];
    let statements = Statements::listen();
    the_counter_counts(&app, &statements).await;
    for (what, caller) in &callers {
        eventually("the caller to be known", async || {
            statements.heard();
            caller.get("/gateway/verify").await.expect(204);
            let asked = statements.heard();
            asked.iter().all(|text| !is_of_the_door(text)).then_some(())
        })
        .await;
        let started = Instant::now();
        for _ in 0..REQUESTS {
            caller.get("/gateway/verify").await.expect(204);
        }
        let heard = statements.heard();
        let asked: Vec<_> = heard.iter().filter(|text| is_of_the_door(text)).collect();
        assert!(asked.is_empty(), "{what}: {asked:?}");
        // What runs beside the requests goes on: what was metered is written four times a second.
        let beside = 40 * (1 + started.elapsed().as_millis() / 250);
        assert!(
            heard.len() as u128 <= beside,
            "{what}: {} statements: {heard:?}",
            heard.len()
        );
    }
    let trusted = app
        .nobody()
        .with("x-tenant-id", &known.demo_tenant_id)
        .with("x-user-id", &known.demo_user_id);
    trusted.get("/api/permissions").await.expect(200);
    statements.heard();
    trusted.get("/api/permissions").await.expect(200);
    let heard = statements.heard();
    assert!(heard.iter().all(|text| !is_of_the_door(text)), "{heard:?}");
    the_counter_counts(&app, &statements).await;
    app.finish().await;
}

/// Somebody new is asked for.
async fn the_counter_counts(app: &App, statements: &Statements) {
    let mut strangers = 0;
    eventually("a statement to be heard", async || {
        strangers += 1;
        let stranger = app.nobody().with_key(&format!("tny_unknown{strangers}"));
        statements.heard();
        stranger.get("/gateway/verify").await.expect(401);
        let heard = statements.heard();
        heard.iter().any(|text| is_of_the_door(text)).then_some(())
    })
    .await;
}

fn is_of_the_door(statement: &str) -> bool {
    let read = [
        "users u",
        "sessions s",
        "api_keys k",
        "tenants t left join",
        "roles r",
        "security_policies",
        "slugs",
    ];
    let writes = ["update", "insert", "delete"]
        .iter()
        .any(|verb| statement.contains(verb));
    !writes
        && read
            .iter()
            .any(|table| statement.contains(&format!("control.{table}")))
}
