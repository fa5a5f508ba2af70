use serde_json::json;

use super::{in_person, order};
use crate::support::{App, Person};

#[tokio::test]
async fn protected_fields_are_refused_one_by_one_by_name() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let mia = app.person(&tenant, "mia", "member").await;
    let in_person = in_person(&app, &tenant, &mia.id);
    let path = format!("/api/users/{}", mia.id);
    let before = tenant.client.get(&path).await.expect(200).json();
    let body = json!({
        "name": "Mia Owner", "id": "user_01h455vb4pex5vsknk084sn02q", "tenantId": tenant.id,
        "email": "owner@acme.example.com", "emailVerified": true, "role": "owner", "status": "active", "version": 9,
        "passwordHash": "x", "grants": ["*"],
    });
    let others = body.as_object().expect("an object").len() - 1;
    for (client, path) in [(&in_person, "/api/me"), (&tenant.client, path.as_str())] {
        let refusal = client.patch(path, &body).await.refused(422, "validation_failed");
        let errors = refusal["errors"].as_array().expect("errors");
        let pointers: Vec<_> = errors
            .iter()
            .filter_map(|error| error["pointer"].as_str())
            .collect();
        for field in [
            "id",
            "tenantId",
            "email",
            "emailVerified",
            "role",
            "status",
            "version",
        ] {
            assert!(
                pointers.contains(&format!("/{field}").as_str()),
                "{field}: {refusal}"
            );
        }
        assert_eq!(errors.len(), others, "{refusal}");
    }
    assert_eq!(tenant.client.get(&path).await.expect(200).json(), before);
    let named = in_person
        .patch("/api/me", &json!({"name": "Mia M"}))
        .await
        .expect(200);
    assert_eq!(
        (named.text("/name"), named.text("/role")),
        ("Mia M".into(), "member".into())
    );
    // A key in her place cannot, nor can one without a person.
    for client in [&mia.client, &tenant.client] {
        client
            .patch("/api/me", &json!({"name": "X"}))
            .await
            .refused(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn nobody_raises_himself_or_reaches_above() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let owner = app.person(&tenant, "otto", "owner").await;
    let admin = app.person(&tenant, "anna", "admin").await;
    let member = app.person(&tenant, "mia", "member").await;
    let role = |person: &Person| format!("/api/users/{}/role", person.id);
    let to = |name: &str| json!({"role": name});
    member
        .client
        .put(&role(&member), &to("admin"))
        .await
        .refused(403, "forbidden");
    for (path, body) in [
        (role(&admin), to("owner")),
        (role(&admin), to("viewer")),
        (role(&member), to("owner")),
        (role(&owner), to("viewer")),
    ] {
        admin.client.put(&path, &body).await.refused(403, "forbidden");
    }
    admin
        .client
        .post("/api/users", &order("eve", "owner"))
        .await
        .refused(403, "forbidden");
    let above = format!("/api/users/{}", owner.id);
    admin
        .client
        .patch(&above, &json!({"name": "X"}))
        .await
        .refused(403, "forbidden");
    admin
        .client
        .post(&format!("{above}/deactivate"), &json!({}))
        .await
        .refused(403, "forbidden");
    admin.client.delete(&above).await.refused(403, "forbidden");
    owner
        .client
        .put(&role(&owner), &to("admin"))
        .await
        .refused(403, "forbidden");
    admin.client.put(&role(&member), &to("admin")).await.expect(200);
    owner.client.put(&role(&admin), &to("owner")).await.expect(200);
    admin
        .client
        .put(&role(&member), &to("emperor"))
        .await
        .refused(422, "validation_failed");
    app.finish().await;
}

#[tokio::test]
async fn the_last_owner_stays_whoever_asks_and_however_many_at_once() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let one = app.person(&tenant, "one", "owner").await;
    let invited = tenant
        .client
        .get("/api/users?status=invited")
        .await
        .expect(200)
        .json();
    let never_came = invited["items"][0]["id"]
        .as_str()
        .expect("the first owner")
        .to_owned();
    tenant
        .client
        .delete(&format!("/api/users/{never_came}"))
        .await
        .expect(204);
    let path = |id: &str| format!("/api/users/{id}");
    let platform = format!("/admin/tenants/{}/users/{}", tenant.id, one.id);
    one.client.delete(&path(&one.id)).await.refused(409, "last_owner");
    tenant
        .client
        .put(&format!("{}/role", path(&one.id)), &json!({"role": "admin"}))
        .await
        .refused(409, "last_owner");
    app.admin().delete(&platform).await.refused(409, "last_owner");
    app.admin()
        .post(&format!("{platform}/deactivate"), &json!({}))
        .await
        .refused(409, "last_owner");
    let two = app.person(&tenant, "two", "owner").await;
    let (demotion, deletion) = (format!("{}/role", path(&two.id)), path(&one.id));
    let role = json!({"role": "admin"});
    let (demoted, deleted) = tokio::join!(one.client.put(&demotion, &role), two.client.delete(&deletion));
    // Whoever is second finds the other the last owner, or himself none any more.
    let refused = [401, 403, 409];
    let outcome = match [demoted.status.as_u16(), deleted.status.as_u16()] {
        [200, second] | [second, 204] => refused.contains(&second),
        _ => false,
    };
    assert!(outcome, "{demoted:?} {deleted:?}");
    let owners = tenant
        .client
        .get("/api/users?role=owner&status=active")
        .await
        .expect(200)
        .json();
    assert_eq!(owners["items"].as_array().expect("items").len(), 1);
    app.finish().await;
}
