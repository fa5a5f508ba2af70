//! A step that keeps failing.

use futures_util::future::join_all;
use serde_json::Value;

use super::{STRATEGIES, each, order, ordered, points, run, steps};
use crate::support::{App, Client, eventually, traces};

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind_and_the_slug_free() {
    let (making, _) = steps().await;
    each(points(&making), 4, fail_at).await;
}

async fn fail_at(point: String) {
    let slug = |strategy: &str| strategy.replace('_', "-");
    let app = App::with()
        .setting("development.faults", format!("{point}=error"))
        .start()
        .await;
    join_all(STRATEGIES.map(async |strategy| {
        let admin = app.admin();
        let refused = admin
            .post("/admin/provision", &order(&slug(strategy), strategy))
            .await;
        let tenant = ordered(&admin, &slug(strategy)).await;
        if refused.status == 202 {
            // A busy machine takes longer than an order waits.
            eventually("the run to fail", async || {
                (run(&admin, &tenant).await["status"] == "failed").then_some(())
            })
            .await;
        } else {
            refused.refused(503, "provisioning_failed");
        }
        assert_shows_the_cause(&admin, &tenant, &point).await;
        let left = traces::of_failed(&mut app.superuser().await, &app.files(), &tenant).await;
        assert_eq!(left, Vec::<String>::new(), "{strategy}");
    }))
    .await;
    assert_eq!(app.mails(), Vec::<String>::new());

    let app = App::with().start_on(app.stop().await).await;
    let admin = app.admin();
    for strategy in STRATEGIES {
        let failed = ordered(&admin, &slug(strategy)).await;
        let made = admin
            .post("/admin/provision", &order(&slug(strategy), strategy))
            .await
            .expect(201);
        assert_eq!(made.text("/status"), "completed");
        // What was under way when it failed has not come back since.
        let left = traces::of_failed(&mut app.superuser().await, &app.files(), &failed).await;
        assert_eq!(left, Vec::<String>::new(), "{strategy}");
    }
    app.finish().await;
}

async fn assert_shows_the_cause(admin: &Client, tenant: &str, point: &str) {
    let run = run(admin, tenant).await;
    let cause = format!("planted fault at {point}");
    assert!(
        run["status"] == "failed" && run["completedAt"].is_string(),
        "{run}"
    );
    assert!(
        run["error"].as_str().is_some_and(|error| error.contains(&cause)),
        "{run}"
    );
    let steps = run["steps"].as_array().expect("steps");
    let failed: Vec<&Value> = steps.iter().filter(|step| step["status"] == "failed").collect();
    let [failed] = failed[..] else {
        panic!("not one step failed: {run}")
    };
    assert_eq!(point.split('.').next(), failed["name"].as_str());
    assert_eq!(
        (&failed["error"], &failed["attempts"]),
        (&Value::from(cause), &Value::from(3))
    );
    for step in steps.iter().filter(|step| step["name"] != failed["name"]) {
        assert!(
            step["status"] == "rolled_back" || step["status"] == "skipped",
            "{run}"
        );
    }
    let tenant = admin.get(&format!("/admin/tenants/{tenant}")).await.expect(200);
    assert_eq!(tenant.text("/status"), "failed");
}

/// The steps that are done with the order: it is taken whole or not at all.
#[tokio::test]
async fn an_order_that_is_refused_halfway_leaves_nothing() {
    let app = App::start().await;
    let mut taken = order("second", "database_per_tenant");
    app.admin()
        .post("/admin/provision", &order("first", "shared_database"))
        .await
        .expect(201);
    taken["config"]["customDomain"] = order("first", "")["config"]["customDomain"].clone();
    app.admin()
        .post("/admin/provision", &taken)
        .await
        .refused(409, "domain_taken");
    let found = app
        .admin()
        .get("/admin/tenants?q=second")
        .await
        .expect(200)
        .json();
    assert_eq!(found["items"], Value::Array(vec![]));
    let free = order("second", "database_per_tenant");
    app.admin().post("/admin/provision", &free).await.expect(201);
    app.finish().await;
}
