//! The example does what it says.

#[expect(dead_code, reason = "the example's own beginning")]
#[path = "../examples/usage_tracker.rs"]
mod usage_tracker;

use testkit::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_counts_limits_asks_and_reserves() {
    let database = TestDatabase::new().await;
    let said = usage_tracker::run(&database).await.expect("the database answers");
    let expected = [
        "api_calls: 1 used, ok",
        "storage: 1024000 used, ok",
        "projects: 3 used, ok",
        "4 more calls are allowed",
        "call 2 is let through",
        "call 3 is let through",
        "call 4 is let through",
        "call 5 is let through",
        "call 6 is refused until tomorrow",
        "storage: 3024000 used",
    ];
    assert_eq!(said, expected);
}
