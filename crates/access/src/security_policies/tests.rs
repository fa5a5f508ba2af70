use isolation::{Databases, Listener as _, News, TenantCtx, Tx as _};
use kernel::{FieldError, Id, TenantId, Timestamp};
use testkit::TestDatabase;
use tokio_util::sync::CancellationToken;

use super::{NewSecurityPolicy, OwnAddress, Policies, SecurityPolicy, SecurityPolicyError, get, put};
use crate::fixture::{new_tenant, owner, platform};
use crate::sessions::{self, SessionEntity};

fn wanted() -> NewSecurityPolicy {
    NewSecurityPolicy {
        mfa_required: false,
        ip_allow_list: vec!["192.0.2.0/24".to_owned(), "::ffff:198.51.100.7".to_owned()],
        allowed_origins: vec!["https://App.example.com".to_owned()],
        session_idle_minutes: 60,
        session_lifetime_hours: 24,
    }
}

async fn set(
    db: &TestDatabase,
    tenant: TenantId,
    new: &NewSecurityPolicy,
) -> Result<SecurityPolicy, SecurityPolicyError> {
    let mut tx = platform(db).await;
    let policy = put(&mut tx, tenant, None, new, OwnAddress::DoesNotMatter).await?;
    tx.commit().await.expect("committed");
    Ok(policy)
}

/// The same tenant's caller, coming from this address.
fn from(db: &TestDatabase, ctx: &TenantCtx, address: &str) -> TenantCtx {
    let mut caller = ctx.caller().clone();
    caller.request.ip = Some(address.parse().expect("an address"));
    let databases: &Databases = db.databases();
    databases.tenant(std::sync::Arc::new(ctx.store().clone()), caller)
}

fn pointers(refused: SecurityPolicyError) -> Vec<String> {
    let SecurityPolicyError::Invalid(errors) = refused else {
        panic!("{refused}")
    };
    errors
        .into_iter()
        .map(|FieldError { pointer, .. }| pointer)
        .collect()
}

#[tokio::test]
async fn is_replaced_whole_version_by_version_and_in_the_trail() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    let mut tx = ctx.control().await.expect("the control plane answers");
    let nothing = get(&mut tx, tenant).await.expect("readable");
    assert_eq!(nothing, SecurityPolicy::default());
    assert!(nothing.lets_in(None), "nobody is shut out by nothing");
    let first = put(&mut tx, tenant, Some(0), &wanted(), OwnAddress::DoesNotMatter)
        .await
        .expect("set");
    let shown: Vec<String> = first.ip_allow_list.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["192.0.2.0/24", "198.51.100.7/32"]);
    assert_eq!(first.version, 1);
    assert_eq!(get(&mut tx, tenant).await.expect("readable"), first);
    let stale = put(&mut tx, tenant, Some(0), &wanted(), OwnAddress::DoesNotMatter).await;
    assert!(matches!(stale, Err(SecurityPolicyError::VersionMismatch)));
    let same = put(&mut tx, tenant, Some(1), &wanted(), OwnAddress::DoesNotMatter)
        .await
        .expect("the same");
    assert_eq!(same.version, 1, "nothing changed");
    tx.commit().await.expect("committed");
    let events = db.audit(tenant).await;
    let [event] = &*events else { panic!("{events:?}") };
    let fields: Vec<&str> = event.changes.iter().map(|change| change.field.as_str()).collect();
    let all = [
        "ipAllowList",
        "allowedOrigins",
        "sessionIdleMinutes",
        "sessionLifetimeHours",
    ];
    assert_eq!(fields, all);
    assert_eq!(event.changes[1].new_value[0], "https://app.example.com");
}

#[tokio::test]
async fn says_everything_that_is_wrong_with_it() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let wrong = NewSecurityPolicy {
        ip_allow_list: vec!["192.0.2.0/24".into(), "192.0.2.7/24".into(), "nonsense".into()],
        allowed_origins: vec!["https://*.example.com".into()],
        session_idle_minutes: 4,
        session_lifetime_hours: 24 * 90 + 1,
        ..wanted()
    };
    let refused = set(&db, tenant, &wrong).await.expect_err("wrong");
    let expected = [
        "/ipAllowList/1",
        "/ipAllowList/2",
        "/allowedOrigins/0",
        "/sessionIdleMinutes",
        "/sessionLifetimeHours",
    ];
    assert_eq!(pointers(refused), expected);
    let many = |count: u32| NewSecurityPolicy {
        ip_allow_list: (0..count)
            .map(|number| std::net::Ipv4Addr::from(number).to_string())
            .collect(),
        ..wanted()
    };
    assert_eq!(
        pointers(set(&db, tenant, &many(201)).await.expect_err("too many")),
        ["/ipAllowList"]
    );
    assert_eq!(
        set(&db, tenant, &many(200))
            .await
            .expect("enough")
            .ip_allow_list
            .len(),
        200
    );
    let unknown = db.databases().seams().new_id();
    assert!(matches!(
        set(&db, unknown, &wanted()).await,
        Err(SecurityPolicyError::NotFound)
    ));
}

#[tokio::test]
async fn nobody_shuts_himself_out_unless_he_means_it() {
    let db = TestDatabase::new().await;
    let ctx = new_tenant(&db).await;
    let tenant = ctx.tenant_id();
    for (address, inside) in [
        ("192.0.2.9", true),
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("2001:db8::1", false),
    ] {
        let mut tx = from(&db, &ctx, address)
            .control()
            .await
            .expect("the control plane answers");
        let outcome = put(&mut tx, tenant, None, &wanted(), OwnAddress::MustStayIn).await;
        assert_eq!(outcome.is_ok(), inside, "{address}");
    }
    let mut tx = ctx.control().await.expect("the control plane answers");
    let unknown = put(&mut tx, tenant, None, &wanted(), OwnAddress::MustStayIn).await;
    assert_eq!(pointers(unknown.expect_err("no address")), ["/ipAllowList"]);
    put(&mut tx, tenant, None, &wanted(), OwnAddress::DoesNotMatter)
        .await
        .expect("meant");
}

#[tokio::test]
async fn one_tenant_neither_sees_nor_sets_anothers() {
    let db = TestDatabase::new().await;
    let (ctx, other) = (new_tenant(&db).await, new_tenant(&db).await.tenant_id());
    set(&db, other, &wanted()).await.expect("set");
    let mut tx = ctx.control().await.expect("the control plane answers");
    assert_eq!(
        get(&mut tx, other).await.expect("readable"),
        SecurityPolicy::default()
    );
    let open = NewSecurityPolicy {
        ip_allow_list: Vec::new(),
        ..wanted()
    };
    let outcome = put(&mut tx, other, None, &open, OwnAddress::DoesNotMatter).await;
    assert!(
        matches!(outcome, Err(SecurityPolicyError::NotFound)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn two_who_set_it_at_once_get_two_versions() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let other = NewSecurityPolicy {
        session_idle_minutes: 61,
        ..wanted()
    };
    let (first, second) = (wanted(), other);
    let (first, second) = tokio::join!(set(&db, tenant, &first), set(&db, tenant, &second));
    let mut versions = [first.expect("set").version, second.expect("set").version];
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
}

/// An open session of two weeks, begun an hour ago.
async fn session(db: &TestDatabase, tenant: TenantId, person: uuid::Uuid, kind: &str) -> uuid::Uuid {
    let mut tx = platform(db).await;
    let (id, now) = (tx.new_id::<SessionEntity>().uuid(), tx.now());
    sqlx::query(
        "insert into control.sessions
             (id, tenant_id, person_id, kind, stage, created_at, last_seen_at, idle_seconds, expires_at)
         values ($1, $2, $3, $4, 'open', $5 - interval '1 hour', $5, 86400, $5 + interval '14 days')",
    )
    .bind(id)
    .bind(tenant)
    .bind(person)
    .bind(kind)
    .bind(now)
    .execute(tx.conn())
    .await
    .expect("a session");
    tx.commit().await.expect("committed");
    id
}

async fn state(db: &TestDatabase, id: uuid::Uuid) -> (String, i32, Timestamp, Option<String>) {
    let mut tx = platform(db).await;
    let living =
        "select stage, idle_seconds, least(expires_at, waiting_until), end_reason from control.sessions
                  where id = $1";
    sqlx::query_as(living)
        .bind(id)
        .fetch_one(tx.conn())
        .await
        .expect("the session")
}

#[tokio::test]
async fn a_stricter_policy_holds_for_open_sessions() {
    let db = TestDatabase::new().await;
    let (tenant, other) = (
        new_tenant(&db).await.tenant_id(),
        new_tenant(&db).await.tenant_id(),
    );
    let (ada, stranger) = (
        owner(&db, tenant).await.id.uuid(),
        owner(&db, other).await.id.uuid(),
    );
    let (browser, program) = (
        session(&db, tenant, ada, "cookie").await,
        session(&db, tenant, ada, "token").await,
    );
    let foreign = session(&db, other, stranger, "cookie").await;
    let untouched = state(&db, foreign).await;
    set(&db, tenant, &wanted()).await.expect("set");
    for id in [browser, program] {
        let (stage, idle, expires, ended) = state(&db, id).await;
        assert_eq!((stage.as_str(), idle, ended), ("open", 3600, None));
        assert!(expires < untouched.2);
    }
    let strict = NewSecurityPolicy {
        mfa_required: true,
        ..wanted()
    };
    set(&db, tenant, &strict).await.expect("set");
    let (stage, _, expires, ended) = state(&db, browser).await;
    assert_eq!((stage.as_str(), ended), ("enrolment", None));
    let soon = db
        .databases()
        .seams()
        .now()
        .plus(std::time::Duration::from_mins(16));
    assert!(
        expires < soon,
        "who had only a password does not have days to add a factor"
    );
    let mut tx = platform(&db).await;
    let waiting = sessions::get(&mut tx, Id::from_uuid(browser)).await;
    assert!(
        waiting.is_ok(),
        "he has time to add one, however old his session is"
    );
    let (_, _, _, ended) = state(&db, program).await;
    assert_eq!(ended.as_deref(), Some("second_factor_required"));
    assert_eq!(state(&db, foreign).await, untouched);
    let recorded = db.audit(tenant).await;
    let confined: Vec<_> = recorded
        .iter()
        .filter_map(|event| event.metadata.get("sessionsConfined"))
        .collect();
    assert_eq!(confined, [2, 2]);
}

#[tokio::test]
async fn who_has_a_second_factor_stays() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await.id.uuid();
    let open = session(&db, tenant, ada, "token").await;
    let mut tx = platform(&db).await;
    let (id, now) = (tx.new_id::<SessionEntity>().uuid(), tx.now());
    sqlx::query(
        "insert into control.totp_factors (id, tenant_id, person_id, secret_sealed, confirmed_at, created_at)
         values ($1, $2, $3, '', $4, $4)",
    )
    .bind(id)
    .bind(tenant)
    .bind(ada)
    .bind(now)
    .execute(tx.conn())
    .await
    .expect("a factor");
    tx.commit().await.expect("committed");
    let strict = NewSecurityPolicy {
        mfa_required: true,
        ..wanted()
    };
    set(&db, tenant, &strict).await.expect("set");
    let (stage, _, _, ended) = state(&db, open).await;
    assert_eq!((stage.as_str(), ended), ("open", None));
}

#[tokio::test]
async fn what_is_known_costs_no_statement_and_a_change_is_known_at_once() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let node = db.another_node().await;
    let stop = CancellationToken::new();
    let policies = Policies::new(node.databases().clone(), 100);
    let spreading = tokio::spawn(node.databases().clone().spread_news(stop.clone()));
    assert!(
        policies
            .of(tenant)
            .await
            .expect("readable")
            .ip_allow_list
            .is_empty()
    );
    set(&db, tenant, &wanted()).await.expect("set");
    tokio::time::timeout(std::time::Duration::from_secs(1), async {
        while policies
            .of(tenant)
            .await
            .expect("readable")
            .ip_allow_list
            .is_empty()
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("known within a second");
    stop.cancel();
    spreading.await.expect("it ends when told to");

    let policies = Policies::new(node.databases().clone(), 100);
    policies.0.hear(&News::Everything);
    let known = policies.of(tenant).await.expect("readable");
    node.databases().close().await;
    assert_eq!(policies.of(tenant).await.expect("from memory"), known);
    policies.0.hear(&News::Interrupted);
    assert!(
        policies.of(tenant).await.is_err(),
        "what may be stale is not used"
    );
}
