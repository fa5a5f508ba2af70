//! Tasks on a real PostgreSQL.

use isolation::{IsolationStrategy, TenantCtx, Tx, violates};
use serde_json::{Value, json};
use testkit::TestDatabase;

use super::*;
use crate::fixture::{STRATEGIES, changes, granted, told, trail};
use crate::projects::{self, NewProject, ProjectId};
use crate::{PageRequest, VersionMismatch};

fn body(body: Value) -> NewTask {
    serde_json::from_value(body).expect("a task")
}

fn patch(body: Value) -> PatchTask {
    serde_json::from_value(body).expect("a patch")
}

async fn project(ctx: &TenantCtx) -> ProjectId {
    let mut tx = ctx.write().await.expect("a transaction");
    let new = NewProject {
        name: "P".into(),
        description: None,
        status: None,
    };
    let project = projects::create(&mut tx, new, None).await.expect("it is created");
    tx.commit().await.expect("it commits");
    project.id
}

async fn created(ctx: &TenantCtx, project: ProjectId, title: &str) -> Task {
    let mut tx = ctx.write().await.expect("a transaction");
    let task = create(&mut tx, project, body(json!({"title": title})))
        .await
        .expect("it is created");
    tx.commit().await.expect("it commits");
    task
}

/// After that of the project: created, changed, deleted.
async fn the_trail_tells_of(db: &TestDatabase, ctx: &TenantCtx, project: ProjectId) {
    let events = trail(db, ctx.tenant_id()).await;
    let of_task: Vec<_> = events.iter().map(told).skip(1).collect();
    let title = Some("Draft");
    assert_eq!(
        of_task,
        [
            ("data.created", "created", title),
            ("data.updated", "updated", title),
            ("data.deleted", "deleted", title)
        ]
    );
    assert_eq!(
        changes(&events[2]),
        [
            ("status", &json!("in_progress"), &json!("done")),
            ("dueAt", &json!("2026-03-05T10:42:00.123Z"), &Value::Null)
        ]
    );
    assert_eq!(events[3].metadata["projectId"], project.to_string());
}

#[tokio::test]
async fn a_task_lives_in_every_strategy() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let project = project(&ctx).await;
        let mut tx = ctx.write().await.expect("a transaction");
        let new =
            body(json!({"title": "Draft", "dueAt": "2026-03-05T10:42:00.123Z", "status": "in_progress"}));
        let task = create(&mut tx, project, new).await.expect("it is created");
        assert_eq!(
            (task.status, task.version, task.project_id),
            (TaskStatus::InProgress, 1, project)
        );
        assert_eq!(get(&mut tx, task.id).await.expect("it is there"), task);
        let done = update(
            &mut tx,
            task.id,
            Some(1),
            &patch(json!({"status": "done", "dueAt": null})),
        )
        .await
        .expect("it is changed");
        assert_eq!(
            (done.status, done.due_at, done.version),
            (TaskStatus::Done, None, 2)
        );
        assert_eq!(
            update(&mut tx, task.id, None, &patch(json!({})))
                .await
                .expect("fine"),
            done
        );
        assert_eq!(get(&mut tx, task.id).await.expect("it is there"), done);
        let stale = update(&mut tx, task.id, Some(1), &patch(json!({"title": "X"}))).await;
        let expected = VersionMismatch { present: Some(2) };
        assert!(matches!(stale, Err(TaskError::VersionMismatch(mismatch)) if mismatch == expected));
        assert!(matches!(
            delete(&mut tx, task.id, Some(1)).await,
            Err(TaskError::VersionMismatch(_))
        ));
        delete(&mut tx, task.id, Some(2)).await.expect("it is deleted");
        assert!(matches!(get(&mut tx, task.id).await, Err(TaskError::NotFound)));
        tx.commit().await.expect("it commits");
        the_trail_tells_of(&db, &ctx, project).await;
    }
}

#[tokio::test]
async fn a_project_that_is_not_there_takes_no_tasks() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let (mine, theirs) = (db.tenant(strategy).await, db.tenant(strategy).await);
        let (unknown, foreign) = (db.databases().seams().new_id(), project(&theirs).await);
        for absent in [unknown, foreign] {
            let mut tx = mine.write().await.expect("a transaction");
            let listed = list(&mut tx, absent, TaskFilter::default(), &PageRequest::first(1)).await;
            assert!(matches!(listed, Err(TaskError::NotFound)), "{strategy:?}");
            let task = create(&mut tx, absent, body(json!({"title": "X"}))).await;
            assert!(matches!(task, Err(TaskError::NotFound)), "{strategy:?}");
        }
    }
}

/// The database itself refuses: `mine` is the tenant of the row and of the transaction, the project is another's.
#[tokio::test]
async fn no_row_points_across_the_wall() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let (mine, theirs) = (db.tenant(strategy).await, db.tenant(strategy).await);
        let (own, foreign) = (project(&mine).await, project(&theirs).await);
        let insert = |tenant: kernel::TenantId, project: ProjectId| {
            let mine = mine.clone();
            async move {
                let mut tx = mine.write().await.expect("a transaction");
                let (id, now): (TaskId, _) = (tx.new_id(), tx.now());
                sqlx::query(
                    "insert into tasks (tenant_id, id, project_id, title, status, created_by, created_at, updated_at)
                     values ($1, $2, $3, 'X', 'todo', 'x', $4, $4)",
                )
                .bind(tenant)
                .bind(id)
                .bind(project)
                .bind(now)
                .execute(tx.conn())
                .await
            }
        };
        let error = insert(mine.tenant_id(), foreign)
            .await
            .expect_err("another tenant's project");
        assert!(violates(&error, "tasks_project_fk"), "{strategy:?}: {error}");
        let error = insert(theirs.tenant_id(), foreign)
            .await
            .expect_err("another tenant's row");
        assert!(
            error.to_string().contains("row-level security"),
            "{strategy:?}: {error}"
        );
        insert(mine.tenant_id(), own)
            .await
            .expect("the statement itself is right");
    }
}

#[tokio::test]
async fn another_tenants_task_is_not_there() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let (mine, theirs) = (db.tenant(strategy).await, db.tenant(strategy).await);
        let foreign = created(&theirs, project(&theirs).await, "Theirs").await;
        let mut tx = mine.write().await.expect("a transaction");
        assert!(matches!(get(&mut tx, foreign.id).await, Err(TaskError::NotFound)));
        let changed = update(&mut tx, foreign.id, None, &patch(json!({"title": "Mine"}))).await;
        assert!(matches!(changed, Err(TaskError::NotFound)));
        assert!(matches!(
            delete(&mut tx, foreign.id, None).await,
            Err(TaskError::NotFound)
        ));
        tx.commit().await.expect("it commits");
        let mut tx = theirs.read().await.expect("a transaction");
        assert_eq!(get(&mut tx, foreign.id).await.expect("untouched"), foreign);
    }
}

#[tokio::test]
async fn tasks_are_listed_by_project_and_status_in_stable_pages() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let (wanted, other) = (project(&ctx).await, project(&ctx).await);
    created(&ctx, other, "Elsewhere").await;
    for number in 0..5 {
        created(&ctx, wanted, &format!("T{number}")).await;
    }
    let mut seen = Vec::new();
    let mut page = PageRequest::first(2);
    loop {
        let mut tx = ctx.write().await.expect("a transaction");
        let rows = list(&mut tx, wanted, TaskFilter::default(), &page)
            .await
            .expect("a page");
        let Some(last) = rows.last() else { break };
        page.after = Some(last.id);
        seen.extend(rows.iter().map(|task| task.title.clone()));
        // Between two pages the one that the page ended with is done and goes.
        delete(&mut tx, last.id, None).await.expect("it is deleted");
        tx.commit().await.expect("it commits");
    }
    assert_eq!(seen, ["T0", "T1", "T2", "T3", "T4"]);

    let mut tx = ctx.write().await.expect("a transaction");
    let left = list(&mut tx, wanted, TaskFilter::default(), &PageRequest::first(9))
        .await
        .expect("a list");
    assert_eq!(
        left.iter().map(|task| &*task.title).collect::<Vec<_>>(),
        ["T0", "T2"]
    );
    update(&mut tx, left[1].id, None, &patch(json!({"status": "done"})))
        .await
        .expect("it is changed");
    for (status, found) in [
        (TaskStatus::Done, vec!["T2"]),
        (TaskStatus::Todo, vec!["T0"]),
        (TaskStatus::InProgress, vec![]),
    ] {
        let filter = TaskFilter { status: Some(status) };
        let rows = list(&mut tx, wanted, filter, &PageRequest::first(9))
            .await
            .expect("a list");
        assert_eq!(rows.iter().map(|task| &*task.title).collect::<Vec<_>>(), found);
    }
}

#[tokio::test]
async fn refusals_come_before_the_database() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let project = project(&ctx).await;
    let task = created(&ctx, project, "T").await;
    let mut tx = ctx.write().await.expect("a transaction");
    assert!(matches!(
        create(&mut tx, project, body(json!({"title": ""}))).await,
        Err(TaskError::Invalid(_))
    ));
    let bad = update(&mut tx, task.id, None, &patch(json!({"dueAt": "-1"}))).await;
    assert!(matches!(bad, Err(TaskError::Invalid(_))));
    drop(tx);
    let reader = granted(&db, &ctx, &["projects:read"]);
    let mut tx = reader.write().await.expect("a transaction");
    assert!(get(&mut tx, task.id).await.is_ok());
    let new = create(&mut tx, project, body(json!({"title": "X"}))).await;
    assert!(matches!(new, Err(TaskError::Forbidden(_))));
    assert!(matches!(
        update(&mut tx, task.id, None, &patch(json!({}))).await,
        Err(TaskError::Forbidden(_))
    ));
    assert!(matches!(
        delete(&mut tx, task.id, None).await,
        Err(TaskError::Forbidden(_))
    ));
    drop(tx);
    let nobody = granted(&db, &ctx, &["files:*"]);
    let mut tx = nobody.read().await.expect("a transaction");
    assert!(matches!(
        get(&mut tx, task.id).await,
        Err(TaskError::Forbidden(_))
    ));
    let listed = list(&mut tx, project, TaskFilter::default(), &PageRequest::first(1)).await;
    assert!(matches!(listed, Err(TaskError::Forbidden(_))));
}
