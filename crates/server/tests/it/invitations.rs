use serde_json::json;

use crate::support::{App, eventually};

const ADA: &str = "ada@people.example.com";

/// Attack 13, the address.
#[tokio::test]
async fn a_link_is_good_for_the_address_it_was_sent_to_alone() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let order = json!({"email": "Ada@People.example.com", "name": "Ada", "role": "admin"});
    tenant.client.post("/api/users", &order).await.expect(201);
    tenant
        .client
        .post("/api/users", &order)
        .await
        .refused(409, "email_taken");
    let token = app.invitation(ADA).await;
    let mut unknown = token.clone();
    unknown.replace_range(..4, "AAAA");
    let wrong = app
        .accept(&json!({"token": unknown}))
        .await
        .refused(404, "not_found");
    let other = app
        .accept(&json!({"token": token, "email": "eve@example.com"}))
        .await;
    let other = other.refused(404, "not_found");
    for member in ["title", "detail", "code", "status"] {
        assert_eq!(wrong[member], other[member], "one is told from the other");
    }
    let stranger = app.tenant("stranger", "shared_database").await;
    let elsewhere = app.nobody().with("x-tenant-id", &stranger.id);
    let body = json!({"token": token, "email": ADA});
    elsewhere
        .post("/api/invitations/accept", &body)
        .await
        .refused(404, "not_found");
    let accepted = app.accept(&body).await.expect(201).json();
    assert_eq!(
        (&accepted["user"]["email"], &accepted["user"]["role"]),
        (&json!(ADA), &json!("admin"))
    );
    app.accept(&body).await.refused(404, "not_found");
    app.finish().await;
}

/// Attack 13, twice in parallel.
#[tokio::test]
async fn of_many_acceptances_at_once_there_is_one_membership() {
    let app = App::start().await;
    let second = app.another_node().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let order = json!({"email": ADA, "name": "Ada", "role": "member"});
    let invited = tenant.client.post("/api/users", &order).await.expect(201);
    let token = app.invitation(ADA).await;
    let calls = (0..8).map(|number| {
        let client = if number % 2 == 0 {
            app.nobody()
        } else {
            second.nobody()
        };
        let body = json!({"token": token, "name": format!("Ada {number}")});
        tokio::spawn(async move { client.post("/api/invitations/accept", &body).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.expect("no panic").status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404, 404, 404, 404, 404, 404, 404]);
    let people = tenant.client.get("/api/users?q=ada").await.expect(200).json();
    assert_eq!(people["items"].as_array().expect("items").len(), 1);
    let path = format!("/api/api-keys?limit=200&userId={}", invited.text("/id"));
    assert_eq!(
        tenant.client.get(&path).await.status,
        400,
        "there is no such filter"
    );
    let keys = tenant.client.get("/api/api-keys").await.expect(200).json();
    let hers = keys["items"].as_array().expect("items").iter();
    assert_eq!(hers.filter(|key| key["userId"] == invited.text("/id")).count(), 1);
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn a_new_letter_voids_the_old_and_a_withdrawn_one_opens_nothing() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let order = json!({"email": ADA, "name": "Ada", "role": "member"});
    let invited = tenant.client.post("/api/users", &order).await.expect(201);
    let path = format!("{}/invitation", invited.header("location"));
    let first = app.invitation(ADA).await;
    let sent = tenant.client.post(&path, &json!({})).await.expect(200);
    assert_eq!(sent.text("/userId"), invited.text("/id"));
    let second = app.invitation_but(ADA, &[&first]).await;
    assert!(
        !String::from_utf8_lossy(&sent.bytes).contains(&second),
        "the link is in the letter alone"
    );
    app.accept(&json!({"token": first}))
        .await
        .refused(404, "not_found");
    tenant.client.delete(&path).await.expect(204);
    tenant.client.delete(&path).await.refused(404, "not_found");
    app.accept(&json!({"token": second}))
        .await
        .refused(404, "not_found");
    tenant.client.post(&path, &json!({})).await.expect(200);
    let third = app.invitation_but(ADA, &[&first, &second]).await;
    app.accept(&json!({"token": third})).await.expect(201);
    tenant
        .client
        .post(&path, &json!({}))
        .await
        .refused(409, "invalid_transition");
    app.finish().await;
}

/// The letter leaves with the commit: a refused invitation sends none, a repeated one sends one.
#[tokio::test]
async fn a_letter_is_sent_once_for_each_invitation_that_was_made() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let order = json!({"email": ADA, "name": "Ada", "role": "member"});
    let client = tenant.client.with("idempotency-key", "invite-1");
    client.post("/api/users", &order).await.expect(201);
    client.post("/api/users", &order).await.expect(201);
    tenant
        .client
        .post("/api/users", &order)
        .await
        .refused(409, "email_taken");
    app.settle().await;
    let letters = eventually("the letter", async || {
        let letters: Vec<_> = app
            .mails()
            .into_iter()
            .filter(|mail| mail.contains(ADA))
            .collect();
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains("Invitation to Tenant acme"), "{}", letters[0]);
    assert!(letters[0].contains("//acme.tenantry.test"), "{}", letters[0]);
    app.finish().await;
}

/// A name of 100 characters may be longer than what a mailbox is shown under, and is no reason to send no letter.
#[tokio::test]
async fn the_longest_name_gets_its_letter_too() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let order = json!({"email": ADA, "name": "名".repeat(100), "role": "member"});
    tenant.client.post("/api/users", &order).await.expect(201);
    eventually("the letter", async || {
        let to_her = format!("To: {ADA}");
        app.mails().into_iter().find(|mail| mail.contains(&to_her))
    })
    .await;
    app.finish().await;
}
