//! The process dying at a step, and coming back without the fault.

use std::fmt;
use std::time::Duration;

use kernel::Seams;
use reqwest::Method;
use serde_json::json;

use super::whole::{assert_gone, assert_whole};
use super::{each, order, ordered, points, run, steps};
use crate::support::{Installation, eventually, rounds};

/// Mostly waiting for the lease of the process that died.
const AT_ONCE: usize = 6;

/// At which point, and what is done to which kind of tenant there.
#[derive(Debug, Clone)]
struct Death {
    point: String,
    strategy: &'static str,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of a {} tenant", self.point, self.strategy)
    }
}

/// All points where a tenant has most of its own, and where the others differ from it.
fn deaths(points: &[String], elsewhere: &[&str]) -> Vec<Death> {
    let death = |strategy, point: &String| Death {
        point: point.clone(),
        strategy,
    };
    let mut deaths: Vec<_> = points
        .iter()
        .map(|point| death("database_per_tenant", point))
        .collect();
    for point in points.iter().filter(|point| elsewhere.contains(&point.as_str())) {
        deaths.extend(["schema_per_tenant", "shared_database"].map(|strategy| death(strategy, point)));
    }
    deaths
}

#[tokio::test]
async fn a_process_that_dies_making_a_tenant_finishes_it_after_the_restart() {
    let (making, _) = steps().await;
    let elsewhere = [
        "create_database.after",
        "migrate.after",
        "seed_data.after",
        "send_welcome.after",
    ];
    each(deaths(&points(&making), &elsewhere), AT_ONCE, die_making).await;
}

async fn die_making(Death { point, strategy }: Death) {
    let installation = Installation::new().await;
    let doomed = installation
        .process(&[("TENANTRY_FAULTS", &format!("{point}=abort"))])
        .await;
    let body = order("phoenix", strategy);
    let answer = doomed
        .admin()
        .try_send(Method::POST, "/admin/provision", Some(&body))
        .await;
    assert!(answer.is_err(), "the process lived on: {answer:?}");
    doomed.ended().await;

    let process = installation.process(&[]).await;
    let admin = process.admin();
    let tenant = ordered(&admin, "phoenix").await;
    let ended = eventually("the run to end by itself", async || {
        let run = run(&admin, &tenant).await;
        matches!(run["status"].as_str(), Some("completed" | "failed")).then_some(run)
    })
    .await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_whole(&installation, &admin, &tenant, strategy).await;
    process.kill().await;
}

#[tokio::test]
async fn a_process_that_dies_removing_a_tenant_removes_it_after_the_restart() {
    let (_, removing) = steps().await;
    let elsewhere = [
        "relay_news.after",
        "remove_database.after",
        "remove_storage.after",
    ];
    each(deaths(&points(&removing), &elsewhere), AT_ONCE, die_removing).await;
}

async fn die_removing(Death { point, strategy }: Death) {
    let installation = Installation::new().await;
    let doomed = installation
        .process(&[("TENANTRY_FAULTS", &format!("{point}=abort"))])
        .await;
    let made = doomed
        .admin()
        .post("/admin/provision", &order("lemming", strategy))
        .await
        .expect(201);
    let tenant = made.text("/tenantId");
    let keys = format!("/admin/tenants/{tenant}/api-keys");
    let key = doomed
        .admin()
        .post(&keys, &json!({"name": "test", "scopes": ["*"]}))
        .await
        .expect(201);
    let owner = doomed.admin().with_key(&key.text("/key"));
    owner
        .post("/api/projects", &json!({"name": "Last words"}))
        .await
        .expect(201);
    let path = format!("/admin/tenants/{tenant}?graceDays=0");
    // The process may die before the answer is read.
    let _ = doomed.admin().try_send(Method::DELETE, &path, None).await;
    doomed.ended().await;

    let process = installation.process(&[]).await;
    let admin = process.admin();
    eventually("the removal to end by itself", async || {
        (run(&admin, &tenant).await["status"] == "completed").then_some(())
    })
    .await;
    let present = admin.get(&format!("/admin/tenants/{tenant}")).await.expect(200);
    assert_eq!(present.text("/status"), "deleted");
    assert_gone(&installation, &owner.at(&process.url), &admin, &tenant).await;
    process.kill().await;
}

/// PostgreSQL goes on with a CREATE DATABASE whose client died; whoever resumes finds it, whole.
#[tokio::test]
async fn a_process_that_is_killed_while_its_database_is_made_finishes_it_after_the_restart() {
    each((0..rounds(6)).collect(), 6, die_at_any_instant).await;
}

async fn die_at_any_instant(round: u32) {
    let installation = Installation::new().await;
    let process = installation.process(&[]).await;
    let admin = process.admin().with("prefer", "respond-async");
    let accepted = admin
        .post("/admin/provision", &order("phoenix", "database_per_tenant"))
        .await
        .expect(202);
    let tenant = accepted.text("/tenantId");
    eventually("the database to be under way", async || {
        let steps = run(&admin, &tenant).await["steps"].clone();
        let step = steps
            .as_array()?
            .iter()
            .find(|step| step["name"] == "create_database")?
            .clone();
        (step["status"] != "pending").then_some(())
    })
    .await;
    // At once, or anywhere in and shortly after the tenth of a second that CREATE DATABASE takes.
    if round % 2 == 1 {
        let [instant] = Seams::real().random::<1>();
        tokio::time::sleep(Duration::from_millis(u64::from(instant) / 2)).await;
    }
    process.kill().await;

    let process = installation.process(&[]).await;
    let admin = process.admin();
    eventually("the run to end by itself", async || {
        (run(&admin, &tenant).await["status"] == "completed").then_some(())
    })
    .await;
    assert_whole(&installation, &admin, &tenant, "database_per_tenant").await;
    process.kill().await;
}
