//! What a tenant uses, as it and its operators read it.

use serde_json::{Value, json};

use crate::support::{App, Client, Tenant, eventually};
use crate::usage_events::{BATCH, event, send};

async fn with_events(app: &App) -> Tenant {
    let tenant = app.tenant("acme", "shared_database").await;
    let data = |value: i64, region: &str, resource: &str| json!({"value": value, "dimensions": {"region": region, "resource": resource}});
    let events: Vec<Value> = [
        ("a", data(1, "eu", "cpu")),
        ("b", data(10, "eu", "gpu, big")),
        ("c", data(100, "us", "cpu")),
    ]
    .iter()
    .map(|(id, data)| event(id, "compute_time", data))
    .collect();
    send(&tenant.client, BATCH, json!(events).to_string())
        .await
        .expect(202);
    tenant
}

async fn values(client: &Client, query: &str) -> Vec<(Value, Value)> {
    let path = format!("/api/usage/history/compute_time?{query}");
    let history = client.get(&path).await.expect(200).json();
    let points = history["points"].as_array().expect("points").clone();
    let used = points.into_iter().filter(|point| point["value"] != 0);
    used.map(|point| (point["dimensions"].clone(), point["value"].clone()))
        .collect()
}

#[tokio::test]
async fn a_history_is_filtered_grouped_and_as_long_as_asked() {
    let app = App::start().await;
    let tenant = with_events(&app).await;
    let client = &tenant.client;
    for (query, points) in [
        ("", 30),
        ("days=7", 7),
        ("days=2&granularity=day", 2),
        (
            "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&granularity=hour",
            24,
        ),
        ("from=1767225600000&to=1769904000000&granularity=month", 1),
    ] {
        let path = format!("/api/usage/history/api_calls?{query}");
        let history = client.get(&path).await.expect(200).json();
        assert_eq!(
            history["points"].as_array().expect("points").len(),
            points,
            "{query}"
        );
        assert_eq!(history["metric"]["name"], "api_calls");
    }
    let region = |name: &str| json!({"region": name});
    assert_eq!(values(client, "").await, [(Value::Null, json!(111))]);
    assert_eq!(
        values(client, "filter=region:eu").await,
        [(Value::Null, json!(11))]
    );
    assert_eq!(
        values(client, "filter=region:eu,resource:cpu").await,
        [(Value::Null, json!(1))]
    );
    assert_eq!(
        values(client, r"filter=resource:gpu%5C,%20big").await,
        [(Value::Null, json!(10))]
    );
    let grouped = values(client, "groupBy=region").await;
    assert_eq!(grouped, [(region("eu"), json!(11)), (region("us"), json!(100))]);
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    for path in ["/api/usage/history/no_such", "/api/usage/history/No%20Name"] {
        client.get(path).await.refused(404, "not_found");
    }
    for query in [
        "days=0",
        "days=x",
        "days=1&from=0",
        "from=5&to=4",
        "granularity=week",
        "days=3000&granularity=hour",
        "groupBy=planet",
        "filter=region",
        "colour=red",
    ] {
        let path = format!("/api/usage/history/api_calls?{query}");
        client.get(&path).await.refused(400, "invalid_parameter");
    }
    client
        .get("/api/usage?days=3")
        .await
        .refused(400, "invalid_parameter");
    app.finish().await;
}

#[tokio::test]
async fn an_export_has_every_row_in_either_format() {
    let app = App::start().await;
    let tenant = with_events(&app).await;
    let client = &tenant.client;
    let csv = client.get("/api/usage/export").await.expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"), "{csv:?}");
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"usage.csv\""
    );
    let text = String::from_utf8(csv.bytes).expect("UTF-8");
    let mut rows = text.split("\r\n");
    assert_eq!(
        rows.next(),
        Some("metric,startsAt,dimensions,count,sum,max,last,uniques")
    );
    let gpu = rows.find(|row| row.contains("gpu")).expect("a row");
    assert!(
        gpu.contains(r#""{""region"":""eu"",""resource"":""gpu, big""}",1,10"#)
            || gpu.contains(r#"""resource"": ""gpu, big"""#),
        "{gpu}"
    );
    let lines = client
        .with("accept", "application/x-ndjson")
        .get("/api/usage/export?granularity=hour")
        .await;
    let lines = String::from_utf8(lines.expect(200).bytes).expect("UTF-8");
    let of_compute: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|row: &Value| row["metric"] == "compute_time")
        .collect();
    assert_eq!(of_compute.len(), 3);
    let sum: i64 = of_compute.iter().filter_map(|row| row["sum"].as_i64()).sum();
    assert_eq!(sum, 111);
    let named = client
        .with("accept", "text/csv")
        .get("/api/usage/export?format=jsonl")
        .await
        .expect(200);
    assert_eq!(named.header("content-type"), "application/x-ndjson");
    client
        .get("/api/usage/export?format=xml")
        .await
        .refused(400, "invalid_parameter");
    let elsewhere = app.tenant("other", "shared_database").await;
    let theirs = elsewhere.client.get("/api/usage/export").await.expect(200);
    assert!(!String::from_utf8_lossy(&theirs.bytes).contains("compute_time"));
    app.finish().await;
}

#[tokio::test]
async fn requests_are_counted_and_a_report_is_made_of_them() {
    let app = App::start().await;
    let tenant = with_events(&app).await;
    for _ in 0..5 {
        tenant.client.get("/api/tenant").await.expect(200);
    }
    tenant
        .client
        .get("/api/projects/project_01h455vb4pex5vsknk084sn02q")
        .await
        .expect(404);
    let usage = eventually("the requests to be written", async || {
        let usage = tenant.client.get("/api/usage").await.expect(200).json();
        (usage["usage"]["requests"].as_u64() >= Some(7)).then_some(usage)
    })
    .await;
    assert_eq!(
        (&usage["plan"], &usage["tenantId"]),
        (&json!("enterprise"), &json!(tenant.id))
    );
    assert!(usage["usage"]["bandwidth"].as_u64() > Some(100), "{usage}");
    assert_eq!(usage["usage"]["compute_time"], 111);
    let calls = |body: &Value| {
        let quotas = body["quotas"].as_array().expect("quotas").clone();
        quotas
            .into_iter()
            .find(|quota| quota["metric"] == "api_calls")
            .expect("a quota")
    };
    assert_eq!(
        (&calls(&usage)["limit"], &calls(&usage)["period"]),
        (&json!(-1), &json!("daily"))
    );
    let seen = app
        .admin()
        .get(&format!("/admin/tenants/{}/usage", tenant.id))
        .await
        .expect(200)
        .json();
    assert_eq!(seen["metrics"].as_array().expect("metrics").len(), 10, "{seen}");
    reported(&app, &tenant).await;
    app.finish().await;
}

/// What operators are told that it comes to.
async fn reported(app: &App, tenant: &Tenant) {
    let path = format!("/admin/tenants/{}/analytics", tenant.id);
    let days = format!("{path}?days=7");
    let report = app.admin().get(&days).await.expect(200).json();
    let of = |list: &str, metric: &str| {
        let items = report[list].as_array().expect(list).clone();
        items
            .into_iter()
            .find(|one| one["metric"] == metric)
            .unwrap_or_else(|| panic!("{list}: {report}"))
    };
    assert_eq!(of("trends", "compute_time")["current"], 111.0);
    assert_eq!(of("forecasts", "compute_time")["method"], "weekday_mean");
    assert_eq!(report["alerts"], json!([]));
    let performance = &report["performance"];
    assert!(performance["requests"].as_u64() >= Some(7), "{performance}");
    assert_eq!(performance["errorRate"], 0.0);
    for quantile in ["p50Millis", "p95Millis", "p99Millis"] {
        assert!(
            performance[quantile].as_f64().is_some_and(|millis| millis > 0.0),
            "{performance}"
        );
    }
    app.admin()
        .get(&format!("{path}?days=0"))
        .await
        .refused(400, "invalid_parameter");
}
