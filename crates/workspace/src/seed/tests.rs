//! The first data on a real PostgreSQL.

use serde_json::json;
use testkit::TestDatabase;

use super::*;
use crate::PageRequest;
use crate::fixture::{STRATEGIES, told, trail};
use crate::projects::{self, ProjectFilter};
use crate::settings::{self, PutSetting};
use crate::tasks::{self, TaskFilter};

#[tokio::test]
async fn a_paid_tenant_finds_settings_and_a_sample_project_once() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        for fresh in [true, false] {
            let mut tx = ctx.write().await.expect("a transaction");
            assert_eq!(initial(&mut tx, false, "Acme").await.expect("it works"), fresh);
            tx.commit().await.expect("it commits");
        }
        let mut tx = ctx.read().await.expect("a transaction");
        let found = projects::list(&mut tx, &ProjectFilter::default(), &PageRequest::first(9))
            .await
            .expect("a list");
        assert_eq!(found.len(), 1, "{strategy:?}");
        assert_eq!(found[0].description, "A sample project for Acme.");
        let tasks = tasks::list(
            &mut tx,
            found[0].id,
            TaskFilter::default(),
            &PageRequest::first(9),
        )
        .await;
        let titles: Vec<_> = tasks
            .expect("a list")
            .into_iter()
            .map(|task| task.title)
            .collect();
        assert_eq!(
            titles,
            ["Look around", "Invite your team", "Create your first project"]
        );
        let marker = settings::get(&mut tx, &MARKER.parse().expect("a key"))
            .await
            .expect("it is there");
        assert_eq!(marker.value, json!({"sampleProject": found[0].id.to_string()}));
        let name = settings::get(&mut tx, &"display_name".parse().expect("a key"))
            .await
            .expect("it is there");
        assert_eq!(name.value, "Acme");

        let events = trail(&db, ctx.tenant_id()).await;
        let told: Vec<_> = events.iter().map(told).collect();
        assert_eq!(
            told,
            [
                ("config.setting_updated", "seeded", None),
                ("data.created", "seeded", Some("Getting started"))
            ]
        );
        assert_eq!(events[1].metadata["tasks"], 3);
        assert_eq!(events[0].metadata["keys"].as_array().map(Vec::len), Some(6));
    }
}

#[tokio::test]
async fn a_free_tenant_finds_settings_only() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let mut tx = ctx.write().await.expect("a transaction");
        assert!(initial(&mut tx, true, "Acme").await.expect("it works"));
        let found = projects::list(&mut tx, &ProjectFilter::default(), &PageRequest::first(9))
            .await
            .expect("a list");
        assert!(found.is_empty());
        let settings = settings::list(&mut tx, &PageRequest::first(99))
            .await
            .expect("a list");
        assert_eq!(settings.len(), 6, "{strategy:?}");
    }
}

#[tokio::test]
async fn two_runs_at_the_same_time_leave_one_copy() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let runs: Vec<_> = (0..2)
            .map(|_| {
                let ctx = ctx.clone();
                tokio::spawn(async move {
                    let mut tx = ctx.write().await.expect("a transaction");
                    let fresh = initial(&mut tx, false, "Acme").await.expect("it works");
                    tx.commit().await.expect("it commits");
                    usize::from(fresh)
                })
            })
            .collect();
        let mut fresh = 0;
        for run in runs {
            fresh += run.await.expect("no panic");
        }
        assert_eq!(fresh, 1, "{strategy:?}");
        let mut tx = ctx.read().await.expect("a transaction");
        let found = projects::list(&mut tx, &ProjectFilter::default(), &PageRequest::first(9))
            .await
            .expect("a list");
        assert_eq!(found.len(), 1);
    }
}

#[tokio::test]
async fn what_the_tenant_chose_already_stays() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(STRATEGIES[0]).await;
    let mut tx = ctx.write().await.expect("a transaction");
    let (key, value) = ("timezone".parse().expect("a key"), json!("Europe/Berlin"));
    settings::put(&mut tx, &key, None, PutSetting { value: value.clone() })
        .await
        .expect("it is created");
    assert!(initial(&mut tx, true, "Acme").await.expect("it works"));
    assert_eq!(
        settings::get(&mut tx, &key).await.expect("it is there").value,
        value
    );
}
