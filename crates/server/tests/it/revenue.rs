//! Recurring revenue over HTTP.

use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn an_operator_sees_what_subscriptions_are_worth() {
    let app = App::start().await;
    let admin = app.admin();
    let tenant = app.tenant("worth", "shared_database").await;
    let path = format!("/admin/tenants/{}/subscription", tenant.id);
    let nothing = admin.get("/admin/revenue").await.expect(200).json();
    assert_eq!(nothing, json!({"items": []}));
    // 4990.00 a year are 415.83 a month.
    let order = json!({"plan": "enterprise", "billingCycle": "yearly"});
    admin.put(&path, &order).await.expect(200);
    let trial = admin.post(&format!("{path}/end-trial"), &json!({})).await;
    trial.expect(200);
    let told = admin.get("/admin/revenue?months=1").await.expect(200).json();
    let month = &told["items"][0];
    assert_eq!(
        month["newMrr"],
        json!({"amount": 41_583, "currency": "USD"}),
        "{told}"
    );
    assert_eq!(month["mrrAtEnd"], month["newMrr"]);
    assert_eq!(month["arr"], json!({"amount": 499_000, "currency": "USD"}));
    assert_eq!(month["customers"]["new"], 1);
    assert_eq!(month["rates"]["customerChurn"], json!(null));
    for wrong in ["months=0", "months=121", "months=x", "year=2026"] {
        admin
            .get(&format!("/admin/revenue?{wrong}"))
            .await
            .refused(400, "invalid_parameter");
    }
    app.finish().await;
}
