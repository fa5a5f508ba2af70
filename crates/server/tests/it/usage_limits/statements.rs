//! What a request costs.

use super::tenant_on;
use crate::support::{App, Statements, eventually};

/// A metered request of a tenant that is known makes no statement, whether it passes or is refused.
#[tokio::test]
async fn a_metered_request_makes_no_statement() {
    const REQUESTS: usize = 200;
    let app = App::with()
        .setting("rate_limits.starter", "1/s burst 3")
        .start()
        .await;
    let (_, quick) = tenant_on(&app, "quick", "pro").await;
    let (_, hasty) = tenant_on(&app, "hasty", "starter").await;
    let statements = Statements::listen();
    // The first request of a tenant reads what holds for it, which shows that its statements are heard.
    eventually("a request's statement to be heard", async || {
        let (_, stranger) = tenant_on(
            &app,
            &format!("s-{}", kernel::Seams::real().now().as_micros()),
            "pro",
        )
        .await;
        statements.heard();
        stranger.get("/api/tenant").await.expect(200);
        statements
            .heard()
            .iter()
            .any(|text| is_of_a_request(text))
            .then_some(())
    })
    .await;
    for (what, caller) in [("passes", &quick), ("is refused", &hasty)] {
        eventually("the tenant to be known", async || {
            statements.heard();
            caller.get("/api/tenant").await;
            let heard = statements.heard();
            (!heard.iter().any(|text| is_of_a_request(text))).then_some(())
        })
        .await;
        for _ in 0..REQUESTS {
            caller.get("/api/tenant").await;
        }
        let heard = statements.heard();
        let asked: Vec<_> = heard.iter().filter(|text| is_of_a_request(text)).collect();
        assert!(asked.is_empty(), "{what}: {asked:?}");
        // What runs beside the requests goes on, and does nothing once for each.
        for statement in &heard {
            let times = heard.iter().filter(|other| *other == statement).count();
            assert!(times < REQUESTS, "{what}: {times} times: {statement}");
        }
    }
    app.finish().await;
}

/// A tenant's transaction, or what the door and the meter read.
fn is_of_a_request(statement: &str) -> bool {
    const READ: [&str; 7] = [
        "tenantry.tenant_id",
        "control.api_keys",
        "control.tenants",
        "control.security_policies",
        "control.quotas",
        "control.metrics",
        "control.usage_calendars",
    ];
    let writes = ["update ", "insert ", "delete "]
        .iter()
        .any(|verb| statement.contains(verb));
    !writes && READ.iter().any(|read| statement.contains(read))
}
