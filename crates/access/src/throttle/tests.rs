use isolation::Tx as _;
use testkit::TestDatabase;
use tokio::task::JoinSet;

use super::*;
use crate::fixture::platform;

const ADA: &str = "ada@example.com";

fn from(ip: &str) -> Subject<'static> {
    Subject {
        tenant: None,
        email: ADA,
        ip: Some(ip.parse().expect("an address")),
    }
}

fn throttle() -> Throttle {
    Throttle::new(&testkit::master_key())
}

/// A committed attempt.
async fn attempt(db: &TestDatabase, subject: Subject<'_>) -> Result<Attempt, u64> {
    let mut tx = platform(db).await;
    match throttle().attempt(&mut tx, Purpose::Login, subject).await {
        Ok(attempt) => {
            tx.commit().await.expect("committed");
            Ok(attempt)
        }
        Err(Refused::Blocked { retry_after }) => Err(retry_after),
        Err(Refused::Database(error)) => panic!("{error}"),
    }
}

async fn give_back(db: &TestDatabase, attempt: Attempt) {
    let mut tx = platform(db).await;
    attempt.give_back(&mut tx).await.expect("given back");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_get_through_than_in_a_row() {
    let db = std::sync::Arc::new(TestDatabase::new().await);
    let mut guesses = JoinSet::new();
    for _ in 0..100 {
        let db = std::sync::Arc::clone(&db);
        guesses.spawn(async move { attempt(&db, from("203.0.113.1")).await.is_ok() });
    }
    let through = guesses.join_all().await.into_iter().filter(|through| *through);
    assert_eq!(through.count(), 5);
}

#[tokio::test]
async fn a_block_grows_ends_and_is_honoured_by_every_node() {
    let db = TestDatabase::new().await;
    let other_node = db.another_node().await;
    for expected in [None, None, None, None, Some(Scope::AccountFromNetwork)] {
        let counted = attempt(&db, from("203.0.113.1")).await.expect("free");
        assert_eq!(counted.blocks(), expected);
    }
    let wait = attempt(&other_node, from("203.0.113.1")).await;
    assert!(matches!(wait, Err(14 | 15)), "{wait:?}");
    attempt(&db, from("203.0.113.2"))
        .await
        .expect("its owner comes from elsewhere");
    db.clock().advance_seconds(15);
    attempt(&db, from("203.0.113.1"))
        .await
        .expect("the block is over");
    let wait = attempt(&db, from("203.0.113.1")).await;
    assert!(matches!(wait, Err(29 | 30)), "{wait:?}");
}

#[tokio::test]
async fn what_was_right_is_given_back_and_forgives() {
    let db = TestDatabase::new().await;
    for _ in 0..4 {
        attempt(&db, from("203.0.113.1")).await.expect("free");
    }
    let right = attempt(&db, from("203.0.113.1")).await.expect("free");
    give_back(&db, right).await;
    for _ in 0..5 {
        attempt(&db, from("203.0.113.1")).await.expect("forgotten");
    }
    assert!(attempt(&db, from("203.0.113.1")).await.is_err());
}

/// Who owns one account cannot wash his network clean by logging in to it between guesses at others.
#[tokio::test]
async fn a_network_stays_counted_and_a_whole_64_is_one() {
    let db = TestDatabase::new().await;
    let mut tried = 0;
    let blocked = loop {
        let email = format!("person{tried}@example.com");
        let ip = format!("2001:db8:1:2::{tried:x}");
        let victim = Subject {
            email: &email,
            ..from(&ip)
        };
        match attempt(&db, victim).await {
            Ok(counted) => tried += usize::from(counted.blocks() != Some(Scope::Account)),
            Err(wait) => break wait,
        }
        let own = attempt(&db, from(&ip)).await;
        if let Ok(own) = own {
            give_back(&db, own).await;
        }
    };
    assert!((95..=101).contains(&tried), "{tried}");
    assert!(blocked > 0);
    attempt(&db, from("2001:db8:1:3::1"))
        .await
        .expect("another network");
}

#[tokio::test]
async fn one_account_from_everywhere_is_slowed_down_too() {
    let db = TestDatabase::new().await;
    let mut let_through = 0;
    for number in 0..60 {
        let through = attempt(&db, from(&format!("198.51.100.{number}"))).await.is_ok();
        let_through += u32::from(through);
    }
    assert_eq!(let_through, 50);
}

#[tokio::test]
async fn planes_tenants_and_purposes_are_counted_apart_and_the_table_names_nobody() {
    let db = TestDatabase::new().await;
    for _ in 0..5 {
        attempt(&db, from("203.0.113.1")).await.expect("free");
    }
    assert!(attempt(&db, from("203.0.113.1")).await.is_err());
    let of_tenant = Subject {
        tenant: Some(db.databases().seams().new_id()),
        ..from("203.0.113.1")
    };
    attempt(&db, of_tenant).await.expect("another account");
    let mut tx = platform(&db).await;
    throttle()
        .attempt(&mut tx, Purpose::Reset, from("203.0.113.1"))
        .await
        .expect("another purpose");
    throttle()
        .forgive(&mut tx, from("203.0.113.1"))
        .await
        .expect("forgiven");
    tx.commit().await.expect("committed");
    attempt(&db, from("203.0.113.1")).await.expect("forgiven");
    let mut tx = platform(&db).await;
    let rows: Vec<String> = sqlx::query_scalar("select login_failures::text from control.login_failures")
        .fetch_all(tx.conn())
        .await
        .expect("readable");
    assert!(
        !rows.is_empty()
            && rows
                .iter()
                .all(|row| !row.contains("ada") && !row.contains("203.0"))
    );
}

#[tokio::test]
async fn old_counts_are_removed() {
    let db = TestDatabase::new().await;
    attempt(&db, from("203.0.113.1")).await.expect("free");
    prune(db.system()).await.expect("pruned");
    let count = async || -> i64 {
        sqlx::query_scalar("select count(*) from control.login_failures")
            .fetch_one(platform(&db).await.conn())
            .await
            .expect("counted")
    };
    assert_eq!(count().await, 3);
    db.clock().advance_seconds(10 * 24 * 3600);
    prune(db.system()).await.expect("pruned");
    assert_eq!(count().await, 0);
}
