//! The commands that need no database.

use std::path::Path;

use serde_json::Value;

use crate::program::{outcome, tenantry};

#[tokio::test]
async fn config_check_names_every_error_and_fails() {
    let mut command = tenantry([
        "config",
        "check",
        "--set",
        "server.listen=nowhere",
        "--set",
        "limits.x=1",
    ]);
    command
        .env("STRIPE_SECRET_KEY", "hunter2")
        .env("TENANTRY_TENANTS_UPLOAD_MAX_BYTE", "1");
    let checked = outcome(command).await;
    let (values, errors) = (
        String::from_utf8(checked.stdout).unwrap(),
        String::from_utf8(checked.stderr).unwrap(),
    );
    assert_eq!(checked.status.code(), Some(1));
    for expected in [
        "server.listen (command line)",
        "`limits.x`",
        "TENANTRY_TENANTS_UPLOAD_MAX_BYTES",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
    assert!(values.contains("stripe.secret_key = \"********\""), "{values}");
    assert!(!values.contains("hunter2") && !errors.contains("hunter2"));
}

#[tokio::test]
async fn config_check_accepts_a_valid_one_and_says_where_values_are_from() {
    let mut command = tenantry(["config", "check", "--json"]);
    command
        .env("TENANTRY_SECURITY_ENVIRONMENT", "development")
        .env("SMTP_PORT", "25");
    let checked = outcome(command).await;
    assert_eq!(checked.status.code(), Some(0));
    let printed: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let values = printed["values"].as_array().unwrap();
    let port = values
        .iter()
        .find(|value| value["key"] == "mail.smtp_port")
        .unwrap();
    assert_eq!(
        (&port["value"], &port["source"]),
        (&Value::from(25), &Value::from("SMTP_PORT"))
    );
}

#[tokio::test]
async fn config_default_is_the_committed_file() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.default.toml");
    let printed = outcome(tenantry(["config", "default"])).await.stdout;
    assert_eq!(
        String::from_utf8(printed).unwrap(),
        std::fs::read_to_string(committed).unwrap()
    );
}

#[tokio::test]
async fn serve_refuses_an_incomplete_configuration_at_once() {
    let refused = outcome(tenantry(["serve"])).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("database.url is not set") && said.contains("security.master_key is not set"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_not_understood_is_exit_status_2() {
    assert_eq!(outcome(tenantry(["sreve"])).await.status.code(), Some(2));
    let completions = outcome(tenantry(["completions", "bash"])).await;
    assert!(
        completions.status.success()
            && String::from_utf8(completions.stdout)
                .unwrap()
                .contains("tenantry")
    );
}
