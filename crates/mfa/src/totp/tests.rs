use testkit::TestDatabase;

use super::{Label, begin, confirm, remove, verify};
use crate::fixture::{app, attempt, code, person, platform, sealing};
use crate::{Adding, FactorError, Verdict, factors, prove};

const LABEL: Label<'_> = Label {
    issuer: "Acme",
    account: "ada@example.com",
};

#[tokio::test]
async fn an_app_counts_when_it_is_confirmed_and_is_not_replaced_silently() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut tx = platform(&db).await;
    let first = begin(&mut tx, &sealing(), ada, LABEL, Adding::Another)
        .await
        .expect("begun");
    let second = begin(&mut tx, &sealing(), ada, LABEL, Adding::Another)
        .await
        .expect("anew");
    assert!(!factors(&mut tx, ada).await.expect("readable").any());
    let stale = confirm(&mut tx, &sealing(), ada, &code(&db, &first, 0), Adding::Another).await;
    assert!(matches!(stale, Err(FactorError::Wrong)), "{stale:?}");
    let codes = confirm(&mut tx, &sealing(), ada, &code(&db, &second, 0), Adding::Another).await;
    assert_eq!(codes.expect("confirmed").map(|codes| codes.len()), Some(10));
    let has = factors(&mut tx, ada).await.expect("readable");
    assert_eq!((has.totp, has.passkeys, has.recovery_codes), (true, 0, 10));
    for adding in [Adding::Another, Adding::First] {
        let again = begin(&mut tx, &sealing(), ada, LABEL, adding).await;
        assert!(
            matches!(again, Err(FactorError::AlreadyAdded | FactorError::NotFirst)),
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn what_was_begun_ends_after_a_quarter_of_an_hour() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut tx = platform(&db).await;
    let begun = begin(&mut tx, &sealing(), ada, LABEL, Adding::First)
        .await
        .expect("begun");
    db.clock().advance_seconds(15 * 60);
    let late = confirm(&mut tx, &sealing(), ada, &code(&db, &begun, 0), Adding::First).await;
    assert!(matches!(late, Err(FactorError::NotBegun)), "{late:?}");
}

#[tokio::test]
async fn a_code_is_accepted_once_the_confirming_one_included() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let (app, _) = app(&db, ada).await;
    assert_eq!(attempt(&db, ada, &code(&db, &app, 0)).await, Verdict::Wrong);
    let next = code(&db, &app, 1);
    assert_eq!(attempt(&db, ada, &next).await, Verdict::Passed);
    assert_eq!(attempt(&db, ada, &next).await, Verdict::Wrong);
    // A step that was passed over is gone too.
    db.clock().advance_seconds(60);
    assert_eq!(attempt(&db, ada, &code(&db, &app, 1)).await, Verdict::Passed);
    assert_eq!(attempt(&db, ada, &code(&db, &app, 0)).await, Verdict::Wrong);
}

#[tokio::test]
async fn of_many_uses_of_a_code_at_once_one_passes() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let (app, _) = app(&db, ada).await;
    let next = code(&db, &app, 1);
    let (a, b, c, d) = tokio::join!(
        attempt(&db, ada, &next),
        attempt(&db, ada, &next),
        attempt(&db, ada, &next),
        attempt(&db, ada, &next)
    );
    let verdicts = [a, b, c, d];
    let passed = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Passed)
        .count();
    assert_eq!(passed, 1, "{verdicts:?}");
}

#[tokio::test]
async fn guessing_is_shut_off_for_a_while_that_grows_also_when_it_is_parallel() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let (app, codes) = app(&db, ada).await;
    let guess = async || attempt(&db, ada, "000000").await;
    assert_eq!((guess().await, guess().await), (Verdict::Wrong, Verdict::Wrong));
    let (a, b, c, d) = tokio::join!(guess(), guess(), guess(), guess());
    let verdicts = [a, b, c, d];
    let looked_at = verdicts.iter().filter(|verdict| **verdict == Verdict::Wrong);
    assert_eq!(looked_at.count(), 3, "five in all: {verdicts:?}");
    let right = code(&db, &app, 1);
    assert!(matches!(attempt(&db, ada, &right).await, Verdict::Blocked(_)));
    let mut tx = platform(&db).await;
    let paper = prove(&mut tx, &sealing(), ada, codes[0].expose())
        .await
        .expect("a verdict");
    assert!(matches!(paper, Verdict::Blocked(_)), "{paper:?}");
    drop(tx);
    db.clock().advance_seconds(30);
    assert_eq!(attempt(&db, ada, "000000").await, Verdict::Wrong);
    db.clock().advance_seconds(30);
    assert!(matches!(
        attempt(&db, ada, &code(&db, &app, 0)).await,
        Verdict::Blocked(_)
    ));
    db.clock().advance_seconds(30);
    assert_eq!(attempt(&db, ada, &code(&db, &app, 0)).await, Verdict::Passed);
    assert_eq!(
        attempt(&db, ada, "000000").await,
        Verdict::Wrong,
        "and begins anew"
    );
}

#[tokio::test]
async fn a_secret_is_sealed_for_its_person() {
    let db = TestDatabase::new().await;
    let (ada, eve) = (person(&db).await, person(&db).await);
    let (hers, _) = app(&db, ada).await;
    app(&db, eve).await;
    let mut tx = platform(&db).await;
    sqlx::query(
        "update control.totp_factors set secret_sealed =
             (select secret_sealed from control.totp_factors where person_id = $1) where person_id = $2",
    )
    .bind(ada.uuid())
    .bind(eve.uuid())
    .execute(isolation::Tx::conn(&mut tx))
    .await
    .expect("moved");
    let moved = verify(&mut tx, &sealing(), eve, &code(&db, &hers, 1)).await;
    assert!(matches!(moved, Err(FactorError::Seal(_))), "{moved:?}");
}

#[tokio::test]
async fn the_last_factor_stays_where_one_is_demanded_and_takes_its_codes_along() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    app(&db, ada).await;
    let mut tx = platform(&db).await;
    let kept = remove(&mut tx, ada, true).await;
    assert!(matches!(kept, Err(FactorError::LastFactor)), "{kept:?}");
    drop(tx);
    let mut tx = platform(&db).await;
    remove(&mut tx, ada, false).await.expect("removed");
    let has = factors(&mut tx, ada).await.expect("readable");
    assert_eq!((has.totp, has.recovery_codes), (false, 0));
    let again = remove(&mut tx, ada, false).await;
    assert!(matches!(again, Err(FactorError::NotFound)), "{again:?}");
}

#[tokio::test]
async fn every_act_is_in_the_trail() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let (app, _) = app(&db, ada).await;
    let _ = attempt(&db, ada, "000000").await;
    let _ = attempt(&db, ada, &code(&db, &app, 1)).await;
    let mut tx = platform(&db).await;
    remove(&mut tx, ada, false).await.expect("removed");
    tx.commit().await.expect("committed");
    let events = db.audit(ada.tenant().expect("a tenant")).await;
    let types: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
    let expected = [
        "user.created",
        "auth.second_factor_added",
        "auth.recovery_codes_made",
        "auth.second_factor_failed",
        "auth.second_factor_passed",
        "auth.second_factor_removed",
    ];
    assert_eq!(types, expected);
}
