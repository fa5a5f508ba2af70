//! What is there and what may be there, on a real PostgreSQL.

use isolation::TenantCtx;
use serde_json::json;
use testkit::TestDatabase;

use super::{Holdings, NoRoom, get};
use crate::fixture::STRATEGIES;
use crate::projects::{self, NewProject, Project, ProjectError};

async fn created(ctx: &TenantCtx, most: Option<u64>) -> Result<Project, ProjectError> {
    let new: NewProject = serde_json::from_value(json!({"name": "P"})).expect("a project");
    let mut tx = ctx.write().await?;
    let project = projects::create(&mut tx, new, most).await?;
    tx.commit().await?;
    Ok(project)
}

async fn held(ctx: &TenantCtx) -> Holdings {
    let mut tx = ctx.read().await.expect("a transaction");
    get(&mut tx).await.expect("holdings")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_as_many_pass_as_may() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let (ctx, other) = (db.tenant(strategy).await, db.tenant(strategy).await);
        created(&other, None).await.expect("it is created");
        let racing = (0..12).map(|_| created(&ctx, Some(5)));
        let outcomes = futures_util::future::join_all(racing).await;
        let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (5, 7), "{strategy:?}");
        for refusal in refused {
            let Err(ProjectError::NoRoom(no_room)) = refusal else {
                panic!("{refusal:?}")
            };
            assert_eq!(no_room, NoRoom { most: 5, used: 5 });
        }
        assert_eq!(held(&ctx).await.projects, 5);
        assert_eq!(held(&other).await.projects, 1);
    }
}

#[tokio::test]
async fn what_is_deleted_or_rolled_back_is_free_again() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(STRATEGIES[0]).await;
    assert_eq!(held(&ctx).await, Holdings::default());
    let project = created(&ctx, Some(1)).await.expect("it is created");
    created(&ctx, Some(1)).await.expect_err("there is no room");
    let mut tx = ctx.write().await.expect("a transaction");
    projects::delete(&mut tx, project.id, None)
        .await
        .expect("it is deleted");
    drop(tx);
    created(&ctx, Some(1)).await.expect_err("it is still there");
    let mut tx = ctx.write().await.expect("a transaction");
    projects::delete(&mut tx, project.id, None)
        .await
        .expect("it is deleted");
    tx.commit().await.expect("it commits");
    let before = held(&ctx).await;
    created(&ctx, Some(1)).await.expect("there is room again");
    let after = held(&ctx).await;
    assert!(
        after.version > before.version && after.projects == 1,
        "{before:?} {after:?}"
    );
    // A bound below what is there takes nothing away.
    let refused = created(&ctx, Some(0)).await.expect_err("there is no room");
    assert!(matches!(
        refused,
        ProjectError::NoRoom(NoRoom { most: 0, used: 1 })
    ));
}
