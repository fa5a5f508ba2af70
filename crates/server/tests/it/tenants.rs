use serde_json::json;

use crate::support::{App, eventually};

#[tokio::test]
async fn a_suspended_tenant_is_refused_within_a_second_and_comes_back() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    tenant.client.get("/api/tenant").await.expect(200);
    let path = format!("/admin/tenants/{}", tenant.id);
    app.admin()
        .post(&format!("{path}/suspend"), &json!({"reason": "Unpaid"}))
        .await
        .expect(200);
    eventually("the suspension", async || {
        (tenant.client.get("/api/tenant").await.status.as_u16() == 403).then_some(())
    })
    .await;
    tenant
        .client
        .get("/api/tenant")
        .await
        .refused(403, "tenant_suspended");
    app.admin()
        .post(&format!("{path}/suspend"), &json!({"reason": "Again"}))
        .await
        .refused(409, "invalid_transition");
    app.admin()
        .post(&format!("{path}/reactivate"), &json!({}))
        .await
        .expect(200);
    eventually("the reactivation", async || {
        (tenant.client.get("/api/tenant").await.status.as_u16() == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_deletion_can_be_undone_until_its_time_and_then_removes_everything() {
    let app = App::start().await;
    for strategy in ["shared_database", "schema_per_tenant", "database_per_tenant"] {
        let slug = strategy.split('_').next().expect("a word");
        let tenant = app.tenant(slug, strategy).await;
        let path = format!("/admin/tenants/{}", tenant.id);
        let deleting = app.admin().delete(&path).await.expect(202).json();
        assert_eq!(deleting["status"], "deleting");
        app.admin()
            .post(&format!("{path}/restore"), &json!({}))
            .await
            .expect(200);
        app.admin()
            .delete(&format!("{path}?graceDays=0"))
            .await
            .expect(202);
        eventually("the removal", async || {
            let present = app.admin().get(&path).await.json();
            (present["status"] == "deleted").then_some(())
        })
        .await;
        assert_eq!(app.traces(&tenant.id).await, Vec::<String>::new(), "{strategy}");
        tenant
            .client
            .get("/api/tenant")
            .await
            .refused(401, "unauthenticated");
        let record = app
            .admin()
            .get(&format!("{path}/deletion-record"))
            .await
            .expect(200)
            .json();
        assert!(
            record["record"]
                .as_str()
                .is_some_and(|text| text.contains(&tenant.id)),
            "{record}"
        );
    }
    app.finish().await;
}
