use crate::support::App;

#[tokio::test]
async fn every_answer_carries_its_request_id_and_the_security_headers() {
    let app = App::start().await;
    let reply = app
        .nobody()
        .with("x-request-id", "abc-1")
        .get("/admin/tenants")
        .await;
    assert_eq!(reply.header("x-request-id"), "abc-1");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
    reply.refused(401, "unauthenticated");
    app.finish().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let app = App::start().await;
    app.nobody().get("/nowhere").await.refused(404, "not_found");
    let reply = app.nobody().call(reqwest::Method::PUT, "/admin/provision").await;
    assert_eq!(reply.header("allow"), "POST");
    reply.refused(405, "method_not_allowed");
    app.finish().await;
}
