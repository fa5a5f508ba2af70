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
        assert_eq!(traces(&app, &tenant.id).await, Vec::<String>::new(), "{strategy}");
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

/// Everything that still names the tenant where it should not.
pub async fn traces(app: &App, tenant: &str) -> Vec<String> {
    let id: kernel::TenantId = tenant.parse().expect("an identifier");
    let name = format!("t_{}", id.hex());
    let mut connection = app.superuser().await;
    let mut found: Vec<String> = sqlx::query_scalar(
        "select 'database' from pg_database where datname = $1
         union all select 'role' from pg_roles where rolname = $1
         union all select 'schema' from pg_namespace where nspname = $1",
    )
    .bind(&name)
    .fetch_all(&mut connection)
    .await
    .expect("the catalogue");
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', table_schema, table_name) from information_schema.columns
         join pg_class c on c.relname = table_name and c.relnamespace = table_schema::regnamespace and c.relkind = 'r'
         where column_name = 'tenant_id' and table_schema in ('tenant', 'control')
           and table_name not like 'audit_events%'
           and table_name not in ('deletion_records', 'slugs', 'custom_domains', 'provisioning_runs', 'provisioning_steps')",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalogue");
    for table in tables {
        let count = format!("select count(*) from {table} where tenant_id = $1");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .bind(id)
            .fetch_one(&mut connection)
            .await
            .expect("readable");
        if rows > 0 {
            found.push(format!("{rows} rows in {table}"));
        }
    }
    if app.files().join("tenants").join(id.hex()).exists() {
        found.push("files".to_owned());
    }
    found
}
