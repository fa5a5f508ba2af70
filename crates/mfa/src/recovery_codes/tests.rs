use identity::Person;
use testkit::TestDatabase;

use super::{make, redeem};
use crate::fixture::{app, person, platform};
use crate::{FactorError, Verdict, factors};

async fn used(db: &TestDatabase, person: Person, code: &str) -> Verdict {
    let mut tx = platform(db).await;
    let verdict = redeem(&mut tx, person, code).await.expect("a verdict");
    tx.commit().await.expect("committed");
    verdict
}

#[tokio::test]
async fn of_many_uses_of_a_code_at_once_one_passes() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let (_, codes) = app(&db, ada).await;
    let code = codes[3].expose();
    let (a, b, c, d) = tokio::join!(
        used(&db, ada, code),
        used(&db, ada, code),
        used(&db, ada, code),
        used(&db, ada, code)
    );
    let verdicts = [a, b, c, d];
    let passed = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Passed)
        .count();
    assert_eq!(passed, 1, "{verdicts:?}");
    let mut tx = platform(&db).await;
    assert_eq!(factors(&mut tx, ada).await.expect("readable").recovery_codes, 9);
}

#[tokio::test]
async fn new_ones_void_the_old_and_nobody_uses_anothers() {
    let db = TestDatabase::new().await;
    let (ada, eve) = (person(&db).await, person(&db).await);
    let (_, old) = app(&db, ada).await;
    app(&db, eve).await;
    assert_eq!(used(&db, eve, old[0].expose()).await, Verdict::Wrong);
    let mut tx = platform(&db).await;
    let fresh = make(&mut tx, ada).await.expect("made");
    tx.commit().await.expect("committed");
    assert_eq!(used(&db, ada, old[0].expose()).await, Verdict::Wrong);
    assert_eq!(
        used(&db, ada, &fresh[0].expose().to_uppercase()).await,
        Verdict::Passed
    );
    let mut distinct: Vec<_> = fresh.iter().map(kernel::Secret::expose).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 10);
}

#[tokio::test]
async fn there_are_none_without_another_factor() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut tx = platform(&db).await;
    let none = make(&mut tx, ada).await;
    assert!(matches!(none, Err(FactorError::NotFound)), "{none:?}");
}
