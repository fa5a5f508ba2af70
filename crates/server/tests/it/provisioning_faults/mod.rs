//! Every step of the saga failing, and the process dying at it, in both directions. Which steps there are is asked of
//! the product, so that a new one cannot be forgotten here.

mod errors;
mod kills;
mod orphans;
mod whole;

use std::fmt::Display;
use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, Client, eventually};

pub(crate) const STRATEGIES: [&str; 3] = ["shared_database", "schema_per_tenant", "database_per_tenant"];

/// Done in the transaction that takes the order, so there is nothing between them and its commit to fail at.
const WITH_THE_ORDER: [&str; 2] = ["validate", "reserve_slug"];

fn order(slug: &str, strategy: &str) -> Value {
    json!({
        "name": "Test Company", "slug": slug, "plan": "pro", "isolationStrategy": strategy,
        "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner"},
        "config": {"customDomain": format!("www.{slug}.example.net")},
    })
}

/// A place where a fault can be planted: before or after a step.
fn points(steps: &[String]) -> Vec<String> {
    let both = |step: &String| ["before", "after"].map(|moment| format!("{step}.{moment}"));
    steps.iter().flat_map(both).collect()
}

/// The steps of making a tenant and those of removing it, in order.
async fn steps() -> (Vec<String>, Vec<String>) {
    let app = App::start().await;
    let made = app
        .admin()
        .post("/admin/provision", &order("model", "shared_database"))
        .await
        .expect(201);
    let mut making = names(&made.json());
    assert_eq!(making[..2], WITH_THE_ORDER);
    making.drain(..2);
    let tenant = made.text("/tenantId");
    app.admin()
        .delete(&format!("/admin/tenants/{tenant}?graceDays=0"))
        .await
        .expect(202);
    let removing = eventually("the removal to begin", async || {
        let run = app
            .admin()
            .get(&format!("/admin/provision/{tenant}"))
            .await
            .expect(200)
            .json();
        let names = names(&run);
        (names[..2] != WITH_THE_ORDER).then_some(names)
    })
    .await;
    app.stop().await;
    (making, removing)
}

fn names(run: &Value) -> Vec<String> {
    let steps = run["steps"].as_array().expect("steps");
    steps
        .iter()
        .map(|step| step["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// Where a run of this tenant stands.
async fn run(admin: &Client, tenant: &str) -> Value {
    admin
        .get(&format!("/admin/provision/{tenant}"))
        .await
        .expect(200)
        .json()
}

/// The tenant that was ordered under this slug, whatever became of the answer.
async fn ordered(admin: &Client, slug: &str) -> String {
    let found = admin
        .call(Method::GET, &format!("/admin/tenants?q={slug}"))
        .await
        .expect(200)
        .json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    found["items"][0]["id"]
        .as_str()
        .expect("an identifier")
        .to_owned()
}

/// Tests all cases, some at once; which one failed is said.
async fn each<T: Display, F>(cases: Vec<T>, at_once: usize, test: impl Fn(T) -> F)
where
    F: Future<Output = ()>,
{
    let tests = cases.into_iter().map(|case| (case.to_string(), test(case)));
    stream::iter(tests)
        .for_each_concurrent(at_once, async |(name, test)| {
            let outcome = AssertUnwindSafe(test).catch_unwind().await;
            assert!(outcome.is_ok(), "the case {name} failed; why is said above");
        })
        .await;
}
