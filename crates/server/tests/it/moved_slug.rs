use reqwest::Method;
use serde_json::json;

use crate::support::{App, eventually};

#[tokio::test]
async fn a_given_up_slug_leads_to_the_present_one_and_to_nobody_else() {
    let app = App::start().await;
    let tenant = app.tenant("before", "shared_database").await;
    let path = format!("/admin/tenants/{}", tenant.id);
    let at = |host: &str| tenant.client.with("host", host);
    at("before.tenantry.test").get("/api/tenant").await.expect(200);
    let renamed = json!({"slug": "afterwards"});
    app.admin().patch(&path, &renamed).await.expect(200);

    let old = at("before.tenantry.test:8443");
    eventually("the redirect", async || {
        (old.get("/api/tenant").await.status == 308).then_some(())
    })
    .await;
    for (method, target) in [
        (Method::GET, "/api/projects?limit=2"),
        (Method::POST, "/api/projects"),
    ] {
        let moved = old.call(method, target).await.expect(308);
        let place = format!("//afterwards.tenantry.test:8443{target}");
        assert_eq!(moved.header("location"), place);
    }
    // A gateway that asks about such a request could not follow.
    old.get("/gateway/verify").await.refused(403, "forbidden");
    at("afterwards.tenantry.test")
        .get("/api/tenant")
        .await
        .expect(200);
    at("never.tenantry.test")
        .get("/api/tenant")
        .await
        .refused(404, "not_found");

    let order = json!({"name": "Squatter", "slug": "before", "plan": "free"});
    app.admin()
        .post("/admin/provision", &order)
        .await
        .refused(409, "slug_taken");
    app.admin()
        .patch(&path, &json!({"slug": "before"}))
        .await
        .expect(200);
    eventually("the slug to be its own again", async || {
        let back = at("before.tenantry.test").get("/api/tenant").await;
        (back.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}
