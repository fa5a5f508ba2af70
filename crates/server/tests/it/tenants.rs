use serde_json::{Value, json};
use testkit::FakeStripe;

use crate::payment_methods::collecting;
use crate::subscriptions::tenant_on;
use crate::support::{App, all, eventually};

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

#[tokio::test]
async fn a_removed_tenants_invoices_stay_and_its_customer_goes() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let admin = app.admin();
    let path = format!("/admin/tenants/{}", tenant.id);
    let invoices = format!("{path}/invoices");
    let card = json!({"reference": "pm_card_visa", "default": true});
    let methods = "/api/payment-methods";
    tenant.client.post(methods, &card).await.expect(201);
    let end = format!("{path}/subscription/end-trial");
    admin.post(&end, &json!({})).await.expect(200);
    let listed = eventually("the invoice to be paid", async || {
        let listed = all(&admin, &invoices).await;
        (listed.len() == 1 && listed[0]["status"] == "paid").then_some(listed)
    })
    .await;

    let remove = format!("{path}?graceDays=0");
    admin.delete(&remove).await.expect(202);
    eventually("the removal", async || {
        (admin.get(&path).await.json()["status"] == "deleted").then_some(())
    })
    .await;
    let kept = all(&admin, &invoices).await;
    let essence = |all: &[Value]| -> Vec<[Value; 4]> {
        let of = |one: &Value| ["id", "number", "total", "status"].map(|name| one[name].clone());
        all.iter().map(of).collect()
    };
    assert_eq!(essence(&kept), essence(&listed), "the books do not change");
    let id = listed[0]["id"].as_str().expect("an id");
    let printed = admin.get(&format!("{invoices}/{id}/html")).await.expect(200);
    let number = listed[0]["number"].as_str().expect("a number");
    assert!(String::from_utf8_lossy(&printed.bytes).contains(number));
    app.settle().await;
    assert_eq!(stripe.objects("customers")[0]["deleted"], true);
    assert_eq!(stripe.taken(), 9900);
    app.finish().await;
}
