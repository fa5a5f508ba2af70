use std::time::Duration;

use isolation::{Databases, News, Tx as _};
use kernel::{ActorKind, Grants, Permission, Secret, TenantId, Timestamp};
use sqlx::Executor as _;
use testkit::TestDatabase;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{AuthError, Authenticator, Credential, Means};
use crate::access_tokens::SigningKeys;
use crate::fixture::{ISSUER, key, new_tenant, owner, platform, wanted};
use identity::Overlap;
use identity::api_keys::{self, NewApiKey};

mod sessions;

/// A door that nobody keeps fresh: it asks the database every time.
fn door(databases: &Databases) -> Authenticator {
    let keys = SigningKeys::new(databases.clone(), ISSUER);
    Authenticator::new(databases.clone(), keys)
}

/// A door with the tasks behind it.
struct Door {
    keeper: Authenticator,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Door {
    async fn open(databases: &Databases) -> Self {
        let (keeper, stop) = (door(databases), CancellationToken::new());
        let tasks = vec![
            tokio::spawn(databases.clone().spread_news(stop.clone())),
            tokio::spawn(keeper.clone().run(stop.clone())),
        ];
        let opened = Self { keeper, stop, tasks };
        opened.until_trusted(true, Duration::from_secs(10)).await;
        opened
    }

    async fn until_trusted(&self, trusted: bool, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.keeper.0.known.is_trusted() != trusted {
            assert!(
                Instant::now() < deadline,
                "the memory should be trusted: {trusted}"
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn lets_in(&self, secret: &Secret<String>) -> bool {
        match self.keeper.authenticate(secret.expose()).await {
            Ok(_) => true,
            Err(AuthError::Refused) => false,
            Err(AuthError::Database(error)) => panic!("{error}"),
        }
    }

    async fn refuses_within_a_second(&self, secret: &Secret<String>) {
        let deadline = Instant::now() + Duration::from_secs(1);
        while self.lets_in(secret).await {
            assert!(Instant::now() < deadline, "the key still works after a second");
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn close(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("the task ends");
        }
    }
}

async fn own_role(db: &TestDatabase, tenant: TenantId, name: &str, permissions: &[&str]) {
    let mut tx = platform(db).await;
    let insert =
        "insert into control.roles (tenant_id, name, description, permissions, created_at, updated_at)
                  values ($1, $2, '', $3, now(), now())";
    let permissions: Vec<String> = permissions.iter().map(ToString::to_string).collect();
    let insert = sqlx::query(insert).bind(tenant).bind(name).bind(permissions);
    insert.execute(tx.conn()).await.expect("a role");
    tx.commit().await.expect("committed");
}

async fn last_used(db: &TestDatabase) -> Vec<Option<Timestamp>> {
    let mut tx = platform(db).await;
    sqlx::query_scalar("select last_used_at from control.api_keys order by id")
        .fetch_all(tx.conn())
        .await
        .expect("the keys")
}

#[tokio::test]
async fn says_who_he_is_and_what_he_may_do() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (stored, secret) = key(&db, tenant, wanted("ci", &["projects:read"], None)).await;
    let door = door(db.databases());
    let Ok(Credential::Tenant(caller)) = door.authenticate(secret.expose()).await else {
        panic!("the key does not work")
    };
    assert_eq!(
        (caller.means, caller.tenant, caller.user_id),
        (Means::ApiKey(stored.id), tenant, None)
    );
    assert_eq!(caller.grants, Grants::none().with(Permission::ProjectsRead));
    assert_eq!(
        (caller.actor.kind, &caller.actor.id),
        (ActorKind::ApiKey, &stored.id.to_string())
    );
}

#[tokio::test]
async fn whatever_is_wrong_is_refused_alike() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (stored, secret) = key(&db, tenant, wanted("ci", &["*"], None)).await;
    let door = door(db.databases());
    let good = secret.expose();
    let mut wrong = good.clone();
    let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
    wrong.push(last);
    let longer = format!("{good}A");
    let other_tag = good.replace("tny_", "tny_admin_");
    let presented = [
        "",
        "tny_",
        "x",
        &stored.prefix,
        &good[..46],
        &longer,
        &wrong,
        &other_tag,
        &good.to_uppercase(),
    ];
    for text in presented {
        assert!(
            matches!(door.authenticate(text).await, Err(AuthError::Refused)),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_known_key_costs_no_statement() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (_, secret) = key(&db, tenant, wanted("ci", &["*"], None)).await;
    let node = db.another_node().await;
    let door = Door::open(node.databases()).await;
    assert!(door.lets_in(&secret).await);
    // The feed has a connection of its own; requests have none any more.
    node.databases().close().await;
    for _ in 0..100 {
        assert!(door.lets_in(&secret).await);
    }
    assert!(matches!(
        door.keeper.authenticate("tny_unknown").await,
        Err(AuthError::Database(_))
    ));
    door.close().await;
}

#[tokio::test]
async fn a_revoked_or_rotated_key_ends_on_every_node_within_a_second() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (revoked, revoked_secret) = key(&db, tenant, wanted("revoked", &["*"], None)).await;
    let (rotated, rotated_secret) = key(&db, tenant, wanted("rotated", &["*"], None)).await;
    let (_, kept) = key(&db, tenant, wanted("kept", &["*"], None)).await;
    let node = db.another_node().await;
    let door = Door::open(node.databases()).await;
    for secret in [&revoked_secret, &rotated_secret, &kept] {
        assert!(door.lets_in(secret).await);
    }
    let mut tx = platform(&db).await;
    let at_once = Overlap::of(Duration::ZERO).expect("short enough");
    api_keys::revoke(&mut tx, tenant, revoked.id)
        .await
        .expect("revoked");
    let (_, successor) = api_keys::rotate(&mut tx, tenant, Grants::all(), rotated.id, at_once)
        .await
        .expect("rotated");
    assert!(door.lets_in(&revoked_secret).await, "nothing was committed yet");
    tx.commit().await.expect("committed");
    door.refuses_within_a_second(&revoked_secret).await;
    door.refuses_within_a_second(&rotated_secret).await;
    assert!(door.lets_in(&kept).await && door.lets_in(&successor).await);
    door.close().await;
}

#[tokio::test]
async fn who_is_told_that_a_key_is_revoked_meets_no_memory_of_it() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let door = Door::open(db.databases()).await;
    for _ in 0..20 {
        let (stored, secret) = key(&db, tenant, wanted("ci", &["*"], None)).await;
        assert!(door.lets_in(&secret).await);
        let mut tx = platform(&db).await;
        api_keys::revoke(&mut tx, tenant, stored.id)
            .await
            .expect("revoked");
        tx.commit().await.expect("committed");
        assert!(
            !door.lets_in(&secret).await,
            "served from memory after the answer"
        );
    }
    door.close().await;
}

#[tokio::test]
async fn while_the_news_are_interrupted_the_database_is_asked() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (_, secret) = key(&db, tenant, wanted("ci", &["*"], None)).await;
    let node = db.another_node().await;
    let door = Door::open(node.databases()).await;
    assert!(door.lets_in(&secret).await);
    let mut superuser = db.superuser().await;
    let silence = "update control.api_keys set revoked_at = now()";
    // Nothing announces this change, so only a memory that is not asked can miss it.
    superuser.execute(silence).await.expect("updated");
    assert!(door.lets_in(&secret).await, "it was in memory");
    let mut news = node.databases().subscribe();
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and usename = 'tenantry_app'";
    superuser.execute(kill).await.expect("the superuser may do this");
    while news.next().await != News::Interrupted {}
    let deadline = Instant::now() + Duration::from_secs(5);
    // The door hears of it in the same moment, perhaps after us; the pool's own connections were ended too, which it
    // notices at their next use.
    while !matches!(
        door.keeper.authenticate(secret.expose()).await,
        Err(AuthError::Refused)
    ) {
        assert!(
            Instant::now() < deadline,
            "an entry from before the interruption is served"
        );
        sleep(Duration::from_millis(5)).await;
    }
    door.until_trusted(true, Duration::from_secs(10)).await;
    assert!(!door.lets_in(&secret).await);
    door.close().await;
}

#[tokio::test]
async fn a_key_in_memory_ends_at_its_time() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let end = db.databases().seams().now().plus(Duration::from_hours(1));
    let (_, secret) = key(&db, tenant, wanted("ci", &["*"], Some(end))).await;
    let door = Door::open(db.databases()).await;
    assert!(door.lets_in(&secret).await);
    db.clock().advance_seconds(3601);
    assert!(!door.lets_in(&secret).await);
    door.close().await;
}

#[tokio::test]
async fn who_acts_as_a_person_never_may_more_than_he() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let ada = owner(&db, tenant).await;
    let new = NewApiKey {
        user_id: Some(ada.id),
        ..wanted("hers", &["*"], None)
    };
    let (_, secret) = key(&db, tenant, new).await;
    let door = door(db.databases());
    own_role(&db, tenant, "builder", &["projects:write"]).await;
    own_role(&db, tenant, "of_old", &["castles:write"]).await;
    for (status, role, may_write) in [
        ("invited", "owner", None),
        ("active", "builder", Some(true)),
        ("active", "owner", Some(true)),
        ("active", "viewer", Some(false)),
        ("active", "of_old", Some(false)),
        ("deactivated", "owner", None),
    ] {
        let mut tx = platform(&db).await;
        let update = sqlx::query("update control.users set status = $1, role = $2")
            .bind(status)
            .bind(role);
        update.execute(tx.conn()).await.expect("updated");
        tx.commit().await.expect("committed");
        let allowed = match door.authenticate(secret.expose()).await {
            Ok(Credential::Tenant(caller)) => {
                assert_eq!(caller.actor.on_behalf_of, Some(ada.id.to_string()));
                Some(caller.grants.contains(Permission::ProjectsWrite))
            }
            Ok(Credential::Admin(_)) => panic!("a tenant's key"),
            Err(_) => None,
        };
        assert_eq!(allowed, may_write, "{status} {role}");
    }
}

#[tokio::test]
async fn the_last_use_is_written_together_and_at_the_end() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let (_, used) = key(&db, tenant, wanted("used", &["*"], None)).await;
    key(&db, tenant, wanted("unused", &["*"], None)).await;
    let door = Door::open(db.databases()).await;
    assert!(door.lets_in(&used).await);
    assert_eq!(last_used(&db).await, [None, None], "no request writes");
    door.keeper.write_usage().await;
    let first = last_used(&db).await;
    assert!(first[0].is_some() && first[1].is_none(), "{first:?}");
    db.clock().advance_seconds(60);
    assert!(door.lets_in(&used).await);
    door.close().await;
    assert!(last_used(&db).await[0] > first[0]);
}
