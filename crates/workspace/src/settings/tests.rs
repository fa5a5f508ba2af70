//! Settings on a real PostgreSQL.

use std::time::Duration;

use isolation::{IsolationStrategy, TenantCtx, Tx};
use serde_json::{Value, json};
use testkit::TestDatabase;

use super::*;
use crate::fixture::{STRATEGIES, changes, granted, told, trail};
use crate::{PageRequest, VersionMismatch};

fn key(text: &str) -> SettingKey {
    text.parse().expect("a key")
}

async fn putting(
    ctx: &TenantCtx,
    name: &str,
    expected: Option<i64>,
    value: Value,
) -> Result<Setting, SettingError> {
    let mut tx = ctx.write().await?;
    let written = put(&mut tx, &key(name), expected, PutSetting { value }).await?;
    tx.commit().await?;
    Ok(written.setting)
}

#[tokio::test]
async fn a_setting_lives_in_every_strategy() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let value = json!({"b": [1, 2.5, "ä", null], "a": true});
        let setting = putting(&ctx, "theme", None, value.clone())
            .await
            .expect("it is created");
        assert_eq!((&setting.value, setting.version), (&value, 1));
        let same = putting(&ctx, "theme", Some(1), value.clone())
            .await
            .expect("nothing changes");
        assert_eq!(same, setting);
        let hidden = putting(&ctx, "theme", Some(1), json!("hunter2"))
            .await
            .expect("it is replaced");
        assert_eq!((&hidden.value, hidden.version), (&json!("hunter2"), 2));

        let mut tx = ctx.write().await.expect("a transaction");
        assert_eq!(get(&mut tx, &key("theme")).await.expect("it is there"), hidden);
        let stale = delete(&mut tx, &key("theme"), Some(1)).await;
        assert!(matches!(
            stale,
            Err(SettingError::VersionMismatch(VersionMismatch {
                present: Some(2)
            }))
        ));
        delete(&mut tx, &key("theme"), Some(2))
            .await
            .expect("it is deleted");
        assert!(matches!(
            get(&mut tx, &key("theme")).await,
            Err(SettingError::NotFound)
        ));
        assert!(matches!(
            delete(&mut tx, &key("theme"), None).await,
            Err(SettingError::NotFound)
        ));
        tx.commit().await.expect("it commits");

        let events = trail(&db, ctx.tenant_id()).await;
        let (kind, secret) = ("config.setting_updated", json!("[secret]"));
        assert_eq!(
            events.iter().map(told).collect::<Vec<_>>(),
            [
                (kind, "created", None),
                (kind, "updated", None),
                (kind, "deleted", None)
            ]
        );
        assert_eq!(changes(&events[0]), [("value", &Value::Null, &secret)]);
        assert_eq!(changes(&events[1]), [("value", &secret, &secret)]);
        assert_eq!(changes(&events[2]), [("value", &secret, &Value::Null)]);
        assert_eq!(events[0].resource.as_ref().expect("a resource").id, "theme");
    }
}

#[tokio::test]
async fn an_expected_version_has_to_be_there() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let absent = putting(&ctx, "a", Some(1), json!(1)).await;
    assert!(matches!(
        absent,
        Err(SettingError::VersionMismatch(VersionMismatch { present: None }))
    ));
    putting(&ctx, "a", None, json!(1)).await.expect("it is created");
    let stale = putting(&ctx, "a", Some(2), json!(2)).await;
    assert!(matches!(
        stale,
        Err(SettingError::VersionMismatch(VersionMismatch {
            present: Some(1)
        }))
    ));
}

#[tokio::test]
async fn one_that_must_be_new_is_not_replaced() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut tx = ctx.write().await.expect("a transaction");
    let mut news = Vec::new();
    for (value, expected) in [(1, Some(NOT_THERE)), (1, None), (2, Some(1))] {
        let value = PutSetting { value: json!(value) };
        let written = put(&mut tx, &key("a"), expected, value).await.expect("it may");
        news.push((written.is_new, written.setting.version));
    }
    assert_eq!(news, [(true, 1), (false, 1), (false, 2)]);
    let value = PutSetting { value: json!(3) };
    assert!(matches!(
        put(&mut tx, &key("a"), Some(NOT_THERE), value).await,
        Err(SettingError::VersionMismatch(VersionMismatch {
            present: Some(2)
        }))
    ));
}

/// Adds the key `first`, and before that is committed begins to add the key `second`, which has to wait.
async fn put_behind(
    db: &TestDatabase,
    ctx: &TenantCtx,
    first: &'static str,
    second: &'static str,
) -> Result<Setting, SettingError> {
    let mut tx = ctx.write().await.expect("a transaction");
    put(&mut tx, &key(first), None, PutSetting { value: json!(1) })
        .await
        .expect("it is created");
    let behind = tokio::spawn({
        let ctx = ctx.clone();
        async move { putting(&ctx, second, None, json!(2)).await }
    });
    let wait = somebody_waits(db, ctx.store().own_database());
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(
        waited.is_ok(),
        "nobody waits for the transaction that comes first"
    );
    tx.commit().await.expect("it commits");
    behind.await.expect("no panic")
}

/// Waits until a transaction in the database waits for another one.
async fn somebody_waits(db: &TestDatabase, database: Option<String>) {
    let mut superuser = db.superuser().await;
    let waits = "select exists (select from pg_stat_activity
                 where datname = coalesce($1, current_database()) and wait_event_type = 'Lock')";
    loop {
        let waiting: bool = sqlx::query_scalar(waits)
            .bind(&database)
            .fetch_one(&mut superuser)
            .await
            .expect("the catalogue answers");
        if waiting {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn two_who_create_the_same_key_make_one() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let ctx = db.tenant(strategy).await;
        let second = put_behind(&db, &ctx, "k", "k")
            .await
            .expect("it replaces the first");
        let mut tx = ctx.read().await.expect("a transaction");
        let left = get(&mut tx, &key("k")).await.expect("it is there");
        assert_eq!((left, second.version), (second.clone(), 2), "{strategy:?}");
    }
}

#[tokio::test]
async fn a_tenant_has_at_most_so_many() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut tx = ctx.write().await.expect("a transaction");
    let most = usize::try_from(SETTINGS_MAX).expect("positive");
    let fill: Vec<_> = (1..most)
        .map(|number| (key(&format!("k{number}")), json!(number)))
        .collect();
    insert_all(&mut tx, &fill).await.expect("they fit");
    tx.commit().await.expect("it commits");

    // Of two who would each be the last one, the first to come is.
    let second = put_behind(&db, &ctx, "last", "one_too_many").await;
    assert!(matches!(second, Err(SettingError::TooMany)), "{second:?}");
    putting(&ctx, "k1", None, json!("still changeable"))
        .await
        .expect("it is replaced");
    let other = db.tenant(IsolationStrategy::SharedDatabase).await;
    putting(&other, "mine", None, json!(1))
        .await
        .expect("others are not counted");
}

#[tokio::test]
async fn settings_are_listed_by_key_in_stable_pages() {
    let db = TestDatabase::new().await;
    for strategy in STRATEGIES {
        let (ctx, other) = (db.tenant(strategy).await, db.tenant(strategy).await);
        for name in ["b", "a_b", "a.b", "a-b", "a0", "aa"] {
            putting(&ctx, name, None, json!(name))
                .await
                .expect("it is created");
        }
        putting(&other, "theirs", None, json!(1))
            .await
            .expect("it is created");
        let (mut seen, mut page) = (Vec::new(), PageRequest::first(2));
        loop {
            let mut tx = ctx.write().await.expect("a transaction");
            let rows = list(&mut tx, &page).await.expect("a page");
            let Some(last) = rows.last() else { break };
            page.after = Some(last.key.clone());
            seen.extend(rows.iter().map(|setting| setting.key.to_string()));
            delete(&mut tx, &last.key, None).await.expect("it is deleted");
            tx.commit().await.expect("it commits");
        }
        assert_eq!(
            seen,
            ["a-b", "a.b", "a0", "a_b", "aa", "b"],
            "by bytes on every server"
        );
        let mut tx = ctx.read().await.expect("a transaction");
        assert!(matches!(
            get(&mut tx, &key("theirs")).await,
            Err(SettingError::NotFound)
        ));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let long = json!("a".repeat(VALUE_MAX_BYTES));
    let written_out = json!(vec![1e300; 1000]);
    for value in [long, json!("\u{0}"), written_out] {
        let refused = putting(&ctx, "k", None, value).await;
        assert!(matches!(refused, Err(SettingError::Invalid(_))), "{refused:?}");
    }
    let largest = json!(vec![1; (VALUE_MAX_BYTES - 1) / 2]);
    assert_eq!(
        putting(&ctx, "k", None, largest.clone())
            .await
            .expect("it fits")
            .value,
        largest
    );
    let mut tx = ctx.read().await.expect("a transaction");
    assert_eq!(get(&mut tx, &key("k")).await.expect("it is there").value, largest);
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    putting(&ctx, "k", None, json!(1)).await.expect("it is created");
    let reader = granted(&db, &ctx, &["settings:read"]);
    assert!(matches!(
        putting(&reader, "k", None, json!(2)).await,
        Err(SettingError::Forbidden(_))
    ));
    let mut tx = reader.write().await.expect("a transaction");
    assert!(get(&mut tx, &key("k")).await.is_ok());
    assert!(matches!(
        delete(&mut tx, &key("k"), None).await,
        Err(SettingError::Forbidden(_))
    ));
    drop(tx);
    let nobody = granted(&db, &ctx, &["files:*"]);
    let mut tx = nobody.read().await.expect("a transaction");
    assert!(matches!(
        get(&mut tx, &key("k")).await,
        Err(SettingError::Forbidden(_))
    ));
    assert!(matches!(
        list(&mut tx, &PageRequest::first(1)).await,
        Err(SettingError::Forbidden(_))
    ));
}

#[tokio::test]
async fn the_database_shows_no_row_without_a_tenant() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    putting(&ctx, "k", None, json!(1)).await.expect("it is created");
    let mut tx = ctx.read().await.expect("a transaction");
    sqlx::query("set local tenantry.tenant_id = ''")
        .execute(tx.conn())
        .await
        .expect("a setting");
    assert!(matches!(
        get(&mut tx, &key("k")).await,
        Err(SettingError::NotFound)
    ));
}
