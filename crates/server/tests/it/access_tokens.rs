//! Access tokens, from outside: what anybody can check with the published keys, and how a program keeps its access.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::verifier::{self, bytes};
use crate::support::{App, Client, Reply, eventually};

/// The demo tenant's owner, who logs in by a program.
async fn program(app: &App) -> Reply {
    let known = &app.credentials;
    let body = json!({
        "tenant": known.demo_tenant_slug, "email": known.demo_owner_email, "password": known.demo_owner_password,
        "session": "token",
    });
    app.nobody().post("/api/auth/login", &body).await.expect(200)
}

async fn operators_program(app: &App) -> Reply {
    let known = &app.credentials;
    let body = json!({"email": known.admin_email, "password": known.admin_password, "session": "token"});
    app.nobody().post("/admin/auth/login", &body).await.expect(200)
}

async fn key_set(client: &Client) -> Value {
    client.get("/.well-known/jwks.json").await.expect(200).json()
}

async fn refreshed(client: &Client, token: &str) -> Reply {
    let body = json!({"refreshToken": token});
    client.post("/api/auth/refresh", &body).await
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&bytes(part)).expect("JSON")
}

/// Whatever language the team's services are written in: by the published keys alone they know who calls.
#[tokio::test]
async fn others_check_our_tokens_with_the_published_keys() {
    let app = App::start().await;
    let published = app.nobody().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(published.header("cache-control"), "public, max-age=300");
    assert_eq!(published.header("content-type"), "application/json");
    let keys = published.json();
    let outcome = program(&app).await;
    let token = outcome.text("/accessToken");
    assert!(verifier::openssl(&token, &keys), "OpenSSL refuses {token}");
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let turned: String = signature.chars().rev().collect();
    let changed = format!("{head}.{turned}");
    assert!(!verifier::openssl(&changed, &keys));

    let audience = format!("{}/api", app.url);
    let known = &app.credentials;
    let Some(said) = verifier::pyjwt(&token, &keys, &app.url, &audience) else {
        eprintln!("NOTE: no Python with PyJWT, so OpenSSL alone checked the signature");
        return app.finish().await;
    };
    let said = said.expect("PyJWT accepts it");
    assert_eq!(said["header"]["typ"], "at+jwt");
    let claims = &said["claims"];
    assert_eq!(claims["sub"], known.demo_user_id);
    assert_eq!(claims["tid"], known.demo_tenant_id);
    assert_eq!(claims["role"], "owner");
    assert_eq!(claims["sid"], outcome.text("/session/id"));
    let scopes: Vec<_> = claims["scope"].as_str().expect("scopes").split(' ').collect();
    assert!(
        scopes.contains(&"projects:write") && scopes.contains(&"users:read"),
        "{scopes:?}"
    );
    assert_eq!(
        claims["exp"]
            .as_i64()
            .zip(claims["iat"].as_i64())
            .map(|(end, start)| end - start),
        Some(600)
    );
    for (what, token, issuer, audience) in [
        ("changed", changed.as_str(), app.url.as_str(), audience.as_str()),
        ("another issuer", &token, "https://evil.example", &audience),
        ("the other plane", &token, &app.url, &format!("{}/admin", app.url)),
    ] {
        let said = verifier::pyjwt(token, &keys, issuer, audience).expect("it is there");
        assert!(said.is_err(), "{what}: {said:?}");
    }
    let operators = operators_program(&app).await.text("/accessToken");
    let said = verifier::pyjwt(&operators, &keys, &app.url, &audience).expect("it is there");
    assert!(said.is_err(), "an operator's token is not for tenants' services");
    app.finish().await;
}

#[tokio::test]
async fn a_token_is_good_on_every_node_of_its_plane() {
    let app = App::start().await;
    let second = app.another_node().await;
    let token = program(&app).await.text("/accessToken");
    for node in [&app, &second] {
        let client = node.nobody().with_key(&token);
        assert_eq!(
            client.get("/api/me").await.expect(200).text("/actor/id"),
            app.credentials.demo_user_id
        );
        client.get("/admin/tenants").await.refused(401, "unauthenticated");
    }
    let token = operators_program(&app).await.text("/accessToken");
    let operator = second.nobody().with_key(&token);
    operator.get("/admin/tenants").await.expect(200);
    operator.get("/api/me").await.refused(401, "unauthenticated");
    second.stop().await;
    app.finish().await;
}

/// RFC 8725: what somebody may make of a token without our keys.
#[tokio::test]
async fn a_token_that_somebody_made_opens_nothing() {
    let app = App::start().await;
    let token = program(&app).await.text("/accessToken");
    let parts: Vec<&str> = token.split('.').collect();
    let other = operators_program(&app).await.text("/accessToken");
    let others: Vec<&str> = other.split('.').collect();
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    for (what, text) in [
        ("unsigned", format!("{}.{}.", parts[0], parts[1])),
        ("alg none", format!("{none}.{}.", parts[1])),
        ("alg none, signed", format!("{none}.{}.{}", parts[1], parts[2])),
        (
            "another one's signature",
            format!("{}.{}.{}", parts[0], parts[1], others[2]),
        ),
        (
            "another one's claims",
            format!("{}.{}.{}", parts[0], others[1], parts[2]),
        ),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{token}.{}", parts[2])),
        ("dots", "..".to_owned()),
        (
            "long",
            format!("{}.{}.{}", "A".repeat(4000), "B".repeat(4000), "C".repeat(4000)),
        ),
    ] {
        let reply = app.nobody().with_key(&text).get("/api/me").await;
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_return_ends_the_session_everywhere() {
    let app = App::start().await;
    let second = app.another_node().await;
    let first = program(&app).await;
    let next = refreshed(&app.nobody(), &first.text("/refreshToken"))
        .await
        .expect(200);
    assert_eq!(
        (
            next.text("/tokenType").as_str(),
            next.json()["expiresIn"].as_u64()
        ),
        ("Bearer", Some(600))
    );
    let (old, new) = (first.text("/accessToken"), next.text("/accessToken"));
    assert_ne!(old, new);
    assert_eq!(part(&old, 1)["sid"], part(&new, 1)["sid"]);
    let there = second.nobody().with_key(&new);
    there.get("/api/me").await.expect(200);

    let stolen = refreshed(&second.nobody(), &first.text("/refreshToken")).await;
    stolen.refused(401, "unauthenticated");
    let since = Instant::now();
    for client in [there, app.nobody().with_key(&old), app.nobody().with_key(&new)] {
        eventually("the session's end", async || {
            (client.get("/api/me").await.status == 401).then_some(())
        })
        .await;
    }
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    refreshed(&app.nobody(), &next.text("/refreshToken"))
        .await
        .refused(401, "unauthenticated");
    let path = format!(
        "/admin/audit?tenantId={}&eventType=auth.refresh_token_reused",
        app.credentials.demo_tenant_id
    );
    let events = app.admin().get(&path).await.expect(200).json();
    assert_eq!(events["items"].as_array().map(Vec::len), Some(1), "{events}");
    assert_eq!(
        events["items"][0]["metadata"]["person"],
        app.credentials.demo_user_id
    );
    assert_eq!(events["items"][0]["severity"], "critical");
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again() {
    let app = App::start().await;
    let first = program(&app).await.text("/refreshToken");
    let keyed = app.nobody().with("idempotency-key", "attempt-1");
    let (one, again) = tokio::join!(refreshed(&keyed, &first), refreshed(&keyed, &first));
    assert_eq!(one.expect(200).json(), again.expect(200).json());
    let other = app.nobody().with("idempotency-key", "attempt-2");
    refreshed(&other, &first).await.refused(401, "unauthenticated");
    app.finish().await;
}

/// At another tenant's door a refresh token is as unknown as any text, and is not used up by trying.
#[tokio::test]
async fn a_refresh_token_is_for_its_own_door_and_an_open_one() {
    let app = App::start().await;
    let acme = app.tenant("acme", "shared_database").await;
    let token = program(&app).await.text("/refreshToken");
    let body = json!({"refreshToken": token});
    for client in [
        app.nobody().with("x-tenant-id", &acme.id),
        app.nobody().with("host", "acme.tenantry.test"),
    ] {
        client
            .post("/api/auth/refresh", &body)
            .await
            .refused(401, "unauthenticated");
    }
    app.nobody()
        .post("/admin/auth/refresh", &body)
        .await
        .refused(401, "unauthenticated");
    for text in ["", "tny_refresh_", "ä"] {
        refreshed(&app.nobody(), text)
            .await
            .refused(401, "unauthenticated");
    }
    let tenant = format!("/admin/tenants/{}", app.credentials.demo_tenant_id);
    let closed = json!({"reason": "Unpaid"});
    app.admin()
        .post(&format!("{tenant}/suspend"), &closed)
        .await
        .expect(200);
    eventually("the suspension", async || {
        (refreshed(&app.nobody(), &token).await.status == 403).then_some(())
    })
    .await;
    app.admin()
        .post(&format!("{tenant}/reactivate"), &json!({}))
        .await
        .expect(200);
    eventually("the way back", async || {
        (refreshed(&app.nobody(), &token).await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn keys_are_replaced_in_order_and_at_once_where_they_are_in_wrong_hands() {
    let app = App::start().await;
    let second = app.another_node().await;
    let before = program(&app).await;
    let token = app.nobody().with_key(&before.text("/accessToken"));
    let new = app
        .admin()
        .post("/admin/signing-keys", &json!({}))
        .await
        .expect(201)
        .text("/id");
    for node in [&app, &second] {
        eventually("the new key", async || {
            let keys = key_set(&node.nobody()).await;
            let keys = keys["keys"].as_array().expect("keys").clone();
            (keys.len() == 2 && keys.iter().any(|key| key["kid"] == new.as_str())).then_some(())
        })
        .await;
    }
    let next = refreshed(&second.nobody(), &before.text("/refreshToken"))
        .await
        .expect(200);
    assert_ne!(
        part(&next.text("/accessToken"), 0)["kid"],
        new,
        "it is published before it signs"
    );
    token.get("/api/me").await.expect(200);

    let order = json!({"compromised": true});
    let third = app
        .admin()
        .post("/admin/signing-keys", &order)
        .await
        .expect(201)
        .text("/id");
    for node in [&app, &second] {
        let there = token.at(&node.url);
        eventually("the refusal", async || {
            (there.get("/api/me").await.status == 401).then_some(())
        })
        .await;
    }
    let fresh = refreshed(&second.nobody(), &next.text("/refreshToken"))
        .await
        .expect(200);
    assert_eq!(part(&fresh.text("/accessToken"), 0)["kid"], third);
    app.nobody()
        .with_key(&fresh.text("/accessToken"))
        .get("/api/me")
        .await
        .expect(200);

    two_replacements_are_told(&app).await;
    second.stop().await;
    app.finish().await;
}

async fn two_replacements_are_told(app: &App) {
    let listed = app.admin().get("/admin/signing-keys").await.expect(200).json();
    let listed = listed["items"].as_array().expect("items");
    assert_eq!(listed.len(), 3);
    assert!(listed[0]["retiredAt"].is_null() && listed[1]["retiredAt"].is_string());
    let events = app
        .admin()
        .get("/admin/audit?eventType=security.signing_key_rotated")
        .await
        .expect(200)
        .json();
    assert_eq!(events["items"].as_array().map(Vec::len), Some(2), "{events}");
}
