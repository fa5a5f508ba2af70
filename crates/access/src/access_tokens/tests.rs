use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::Person;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Entity, Id, MasterKey, Seams, Secret};
use serde_json::{Value, json};
use testkit::TestDatabase;

use super::{Claims, InvalidToken, Rotation, SigningKeys, Subject, list, ops, rotate};
use crate::fixture::{ISSUER, platform, signing_keys};

fn id<T: Entity>() -> Id<T> {
    Seams::real().new_id()
}

fn subject() -> Subject {
    Subject {
        person: Person::User(id(), id()),
        session: id(),
        role: Some("member".to_owned()),
        scope: "projects:read projects:write".to_owned(),
        until: Seams::real().now().plus_days(365),
    }
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

/// The same token with other claims, signed with this key.
fn forged(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).expect("signed")
}

/// The installation's own private key of this identifier: what only we can sign with.
fn our_key(kid: &str) -> EncodingKey {
    let seed = testkit::master_key().derive(&format!("access token {kid}"));
    private(seed)
}

fn private(seed: [u8; 32]) -> EncodingKey {
    let head = "302e020100300506032b657004220420";
    let head = (0..head.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&head[at..at + 2], 16).expect("hex"));
    let der: Vec<u8> = head.chain(seed).collect();
    EncodingKey::from_ed_der(&der)
}

#[tokio::test]
async fn says_whose_it_is_and_for_how_long() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let subject = subject();
    let token = keys.issue(&subject).expect("a key");
    let header = part(token.expose(), 0);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
    assert_eq!(header["kid"], json!(keys.key_set().keys[0].kid));
    let said = part(token.expose(), 1);
    assert_eq!(said["iss"], ISSUER);
    assert_eq!(said["aud"], format!("{ISSUER}/api"));
    assert_eq!(said["sub"], subject.person.actor().id);
    assert_eq!(said["tid"], json!(subject.person.tenant()));
    assert_eq!(said["role"], "member");
    assert_eq!(said["scope"], subject.scope);
    assert_eq!(said["sid"], json!(subject.session));
    assert_eq!(
        said["exp"]
            .as_i64()
            .zip(said["iat"].as_i64())
            .map(|(end, start)| end - start),
        Some(600)
    );
    let claims = keys.check(token.expose()).expect("it is ours");
    assert_eq!(json!(claims), said);
    db.clock().advance_seconds(599);
    assert!(keys.check(token.expose()).is_ok());
    db.clock().advance_seconds(1);
    assert_eq!(keys.check(token.expose()), Err(InvalidToken::Refused));
}

#[tokio::test]
async fn an_operators_token_is_for_the_other_plane() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let olga = Subject {
        person: Person::Admin(id()),
        role: None,
        ..subject()
    };
    let token = keys.issue(&olga).expect("a key");
    let said = part(token.expose(), 1);
    assert_eq!(said["aud"], format!("{ISSUER}/admin"));
    assert!(said.get("tid").is_none() && said.get("role").is_none());
    assert!(keys.check(token.expose()).is_ok());
}

/// A token of ours, with what a forger would need to make others like it.
struct Specimen {
    keys: SigningKeys,
    token: Secret<String>,
    header: Header,
    said: Value,
    ours: EncodingKey,
}

impl Specimen {
    async fn of(db: &TestDatabase) -> Self {
        let keys = signing_keys(db).await;
        let token = keys.issue(&subject()).expect("a key");
        let kid = part(token.expose(), 0)["kid"].as_str().expect("a kid").to_owned();
        let specimen = Self {
            said: part(token.expose(), 1),
            ours: our_key(&kid),
            header: Header {
                typ: Some("at+jwt".to_owned()),
                kid: Some(kid),
                ..Header::new(Algorithm::EdDSA)
            },
            keys,
            token,
        };
        let good = forged(&specimen.header, &specimen.said, &specimen.ours);
        assert!(
            specimen.keys.check(&good).is_ok(),
            "the forgery is good in itself"
        );
        specimen
    }

    #[track_caller]
    fn refused(&self, what: &str, text: &str) {
        assert!(self.keys.check(text).is_err(), "{what}: {text}");
    }
}

/// Although the signature is right.
#[tokio::test]
async fn the_header_is_not_believed() {
    let specimen = Specimen::of(&TestDatabase::new().await).await;
    let changed = |change: fn(&mut Header)| {
        let mut header = specimen.header.clone();
        change(&mut header);
        forged(&header, &specimen.said, &specimen.ours)
    };
    specimen.refused("no type", &changed(|header| header.typ = None));
    specimen.refused(
        "an id token's type",
        &changed(|header| header.typ = Some("JWT".to_owned())),
    );
    specimen.refused("no kid", &changed(|header| header.kid = None));
    let another =
        |header: &mut Header| header.kid = Some("signing_key_01h455vb4pex5vsknk084sn02q".to_owned());
    specimen.refused("another kid", &changed(another));
    let critical = |header: &mut Header| header.crit = Some(vec!["b64".to_owned()]);
    specimen.refused("what we do not understand", &changed(critical));
}

/// Although the signature is right.
#[tokio::test]
async fn each_claim_is_checked() {
    let specimen = Specimen::of(&TestDatabase::new().await).await;
    let issued = specimen.said["iat"].as_i64().expect("a time");
    for (member, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", Value::Null),
        ("aud", json!(format!("{ISSUER}/admin"))),
        ("aud", json!("https://evil.example")),
        ("aud", Value::Null),
        ("tid", Value::Null),
        ("sub", Value::Null),
        ("sid", Value::Null),
        ("sid", json!("session_1")),
        ("exp", json!(0)),
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("iat", json!(issued + 600)),
    ] {
        let mut changed = specimen.said.clone();
        match value {
            Value::Null => drop(changed.as_object_mut().expect("claims").remove(member)),
            value => changed[member] = value,
        }
        specimen.refused(member, &forged(&specimen.header, &changed, &specimen.ours));
    }
}

#[tokio::test]
async fn what_we_did_not_sign_as_it_is_is_refused() {
    let specimen = Specimen::of(&TestDatabase::new().await).await;
    let theirs = forged(&specimen.header, &specimen.said, &private([9; 32]));
    specimen.refused("another key", &theirs);
    let token = specimen.token.expose();
    let parts: Vec<&str> = token.split('.').collect();
    let mut edited = specimen.said.clone();
    edited["scope"] = json!("*");
    let edited = URL_SAFE_NO_PAD.encode(edited.to_string());
    specimen.refused("edited", &format!("{}.{edited}.{}", parts[0], parts[2]));
    specimen.refused("cut", &token[..token.len() - 2]);
    specimen.refused("unsigned", &format!("{}.{}.", parts[0], parts[1]));
    for text in ["", ".", "..", "a.b.c", "ä.ä.ä"] {
        specimen.refused("nonsense", text);
    }
}

/// RFC 8725 section 3.1: whoever may choose the algorithm chooses none, or one whose secret is public.
#[tokio::test]
async fn the_algorithm_is_pinned() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let token = keys.issue(&subject()).expect("a key");
    let said = part(token.expose(), 1);
    let kid = part(token.expose(), 0)["kid"].clone();
    let claims = URL_SAFE_NO_PAD.encode(said.to_string());
    for alg in ["none", "None", "NONE", ""] {
        let header = json!({"alg": alg, "typ": "at+jwt", "kid": kid});
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        assert!(keys.check(&format!("{header}.{claims}.")).is_err(), "{alg}");
    }
    let public = URL_SAFE_NO_PAD.decode(&keys.key_set().keys[0].x).expect("a key");
    for secret in [&public[..], keys.key_set().keys[0].x.as_bytes(), b""] {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let header = Header {
                typ: Some("at+jwt".to_owned()),
                kid: kid.as_str().map(str::to_owned),
                ..Header::new(algorithm)
            };
            let forged = forged(&header, &said, &EncodingKey::from_secret(secret));
            assert_eq!(keys.check(&forged), Err(InvalidToken::Refused), "{algorithm:?}");
        }
    }
}

#[tokio::test]
async fn another_installation_signs_for_nobody_here() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let token = keys.issue(&subject()).expect("a key");
    let elsewhere = SigningKeys::new(db.databases().clone(), "https://other.example.com/");
    elsewhere.prepare().await.expect("the same keys");
    assert_eq!(elsewhere.issuer(), "https://other.example.com");
    assert_eq!(elsewhere.check(token.expose()), Err(InvalidToken::Refused));
    let other = MasterKey::new([1; 32]);
    assert_ne!(
        other.derive("access token x"),
        testkit::master_key().derive("access token x")
    );
}

async fn replaced(db: &TestDatabase, how: Rotation) {
    let mut tx = platform(db).await;
    rotate(&mut tx, how).await.expect("rotated");
    tx.commit().await.expect("committed");
}

fn kid(token: &Secret<String>) -> Value {
    part(token.expose(), 0)["kid"].clone()
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_until_its_last_token_ended() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let old = keys.issue(&subject()).expect("a key");
    replaced(&db, Rotation::Orderly).await;
    keys.reload().await.expect("read");
    assert_eq!(keys.key_set().keys.len(), 2, "it is published at once");
    let before = keys.issue(&subject()).expect("a key");
    assert_eq!(kid(&before), kid(&old), "it does not sign yet");
    db.clock().advance_seconds(15 * 60 - 1);
    let last = keys.issue(&subject()).expect("a key");
    assert_eq!(kid(&last), kid(&old));
    db.clock().advance_seconds(1);
    let new = keys.issue(&subject()).expect("a key");
    assert_ne!(kid(&new), kid(&old));
    db.clock().advance_seconds(9 * 60);
    assert!(keys.check(last.expose()).is_ok() && keys.check(new.expose()).is_ok());
    db.clock().advance_seconds(2 * 60);
    assert_eq!(keys.check(last.expose()), Err(InvalidToken::UnknownKey));
    assert_eq!(keys.key_set().keys.len(), 1);
    let mut tx = platform(&db).await;
    assert_eq!(list(&mut tx).await.expect("listed").len(), 2);
}

#[tokio::test]
async fn a_key_in_wrong_hands_is_refused_at_once() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let old = keys.issue(&subject()).expect("a key");
    replaced(&db, Rotation::Orderly).await;
    replaced(&db, Rotation::Compromised).await;
    keys.reload().await.expect("read");
    assert_eq!(keys.check(old.expose()), Err(InvalidToken::UnknownKey));
    let new = keys.issue(&subject()).expect("a key that signs at once");
    assert!(keys.check(new.expose()).is_ok());
    assert_eq!(keys.key_set().keys.len(), 1);
}

/// A node that missed the news looks for the key itself, but nobody makes it look all the time.
#[tokio::test]
async fn an_unknown_key_is_looked_for_now_and_then() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let node = SigningKeys::new(db.databases().clone(), ISSUER);
    let token = keys.issue(&subject()).expect("a key");
    assert_eq!(node.check(token.expose()), Err(InvalidToken::UnknownKey));
    assert!(node.verify(token.expose()).await.expect("read").is_ok());
    replaced(&db, Rotation::Compromised).await;
    keys.reload().await.expect("read");
    let token = keys.issue(&subject()).expect("a key");
    assert_eq!(
        node.verify(token.expose()).await.expect("not read"),
        Err(InvalidToken::UnknownKey)
    );
    db.clock().advance_seconds(3);
    assert!(node.verify(token.expose()).await.expect("read").is_ok());
}

#[tokio::test]
async fn nodes_that_start_together_make_one_key_and_an_old_one_is_replaced() {
    let db = TestDatabase::new().await;
    tokio::join!(signing_keys(&db), signing_keys(&db));
    let count = async || {
        let mut tx = platform(&db).await;
        list(&mut tx).await.expect("listed").len()
    };
    assert_eq!(count().await, 1);
    ops::rotate_when_old(db.system()).await.expect("done");
    assert_eq!(count().await, 1, "it is young");
    db.clock().advance_seconds(30 * 24 * 3600);
    ops::rotate_when_old(db.system()).await.expect("done");
    ops::rotate_when_old(db.system()).await.expect("done");
    assert_eq!(count().await, 2);
    db.clock().advance_seconds(91 * 24 * 3600);
    ops::prune(db.system()).await.expect("done");
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn the_claims_are_read_back_as_they_are_written() {
    let db = TestDatabase::new().await;
    let keys = signing_keys(&db).await;
    let token = keys.issue(&subject()).expect("a key");
    let claims: Claims = serde_json::from_value(part(token.expose(), 1)).expect("claims");
    assert_eq!(keys.check(token.expose()), Ok(claims));
}
