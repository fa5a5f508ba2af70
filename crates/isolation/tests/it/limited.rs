//! Operators who are limited to some tenants: the database shows them nothing else.

use isolation::{
    Caller, ControlTx, IsolationStrategy, Limit, PlatformCtx, RequestInfo, Store, TenantCtx, Tx,
};
use kernel::{Actor, Entity, Grants, Id, TenantId};
use sqlx::{AssertSqlSafe, Executor};
use testkit::TestDatabase;

#[derive(Debug)]
enum OperatorEntity {}
impl Entity for OperatorEntity {
    const PREFIX: &'static str = "admin";
}

/// An operator on record who reaches these tenants.
async fn operator(db: &TestDatabase, tenants: Vec<TenantId>) -> (Id<OperatorEntity>, PlatformCtx) {
    let id: Id<OperatorEntity> = db.databases().seams().new_id();
    let mut tx = db.system().control().await.expect("the control plane answers");
    sqlx::query(
        "insert into control.admins (id, email, name, permissions, tenants, status, password_hash, created_at, updated_at)
         values ($1, $2, 'Op', array['tenants:read'], $3, 'active', 'none', now(), now())",
    )
    .bind(id)
    .bind(format!("{}@example.com", id.hex()))
    .bind(&tenants)
    .execute(tx.conn())
    .await
    .expect("an operator");
    tx.commit().await.expect("committed");
    let caller = Caller {
        actor: Actor::system("test"),
        grants: Grants::all(),
        request: RequestInfo::default(),
        limit: Some(Limit::new(id, tenants).into()),
    };
    (id, db.databases().platform(caller))
}

async fn begin(ctx: &PlatformCtx) -> ControlTx {
    ctx.control().await.expect("the control plane answers")
}

async fn two_tenants(db: &TestDatabase) -> (TenantCtx, TenantCtx) {
    (
        db.tenant(IsolationStrategy::SharedDatabase).await,
        db.tenant(IsolationStrategy::SharedDatabase).await,
    )
}

const PLATFORM_EVENT: &str =
    "insert into control.audit_events (id, occurred_at, event_type, severity, action, actor_type, actor_id, expires_at)
     values (gen_random_uuid(), now(), 'auth.logged_out', 'info', 'logged_out', 'system', 'test', now())
     on conflict do nothing";

/// Adds a slug, a person, an event and a session to each, and a session and an event of nobody's.
async fn furnish(db: &TestDatabase, tenants: [TenantId; 2]) {
    let mut connection = db.superuser().await;
    for tenant in tenants {
        for statement in [
            "insert into control.slugs (slug, tenant_id) values ('s' || substr(md5($1::text), 1, 12), $1)",
            "insert into control.users (tenant_id, id, email, name, role, status, created_at, updated_at)
             values ($1, $1, 'a@example.com', 'A', 'owner', 'active', now(), now())",
            "insert into control.sessions (id, tenant_id, person_id, kind, stage, created_at, last_seen_at, idle_seconds, expires_at)
             values ($1, $1, $1, 'cookie', 'open', now(), now(), 60, now() + interval '1 hour')",
            "insert into control.audit_events (id, tenant_id, occurred_at, event_type, severity, action, actor_type, actor_id, expires_at)
             values ($1, $1, now(), 'user.created', 'info', 'created', 'system', 'test', now())",
        ] {
            sqlx::query(statement)
                .bind(tenant)
                .execute(&mut connection)
                .await
                .expect(statement);
        }
    }
    connection
        .execute(PLATFORM_EVENT)
        .await
        .expect("an event of the platform's");
}

/// The tables of the control plane that the role can read, with the column that says whose a row is.
async fn readable(db: &TestDatabase) -> Vec<(String, String)> {
    let mut connection = db.superuser().await;
    sqlx::query_as(
        "select c.relname::text, case c.relname when 'tenants' then 'id' else 'tenant_id' end
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'control' and c.relkind in ('r', 'p') and not c.relispartition
           and has_table_privilege('tenantry_limited', c.oid, 'select')
           and (c.relname = 'tenants' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'))",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalogue")
}

#[tokio::test]
async fn a_limited_operator_sees_his_tenants_rows_and_no_others() {
    let db = TestDatabase::new().await;
    let (mine, other) = two_tenants(&db).await;
    furnish(&db, [mine.tenant_id(), other.tenant_id()]).await;
    let (_, ctx) = operator(&db, vec![mine.tenant_id()]).await;
    let tables = readable(&db).await;
    assert!(tables.len() >= 15, "{tables:?}");
    let mut tx = begin(&ctx).await;
    let mut seen_some = 0;
    for (table, column) in tables {
        let count = format!("select count(*) filter (where {column} = $1), count(*) from control.{table}");
        let (own, all): (i64, i64) = sqlx::query_as(AssertSqlSafe(count))
            .bind(mine.tenant_id())
            .fetch_one(tx.conn())
            .await
            .expect("readable");
        assert_eq!(own, all, "{table} shows what is not his");
        seen_some += i32::from(own > 0);
    }
    assert!(seen_some >= 6, "his own rows are shown: {seen_some}");
}

#[tokio::test]
async fn without_its_settings_the_role_sees_nothing() {
    let db = TestDatabase::new().await;
    let (one, other) = two_tenants(&db).await;
    furnish(&db, [one.tenant_id(), other.tenant_id()]).await;
    operator(&db, vec![one.tenant_id()]).await;
    let tables = readable(&db).await;
    let mut connection = db.superuser().await;
    connection
        .execute("set role tenantry_limited")
        .await
        .expect("the superuser may");
    for table in tables
        .iter()
        .map(|(table, _)| table.as_str())
        .chain(["admins", "admin_api_keys"])
    {
        let seen: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from control.{table}")))
            .fetch_one(&mut connection)
            .await
            .expect("readable");
        assert_eq!(seen, 0, "{table}");
    }
}

#[tokio::test]
async fn a_limited_operator_changes_nothing_beyond_his_tenants() {
    let db = TestDatabase::new().await;
    let (mine, other) = two_tenants(&db).await;
    furnish(&db, [mine.tenant_id(), other.tenant_id()]).await;
    let (_, ctx) = operator(&db, vec![mine.tenant_id()]).await;
    let mut tx = begin(&ctx).await;
    for (statement, rows) in [
        ("update control.tenants set name = 'X'", 1),
        ("update control.users set name = 'X'", 1),
        ("delete from control.sessions", 1),
        ("update control.slugs set redirect_until = null", 1),
    ] {
        let done = sqlx::query(statement).execute(tx.conn()).await.expect(statement);
        assert_eq!(done.rows_affected(), rows, "{statement}");
    }
    drop(tx);
    let tenant = other.tenant_id().uuid();
    for statement in [
        format!("insert into control.slugs (slug, tenant_id) values ('mine', '{tenant}')"),
        format!("update control.users set tenant_id = '{tenant}', id = gen_random_uuid()"),
        format!(
            "insert into control.jobs (id, kind, tenant_id, payload, run_at, max_attempts, created_at)
             values (gen_random_uuid(), 'x', '{tenant}', '{{}}', now(), 1, now())"
        ),
        "insert into control.tenants (id, name, slug, status, plan, billing_cycle, isolation_strategy, created_at, updated_at)
         values (gen_random_uuid(), 'X', 'x', 'active', 'free', 'monthly', 'shared_database', now(), now())"
            .to_owned(),
        "update control.admins set permissions = array['*']".to_owned(),
        "update control.admins set tenants = null".to_owned(),
        "delete from control.admins".to_owned(),
        "select * from control.schedules".to_owned(),
    ] {
        let mut tx = begin(&ctx).await;
        let done = sqlx::query(AssertSqlSafe(statement.clone())).execute(tx.conn()).await;
        let refused = done.expect_err(&statement);
        let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn what_a_limited_operator_does_to_himself_is_his_own() {
    let db = TestDatabase::new().await;
    let (mine, _) = two_tenants(&db).await;
    let (id, ctx) = operator(&db, vec![mine.tenant_id()]).await;
    let (_, stranger) = operator(&db, vec![mine.tenant_id()]).await;
    let mut tx = begin(&ctx).await;
    let open = "insert into control.sessions (id, person_id, kind, stage, created_at, last_seen_at, idle_seconds, expires_at)
                values (gen_random_uuid(), $1, 'cookie', 'open', now(), now(), 60, now() + interval '1 hour')";
    sqlx::query(open)
        .bind(id)
        .execute(tx.conn())
        .await
        .expect("his session");
    tx.conn()
        .execute(PLATFORM_EVENT)
        .await
        .expect("an event of the platform's");
    tx.commit().await.expect("committed");
    for (ctx, sessions, operators) in [(&ctx, 1, 1), (&stranger, 0, 1)] {
        let mut tx = begin(ctx).await;
        let counts: (i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from control.sessions), (select count(*) from control.admins),
                    (select count(*) from control.audit_events)",
        )
        .fetch_one(tx.conn())
        .await
        .expect("readable");
        assert_eq!(counts, (sessions, operators, 0));
    }
}

#[tokio::test]
async fn nobody_enters_beyond_his_limit() {
    let db = TestDatabase::new().await;
    let (mine, other) = two_tenants(&db).await;
    let (_, ctx) = operator(&db, vec![mine.tenant_id()]).await;
    let enter = |ctx: &PlatformCtx, tenant: &TenantCtx| ctx.enter(tenant.store().clone()).is_some();
    assert!(enter(&ctx, &mine) && !enter(&ctx, &other));
    assert!(enter(&db.system(), &other));
    let (_, nowhere) = operator(&db, Vec::new()).await;
    assert!(!enter(&nowhere, &mine));
    let unknown = Store::new(db.databases().seams().new_id(), IsolationStrategy::SharedDatabase);
    assert!(ctx.enter(unknown).is_none());
}

/// Who is not limited pays nothing: no policy of his has a condition, so the same plans are made as without any.
#[tokio::test]
async fn the_platforms_own_plans_know_of_no_limit() {
    let db = TestDatabase::new().await;
    let mut tx = db.system().control().await.expect("the control plane answers");
    for statement in [
        "select * from control.tenants",
        "select * from control.audit_events",
    ] {
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("explain {statement}")))
            .fetch_all(tx.conn())
            .await
            .expect("a plan");
        let text = plan.join("\n");
        assert!(!text.contains("Filter") && !text.contains("InitPlan"), "{text}");
    }
}
