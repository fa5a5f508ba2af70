use identity::{Name, Person};
use isolation::Tx as _;
use serde_json::Value;
use testkit::{Authenticator, TestDatabase};
use url::Url;

use super::{
    Account, Answer, Challenge, Passkey, Registration, RelyingParty, authenticate, authentication_options,
    list, register, registration_options, remove,
};
use crate::fixture::{person, platform, sealing};
use crate::{Adding, FactorError, Verdict, factors, reset, totp};

const ORIGIN: &str = "https://app.example.com";
const ACCOUNT: Account<'_> = Account {
    site: "Acme",
    email: "ada@example.com",
    name: "Ada Lovelace",
};

fn party() -> RelyingParty {
    let url = Url::parse(ORIGIN).expect("an address");
    RelyingParty::new(&url, Some("app.example.com")).expect("a named host")
}

async fn to_register(db: &TestDatabase, person: Person) -> Challenge {
    let mut tx = platform(db).await;
    let challenge =
        registration_options(&mut tx, &party(), &sealing(), person, ACCOUNT, Adding::Another).await;
    tx.commit().await.expect("committed");
    challenge.expect("a challenge")
}

async fn registered(
    db: &TestDatabase,
    person: Person,
    challenge: &Challenge,
    credential: Value,
) -> Result<Registration, FactorError> {
    let mut tx = platform(db).await;
    let answer = Answer {
        name: Name::parse("Key").expect("a name"),
        credential,
    };
    let id = challenge.ceremony_id;
    let made = register(&mut tx, &party(), &sealing(), person, id, answer, Adding::Another).await;
    if matches!(made, Ok(_) | Err(FactorError::Wrong)) {
        tx.commit().await.expect("committed");
    }
    made
}

async fn added(db: &TestDatabase, person: Person, authenticator: &mut Authenticator) -> Passkey {
    let challenge = to_register(db, person).await;
    let credential = authenticator.create(&challenge.public_key);
    registered(db, person, &challenge, credential)
        .await
        .expect("registered")
        .passkey
}

async fn to_pass(db: &TestDatabase, person: Person) -> Challenge {
    let mut tx = platform(db).await;
    let challenge = authentication_options(&mut tx, &party(), &sealing(), person).await;
    tx.commit().await.expect("committed");
    challenge.expect("a challenge")
}

async fn attempt(db: &TestDatabase, person: Person, challenge: &Challenge, answer: Value) -> Verdict {
    let mut tx = platform(db).await;
    let verdict = authenticate(
        &mut tx,
        &party(),
        &sealing(),
        person,
        challenge.ceremony_id,
        answer,
    )
    .await;
    tx.commit().await.expect("committed");
    verdict.expect("a verdict")
}

#[tokio::test]
async fn a_registered_authenticator_passes() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut key = Authenticator::new(ORIGIN);
    let challenge = to_register(&db, ada).await;
    assert_eq!(challenge.public_key["rp"]["id"], "app.example.com");
    assert_eq!(
        challenge.public_key["authenticatorSelection"]["userVerification"],
        "required"
    );
    let credential = key.create(&challenge.public_key);
    let made = registered(&db, ada, &challenge, credential)
        .await
        .expect("registered");
    assert_eq!(made.recovery_codes.map(|codes| codes.len()), Some(10));
    let challenge = to_pass(&db, ada).await;
    let answer = key.get(&challenge.public_key);
    assert_eq!(attempt(&db, ada, &challenge, answer).await, Verdict::Passed);
    let mut tx = platform(&db).await;
    let kept = list(&mut tx, ada).await.expect("listed");
    assert!(kept.len() == 1 && kept[0].last_used_at.is_some(), "{kept:?}");
    let counter: i64 =
        sqlx::query_scalar("select (credential->'cred'->>'counter')::bigint from control.passkeys")
            .fetch_one(tx.conn())
            .await
            .expect("stored");
    assert_eq!(counter, 2);
}

#[tokio::test]
async fn of_many_uses_of_an_answer_at_once_one_passes() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut key = Authenticator::new(ORIGIN);
    added(&db, ada, &mut key).await;
    let challenge = to_pass(&db, ada).await;
    let answer = key.get(&challenge.public_key);
    let (a, b, c) = tokio::join!(
        attempt(&db, ada, &challenge, answer.clone()),
        attempt(&db, ada, &challenge, answer.clone()),
        attempt(&db, ada, &challenge, answer.clone())
    );
    let verdicts = [a, b, c];
    let passed = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Passed)
        .count();
    assert_eq!(passed, 1, "{verdicts:?}");
}

#[tokio::test]
async fn a_copy_of_the_authenticator_is_refused() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut key = Authenticator::new(ORIGIN);
    added(&db, ada, &mut key).await;
    let mut copy = key.clone();
    // Both challenges are older than either use, so only what is stored can tell.
    let (one, other) = (to_pass(&db, ada).await, to_pass(&db, ada).await);
    let answer = key.get(&one.public_key);
    assert_eq!(attempt(&db, ada, &one, answer).await, Verdict::Passed);
    let answer = copy.get(&other.public_key);
    assert_eq!(attempt(&db, ada, &other, answer).await, Verdict::Wrong);
}

#[tokio::test]
async fn only_its_own_person_and_purpose_end_a_ceremony() {
    let db = TestDatabase::new().await;
    let (ada, eve) = (person(&db).await, person(&db).await);
    let (mut hers, mut his) = (Authenticator::new(ORIGIN), Authenticator::new(ORIGIN));
    added(&db, ada, &mut hers).await;
    added(&db, eve, &mut his).await;
    let challenge = to_pass(&db, ada).await;
    let answer = his.get(&challenge.public_key);
    assert_eq!(
        attempt(&db, eve, &challenge, answer.clone()).await,
        Verdict::Wrong
    );
    assert_eq!(
        attempt(&db, ada, &challenge, answer).await,
        Verdict::Wrong,
        "another's key"
    );
    let challenge = to_register(&db, ada).await;
    let answer = hers.get(&serde_json::json!({
        "challenge": challenge.public_key["challenge"], "rpId": "app.example.com"
    }));
    assert_eq!(
        attempt(&db, ada, &challenge, answer).await,
        Verdict::Wrong,
        "another purpose"
    );
    let credential = Authenticator::new(ORIGIN).create(&challenge.public_key);
    let stolen = registered(&db, eve, &challenge, credential).await;
    assert!(matches!(stolen, Err(FactorError::NotBegun)), "{stolen:?}");
}

#[tokio::test]
async fn other_pages_and_locked_authenticators_are_refused() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut key = Authenticator::new(ORIGIN);
    added(&db, ada, &mut key).await;
    for (origin, verified, expected) in [
        ("https://acme.app.example.com", true, Verdict::Passed),
        ("https://app.example.com.evil.org", true, Verdict::Wrong),
        ("https://evil-app.example.com", true, Verdict::Wrong),
        ("http://app.example.com", true, Verdict::Wrong),
        ("https://app.example.com:8443", true, Verdict::Wrong),
        ("https://app.example.com", false, Verdict::Wrong),
    ] {
        (key.origin, key.verified) = (origin.to_owned(), verified);
        let challenge = to_pass(&db, ada).await;
        let answer = key.get(&challenge.public_key);
        assert_eq!(
            attempt(&db, ada, &challenge, answer).await,
            expected,
            "{origin} {verified}"
        );
        let challenge = to_register(&db, ada).await;
        let mut another = Authenticator::new(origin);
        another.verified = verified;
        let credential = another.create(&challenge.public_key);
        let made = registered(&db, ada, &challenge, credential).await;
        assert_eq!(
            made.is_ok(),
            expected == Verdict::Passed,
            "{origin} {verified} {made:?}"
        );
    }
}

#[tokio::test]
async fn a_challenge_is_good_for_one_answer_and_five_minutes() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut key = Authenticator::new(ORIGIN);
    let challenge = to_register(&db, ada).await;
    let wrong = Authenticator::new("https://evil.org").create(&challenge.public_key);
    let refused = registered(&db, ada, &challenge, wrong).await;
    assert!(matches!(refused, Err(FactorError::Wrong)), "{refused:?}");
    let again = registered(&db, ada, &challenge, key.create(&challenge.public_key)).await;
    assert!(matches!(again, Err(FactorError::NotBegun)), "{again:?}");
    added(&db, ada, &mut key).await;
    let challenge = to_pass(&db, ada).await;
    db.clock().advance_seconds(5 * 60);
    let answer = key.get(&challenge.public_key);
    assert_eq!(attempt(&db, ada, &challenge, answer).await, Verdict::Wrong);
    for _ in 0..12 {
        to_pass(&db, ada).await;
    }
    let mut tx = platform(&db).await;
    let open: i64 = sqlx::query_scalar("select count(*) from control.passkey_ceremonies")
        .fetch_one(tx.conn())
        .await
        .expect("counted");
    assert_eq!(open, 10);
}

#[tokio::test]
async fn an_authenticator_is_registered_once_and_removed_by_its_person() {
    let db = TestDatabase::new().await;
    let (ada, eve) = (person(&db).await, person(&db).await);
    let mut key = Authenticator::new(ORIGIN);
    let early = to_register(&db, ada).await;
    let passkey = added(&db, ada, &mut key).await;
    let twice = registered(&db, ada, &early, key.create(&early.public_key)).await;
    assert!(matches!(twice, Err(FactorError::Registered)), "{twice:?}");
    let late = to_register(&db, ada).await;
    let excluded = late.public_key["excludeCredentials"].as_array();
    assert_eq!(excluded.map(Vec::len), Some(1));
    let twice = registered(&db, ada, &late, key.create(&late.public_key)).await;
    assert!(matches!(twice, Err(FactorError::Wrong)), "{twice:?}");
    let mut tx = platform(&db).await;
    let others = remove(&mut tx, eve, passkey.id, false).await;
    assert!(matches!(others, Err(FactorError::NotFound)), "{others:?}");
    let last = remove(&mut tx, ada, passkey.id, true).await;
    assert!(matches!(last, Err(FactorError::LastFactor)), "{last:?}");
    drop(tx);
    let mut tx = platform(&db).await;
    remove(&mut tx, ada, passkey.id, false).await.expect("removed");
    assert!(!factors(&mut tx, ada).await.expect("readable").any());
}

#[tokio::test]
async fn what_is_no_answer_is_refused_as_such() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let challenge = to_register(&db, ada).await;
    for nonsense in [Value::Null, serde_json::json!({}), serde_json::json!({"id": 1})] {
        let made = registered(&db, ada, &challenge, nonsense).await;
        assert!(matches!(made, Err(FactorError::Malformed)), "{made:?}");
    }
}

/// Who has to add his first factor before he comes in has shown nothing but a password.
#[tokio::test]
async fn a_password_alone_adds_nothing_beside_what_is_there() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let early = to_register(&db, ada).await;
    added(&db, ada, &mut Authenticator::new(ORIGIN)).await;
    let mut tx = platform(&db).await;
    let label = totp::Label {
        issuer: "Acme",
        account: "ada@example.com",
    };
    let app = totp::begin(&mut tx, &sealing(), ada, label, Adding::First).await;
    assert!(matches!(app, Err(FactorError::NotFirst)), "{app:?}");
    let another = registration_options(&mut tx, &party(), &sealing(), ada, ACCOUNT, Adding::First).await;
    assert!(matches!(another, Err(FactorError::NotFirst)), "{another:?}");
    let answer = Answer {
        name: Name::parse("Key").expect("a name"),
        credential: Authenticator::new(ORIGIN).create(&early.public_key),
    };
    let id = early.ceremony_id;
    let made = register(&mut tx, &party(), &sealing(), ada, id, answer, Adding::First).await;
    assert!(matches!(made, Err(FactorError::NotFirst)), "{made:?}");
}

#[tokio::test]
async fn a_reset_takes_everything() {
    let db = TestDatabase::new().await;
    let ada = person(&db).await;
    let mut key = Authenticator::new(ORIGIN);
    added(&db, ada, &mut key).await;
    let mut tx = platform(&db).await;
    let had = reset(&mut tx, ada).await.expect("reset");
    assert_eq!((had.passkeys, had.recovery_codes), (1, 10));
    let left = factors(&mut tx, ada).await.expect("readable");
    assert_eq!((left.any(), left.recovery_codes), (false, 0));
    let again = reset(&mut tx, ada).await;
    assert!(matches!(again, Err(FactorError::NotFound)), "{again:?}");
}
