use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn a_domain_is_registered_shown_with_its_records_and_given_up() {
    let app = App::start().await;
    let (one, other) = (
        app.tenant("one", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    let path = format!("/admin/tenants/{}/domains", one.id);
    let added = app
        .admin()
        .post(&path, &json!({"domain": "App.Bücher.Example.ORG"}))
        .await
        .expect(201);
    assert_eq!(added.text("/domain"), "app.xn--bcher-kva.example.org");
    assert_eq!(added.text("/status"), "pending");
    let shown = app.admin().get(&path).await.expect(200).json();
    assert_eq!(shown["items"][0], added.json());
    let elsewhere = format!("/admin/tenants/{}/domains", other.id);
    let body = json!({"domain": "app.xn--bcher-kva.example.org"});
    app.admin()
        .post(&elsewhere, &body)
        .await
        .refused(409, "domain_taken");
    app.admin().delete(added.header("location")).await.expect(204);
    app.admin().post(&elsewhere, &body).await.expect(201);
    for wrong in [
        "localhost",
        "10.0.0.1",
        "co.uk",
        "a b.example.org",
        "x.tenantry.test",
        "*.example.org",
    ] {
        app.admin()
            .post(&path, &json!({"domain": wrong}))
            .await
            .refused(422, "validation_failed");
    }
    app.finish().await;
}

/// A domain whose ownership was not proved leads nowhere.
#[tokio::test]
async fn a_pending_domain_selects_nobody() {
    let app = App::start().await;
    let (one, other) = (
        app.tenant("one", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    let path = format!("/admin/tenants/{}/domains", one.id);
    app.admin()
        .post(&path, &json!({"domain": "app.example.org"}))
        .await
        .expect(201);
    other
        .client
        .with("host", "app.example.org")
        .get("/api/tenant")
        .await
        .expect(200);
    let mut connection = app.superuser().await;
    sqlx::query("update control.custom_domains set status = 'verified', verified_at = now()")
        .execute(&mut connection)
        .await
        .expect("as the verification will do it");
    sqlx::query("select pg_notify('tenantry_changes', 'domain:app.example.org')")
        .execute(&mut connection)
        .await
        .expect("announced");
    crate::support::eventually("the domain to select its tenant", async || {
        let reply = other
            .client
            .with("host", "app.example.org")
            .get("/api/tenant")
            .await;
        (reply.status == 404).then_some(())
    })
    .await;
    one.client
        .with("host", "app.example.org")
        .get("/api/tenant")
        .await
        .expect(200);
    app.finish().await;
}
