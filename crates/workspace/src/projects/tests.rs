//! Projects on a real PostgreSQL.

use isolation::{IsolationStrategy, TenantCtx};
use serde_json::{Value, json};
use testkit::TestDatabase;

use super::*;
use crate::fixture::{STRATEGIES, changes, granted, told, trail};
use crate::{PageRequest, VersionMismatch, tasks};

fn body(name: &str) -> NewProject {
    NewProject {
        name: name.to_owned(),
        description: None,
        status: None,
    }
}

fn patch(body: Value) -> PatchProject {
    serde_json::from_value(body).expect("a patch")
}

async fn created(ctx: &TenantCtx, name: &str) -> Project {
    let mut tx = ctx.write().await.expect("a transaction");
    let project = create(&mut tx, body(name), None).await.expect("it is created");
    tx.commit().await.expect("it commits");
    project
}

async fn names(ctx: &TenantCtx, filter: &ProjectFilter, page: &PageRequest<ProjectId>) -> Vec<String> {
    let mut tx = ctx.read().await.expect("a transaction");
    let found = list(&mut tx, filter, page).await.expect("a list");
    found.into_iter().map(|project| project.name).collect()
}

/// Created, given a task, changed, deleted.
async fn the_trail_tells_of(db: &TestDatabase, ctx: &TenantCtx, project: &Project) {
    let events = trail(db, ctx.tenant_id()).await;
    let name = Some("Website Redesign");
    assert_eq!(
        events.iter().map(told).collect::<Vec<_>>(),
        [
            ("data.created", "created", name),
            ("data.created", "created", Some("Draft")),
            ("data.updated", "updated", name),
            ("data.deleted", "deleted", name),
        ]
    );
    let hidden = json!("[personal]");
    assert_eq!(
        changes(&events[2]),
        [
            ("status", &json!("active"), &json!("completed")),
            ("description", &hidden, &hidden)
        ]
    );
    assert_eq!(events[3].metadata["tasks"], 1);
    let resource = events[3].resource.as_ref().expect("a resource");
    assert_eq!(
        (&*resource.kind, &resource.id),
        ("project", &project.id.to_string())
    );
}

#[tokio::test]
async fn a_project_lives_in_every_strategy() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let mut tx = ctx.write().await.expect("a transaction");
        let new = NewProject {
            description: Some("one\r\ntwo".into()),
            ..body("  Website Redesign ")
        };
        let project = create(&mut tx, new, None).await.expect("it is created");
        assert_eq!(
            (&*project.name, &*project.description, project.version),
            ("Website Redesign", "one\ntwo", 1)
        );
        assert_eq!(
            (project.status, &*project.created_by),
            (ProjectStatus::Active, "test")
        );
        assert_eq!(get(&mut tx, project.id).await.expect("it is there"), project);
        let task = serde_json::from_value(json!({"title": "Draft"})).expect("a task");
        tasks::create(&mut tx, project.id, task)
            .await
            .expect("it is created");
        tx.commit().await.expect("it commits");

        let mut tx = ctx.write().await.expect("a transaction");
        let done = update(
            &mut tx,
            project.id,
            Some(1),
            &patch(json!({"status": "completed", "description": null})),
        )
        .await
        .expect("it is changed");
        assert_eq!((done.status, done.version), (ProjectStatus::Completed, 2));
        assert!(done.updated_at > project.updated_at && done.created_at == project.created_at);
        let same = update(&mut tx, project.id, None, &patch(json!({"status": "completed"})))
            .await
            .expect("fine");
        assert_eq!(
            same, done,
            "a patch that changes nothing leaves everything as it is"
        );
        assert_eq!(get(&mut tx, project.id).await.expect("it is there"), done);
        delete(&mut tx, project.id, Some(2)).await.expect("it is deleted");
        assert!(matches!(
            get(&mut tx, project.id).await,
            Err(ProjectError::NotFound)
        ));
        tx.commit().await.expect("it commits");
        the_trail_tells_of(&db, &ctx, &project).await;
    }
}

#[tokio::test]
async fn what_is_not_committed_leaves_no_event() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut tx = ctx.write().await.expect("a transaction");
    create(&mut tx, body("Gone"), None).await.expect("it is created");
    drop(tx);
    assert!(trail(&db, ctx.tenant_id()).await.is_empty());
    assert!(
        names(&ctx, &ProjectFilter::default(), &PageRequest::first(10))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn of_two_writers_from_the_same_version_one_is_refused() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let project = created(&ctx, "Contested").await;
        let write = |name: &'static str| {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                let mut tx = ctx.write().await?;
                let outcome = update(&mut tx, project.id, Some(1), &patch(json!({"name": name}))).await;
                tx.commit().await?;
                outcome
            })
        };
        let outcomes = [write("first"), write("second")];
        let mut won = Vec::new();
        for outcome in outcomes {
            match outcome.await.expect("no panic") {
                Ok(project) => won.push(project),
                Err(ProjectError::VersionMismatch(mismatch)) => {
                    assert_eq!(mismatch, VersionMismatch { present: Some(2) });
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won.len(), 1, "{strategy:?}");
        let mut tx = ctx.write().await.expect("a transaction");
        assert_eq!(get(&mut tx, project.id).await.expect("it is there"), won[0]);
        let stale = delete(&mut tx, project.id, Some(1)).await;
        assert!(matches!(stale, Err(ProjectError::VersionMismatch(_))));
    }
}

#[tokio::test]
async fn pages_do_not_shift_when_projects_are_added_or_removed() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(created(&ctx, &format!("P{number}")).await);
    }
    let (filter, mut seen) = (ProjectFilter::default(), Vec::new());
    let mut page = PageRequest::first(2);
    loop {
        let mut tx = ctx.write().await.expect("a transaction");
        let rows = list(&mut tx, &filter, &page).await.expect("a page");
        let Some(last) = rows.last() else { break };
        page.after = Some(last.id);
        seen.extend(rows.iter().map(|project| project.name.clone()));
        // Between two pages somebody adds one and removes the one that the page ended with.
        create(&mut tx, body("Late"), None).await.expect("it is created");
        delete(&mut tx, last.id, None).await.expect("it is deleted");
        tx.commit().await.expect("it commits");
    }
    assert_eq!(seen, ["P4", "P3", "P2", "P1", "P0"]);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SchemaPerTenant).await;
    for name in ["Website", "100% Ökostrom", "Old website"] {
        created(&ctx, name).await;
    }
    let mut tx = ctx.write().await.expect("a transaction");
    let old = list(&mut tx, &ProjectFilter::default(), &PageRequest::first(1))
        .await
        .expect("a list")
        .remove(0);
    update(&mut tx, old.id, None, &patch(json!({"status": "archived"})))
        .await
        .expect("it is changed");
    tx.commit().await.expect("it commits");
    for (status, q, found) in [
        (None, None, vec!["Old website", "100% Ökostrom", "Website"]),
        (Some(ProjectStatus::Archived), None, vec!["Old website"]),
        (Some(ProjectStatus::Active), Some("WEB"), vec!["Website"]),
        (None, Some(" website "), vec!["Old website", "Website"]),
        (None, Some("%"), vec!["100% Ökostrom"]),
        (None, Some("_"), vec![]),
        (Some(ProjectStatus::Completed), None, vec![]),
    ] {
        let filter = ProjectFilter {
            status,
            q: q.map(str::to_owned),
        };
        assert_eq!(
            names(&ctx, &filter, &PageRequest::first(10)).await,
            found,
            "{filter:?}"
        );
        let after = PageRequest {
            limit: 10,
            after: Some(old.id),
        };
        let rest: Vec<_> = found.into_iter().filter(|name| *name != "Old website").collect();
        assert_eq!(names(&ctx, &filter, &after).await, rest, "{filter:?}");
    }
}

#[tokio::test]
async fn another_tenants_project_is_not_there() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let (mine, theirs) = (db.tenant(strategy).await, db.tenant(strategy).await);
        let foreign = created(&theirs, "Theirs").await;
        let mut tx = mine.write().await.expect("a transaction");
        assert!(matches!(
            get(&mut tx, foreign.id).await,
            Err(ProjectError::NotFound)
        ));
        let changed = update(&mut tx, foreign.id, Some(1), &patch(json!({"name": "Mine"}))).await;
        assert!(matches!(changed, Err(ProjectError::NotFound)));
        assert!(matches!(
            delete(&mut tx, foreign.id, None).await,
            Err(ProjectError::NotFound)
        ));
        let listed = list(&mut tx, &ProjectFilter::default(), &PageRequest::first(10))
            .await
            .expect("a list");
        assert!(listed.is_empty(), "{strategy:?}");
        tx.commit().await.expect("it commits");
        let mut tx = theirs.read().await.expect("a transaction");
        assert_eq!(get(&mut tx, foreign.id).await.expect("untouched"), foreign);
    }
}

#[tokio::test]
async fn refusals_come_before_the_database() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let project = created(&ctx, "P").await;
    let mut tx = ctx.write().await.expect("a transaction");
    assert!(matches!(
        create(&mut tx, body(" "), None).await,
        Err(ProjectError::Invalid(_))
    ));
    let bad = update(&mut tx, project.id, None, &patch(json!({"name": "a\nb"}))).await;
    assert!(matches!(bad, Err(ProjectError::Invalid(_))));
    drop(tx);

    let reader = granted(&db, &ctx, &["projects:read"]);
    let mut tx = reader.write().await.expect("a transaction");
    assert!(get(&mut tx, project.id).await.is_ok());
    assert!(matches!(
        create(&mut tx, body("X"), None).await,
        Err(ProjectError::Forbidden(_))
    ));
    let changed = update(&mut tx, project.id, None, &patch(json!({"name": "X"}))).await;
    assert!(matches!(changed, Err(ProjectError::Forbidden(_))));
    assert!(matches!(
        delete(&mut tx, project.id, None).await,
        Err(ProjectError::Forbidden(_))
    ));
    drop(tx);
    let nobody = granted(&db, &ctx, &["files:read"]);
    let mut tx = nobody.read().await.expect("a transaction");
    assert!(matches!(
        get(&mut tx, project.id).await,
        Err(ProjectError::Forbidden(_))
    ));
    let listed = list(&mut tx, &ProjectFilter::default(), &PageRequest::first(1)).await;
    assert!(matches!(listed, Err(ProjectError::Forbidden(_))));
}
