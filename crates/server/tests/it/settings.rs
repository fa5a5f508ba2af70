//! Settings from outside.

use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn putting_a_setting_says_whether_it_is_new() {
    let app = App::start().await;
    let tenant = app.tenant("one", "shared_database").await;
    let (path, value) = ("/api/settings/theme", json!("dark"));
    let only_new = tenant.client.with("if-none-match", "*");

    let made = only_new.put(path, &value).await.expect(201);
    assert_eq!((made.header("location"), made.header("etag")), (path, "\"v1\""));
    only_new
        .put(path, &json!("light"))
        .await
        .refused(412, "precondition_failed");
    assert_eq!(tenant.client.get(path).await.expect(200).text("/value"), "dark");
    tenant.client.put(path, &value).await.expect(200);

    // A repeated request gets the first answer, also where nothing is new any more.
    let repeated = tenant.client.with("idempotency-key", "k1");
    for _ in 0..2 {
        let made = repeated.put("/api/settings/other", &value).await.expect(201);
        assert_eq!(made.header("location"), "/api/settings/other");
    }
    app.finish().await;
}
