use kernel::Timestamp;

use crate::stripe::{BadSignature, Secrets};

const BODY: &str = r#"{"id":"evt_test_1","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","object":"payment_intent","name":"Zoë €"}}}"#;
const ONE: &str = "whsec_one_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH";
const TWO: &str = "whsec_two_test_secret";
/// Made by `stripe.webhooks.generateTestHeaderString` of stripe-node 23.1.0 with `timestamp: 1767225600`, and the same by
/// `WebhookSignature` of stripe-python 16.1.0.
const BY_ONE: &str = "t=1767225600,v1=e68e83b7697024ea5ac75400028304532cce7dec7d490b0a46ab06e287b49ea4";
const BY_TWO: &str = "t=1767225600,v1=d19be04757113e3d78a398ff1b26d7af30cd4fa44031b4443394d5fae61c9a42";
const SIGNED_AT: i64 = 1_767_225_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn verify(secrets: &str, header: &str, body: &str) -> Result<(), BadSignature> {
    Secrets::parse(secrets).verify(Some(header), body.as_bytes(), at(SIGNED_AT))
}

fn v1(header: &str) -> &str {
    header.split_once(',').expect("two parts").1
}

#[test]
fn believes_what_stripes_library_signed() {
    assert_eq!(verify(ONE, BY_ONE, BODY), Ok(()));
    assert_eq!(verify(TWO, BY_TWO, BODY), Ok(()));
}

#[test]
fn any_signature_may_fit_any_secret() {
    let both = format!("{ONE}, {TWO}");
    assert_eq!(verify(&both, BY_ONE, BODY), Ok(()));
    assert_eq!(verify(&both, BY_TWO, BODY), Ok(()));
    let noise = format!("v1={}", "0".repeat(64));
    let (one, two) = (v1(BY_ONE), v1(BY_TWO));
    for parts in [
        [one, two, &noise],
        [&*noise, one, two],
        [two, &noise, one],
        ["v0=x", "v1=short", one],
    ] {
        let header = format!("t={SIGNED_AT},{}", parts.join(","));
        assert_eq!(verify(ONE, &header, BODY), Ok(()), "{header}");
    }
}

#[test]
fn refuses_everything_else() {
    assert_eq!(verify(TWO, BY_ONE, BODY), Err(BadSignature::Wrong));
    assert_eq!(verify(ONE, BY_ONE, &format!("{BODY} ")), Err(BadSignature::Wrong));
    assert_eq!(verify("", BY_ONE, BODY), Err(BadSignature::NoSecret));
    assert_eq!(verify(" , ", BY_ONE, BODY), Err(BadSignature::NoSecret));
    let other_time = BY_ONE.replace("t=1767225600", "t=1767225601");
    assert_eq!(verify(ONE, &other_time, BODY), Err(BadSignature::Wrong));
    // Only `v1` proves anything.
    let downgraded = BY_ONE.replace("v1=", "v0=");
    assert_eq!(verify(ONE, &downgraded, BODY), Err(BadSignature::Malformed));
    for malformed in [
        "",
        "t=,v1=",
        "v1=e68e83b7697024ea5ac75400028304532cce7dec7d490b0a46ab06e287b49ea4",
        "t=+1767225600,v1=e68e83b7697024ea5ac75400028304532cce7dec7d490b0a46ab06e287b49ea4",
        "t=99999999999999999999,v1=e68e83b7697024ea5ac75400028304532cce7dec7d490b0a46ab06e287b49ea4",
    ] {
        assert_eq!(
            verify(ONE, malformed, BODY),
            Err(BadSignature::Malformed),
            "{malformed}"
        );
    }
    let many = format!("t={SIGNED_AT}{}", format!(",{}", v1(BY_ONE)).repeat(17));
    assert_eq!(verify(ONE, &many, BODY), Err(BadSignature::Malformed));
    let unsigned = Secrets::parse(ONE).verify(None, BODY.as_bytes(), at(SIGNED_AT));
    assert_eq!(unsigned, Err(BadSignature::Malformed));
}

#[test]
fn believes_for_five_minutes_either_way() {
    let secrets = Secrets::parse(ONE);
    for (apart, believed) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
        let verdict = secrets.verify(Some(BY_ONE), BODY.as_bytes(), at(SIGNED_AT + apart));
        assert_eq!(verdict.is_ok(), believed, "{apart} s: {verdict:?}");
    }
}
