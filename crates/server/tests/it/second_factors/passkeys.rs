//! Whole ceremonies with an authenticator in software.

use serde_json::json;
use testkit::Authenticator;

use super::{ORIGIN, Person, code, codes, remove, start};

#[tokio::test]
async fn guesses_are_shut_off_on_every_node_and_a_passkey_still_opens() {
    let app = start().await;
    let second = app.another_node().await;
    let person = Person::owner(&app);
    let client = person.open().await;
    let (totp, _) = person.adds_app(&client).await;
    let mut key = Authenticator::new(ORIGIN);
    person.adds_passkey(&client, &mut key).await.expect(201);
    let waiting = person.waiting("second_factor").await;
    for _ in 0..5 {
        person
            .verifies(&waiting, "totp", "000000")
            .await
            .refused(401, "invalid_code");
    }
    for node in [&app, &second] {
        let there = waiting.at(&node.url);
        let refused = person.verifies(&there, "totp", &code(&totp, 1)).await;
        assert!(refused.header("retry-after").parse::<u64>().expect("seconds") <= 30);
        refused.refused(429, "login_blocked");
    }
    let challenge = person.challenged(&waiting).await;
    let answer = key.get(&challenge["publicKey"]);
    person.answers(&waiting, &challenge, &answer).await.expect(200);
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn a_passkey_is_added_passed_and_removed() {
    let app = start().await;
    let person = Person::owner(&app);
    let client = person.open().await;
    let mut key = Authenticator::new("https://demo.app.example.com");
    let added = person.adds_passkey(&client, &mut key).await.expect(201);
    assert_eq!(codes(&added).len(), 10);
    let path = added.header("location").to_owned();
    assert_eq!(client.get(&path).await.expect(200).text("/name"), "Laptop");

    let waiting = person.waiting("second_factor").await;
    let challenge = person.challenged(&waiting).await;
    let answer = key.get(&challenge["publicKey"]);
    let opened = person.answers(&waiting, &challenge, &answer).await.expect(200);
    let opened = app.nobody().with_key(&opened.text("/accessToken"));
    opened.get("/api/projects").await.expect(200);
    let listed = opened.get(&person.mfa("/passkeys")).await.expect(200).json();
    assert!(listed[0]["lastUsedAt"].is_string(), "{listed}");
    let again = person.waiting("second_factor").await;
    person
        .answers(&again, &challenge, &answer)
        .await
        .refused(401, "invalid_code");

    remove(&opened, &path, &json!({}))
        .await
        .refused(422, "validation_failed");
    remove(&opened, &path, &json!({"password": "wrong-password-entirely"}))
        .await
        .refused(401, "invalid_credentials");
    remove(&opened, &path, &json!({"code": "123456"}))
        .await
        .refused(401, "invalid_code");
    remove(&opened, &path, &person.password()).await.expect(204);
    client.get("/api/projects").await.expect(401);
    let left = opened.get(&person.mfa("")).await.expect(200).json();
    assert_eq!(
        left,
        json!({"required": false, "totp": false, "passkeys": 0, "recoveryCodes": 0, "methods": []})
    );
    person.open().await;
    app.finish().await;
}

#[tokio::test]
async fn what_an_authenticator_did_not_answer_here_and_now_is_refused() {
    let app = start().await;
    let person = Person::owner(&app);
    let operator = Person::operator(&app);
    let mut key = Authenticator::new(ORIGIN);
    let mut theirs = Authenticator::new(ORIGIN);
    person
        .adds_passkey(&person.open().await, &mut key)
        .await
        .expect(201);
    operator
        .adds_passkey(&operator.open().await, &mut theirs)
        .await
        .expect(201);
    let waiting = person.waiting("second_factor").await;
    let their_session = operator.waiting("second_factor").await;
    let used = person.waiting("second_factor").await;
    let mut copy = key.clone();
    let challenge = person.challenged(&used).await;
    let answer = key.get(&challenge["publicKey"]);
    person.answers(&used, &challenge, &answer).await.expect(200);

    let challenge = person.challenged(&waiting).await;
    let answer = copy.get(&challenge["publicKey"]);
    person
        .answers(&waiting, &challenge, &answer)
        .await
        .refused(401, "invalid_code");
    for origin in [
        "https://app.example.com.evil.org",
        "http://app.example.com",
        "https://evil.org",
    ] {
        key.origin = origin.to_owned();
        let challenge = person.challenged(&waiting).await;
        let answer = key.get(&challenge["publicKey"]);
        person
            .answers(&waiting, &challenge, &answer)
            .await
            .refused(401, "invalid_code");
    }
    key.origin = ORIGIN.to_owned();
    let challenge = person.challenged(&waiting).await;
    let foreign = theirs.get(&challenge["publicKey"]);
    operator
        .answers(&their_session, &challenge, &foreign)
        .await
        .refused(401, "invalid_code");
    person
        .answers(&waiting, &challenge, &foreign)
        .await
        .refused(401, "invalid_code");
    person
        .answers(&waiting, &challenge, &json!({"id": 1}))
        .await
        .refused(422, "validation_failed");
    waiting
        .get("/api/projects")
        .await
        .refused(403, "second_factor_required");
    app.finish().await;
}
