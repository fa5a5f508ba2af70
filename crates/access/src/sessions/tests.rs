use std::time::Duration;

use identity::Person;
use identity::token;
use isolation::Tx as _;
use kernel::{Secret, TenantId};
use sqlx::Row as _;
use testkit::TestDatabase;

use super::{
    Audience, EndReason, Kind, Lifetime, NewSession, Opened, RefreshError, SessionError, Stage, end, end_all,
    end_of, get, list, open, promote, prune, refresh, rotate,
};
use crate::access_tokens::SigningKeys;
use crate::fixture::{member, new_tenant, operator, platform, signing_keys};

struct Stand {
    db: TestDatabase,
    keys: SigningKeys,
    tenant: TenantId,
    ada: Person,
}

impl Stand {
    async fn new() -> Self {
        let db = TestDatabase::new().await;
        let keys = signing_keys(&db).await;
        let tenant = new_tenant(&db).await.tenant_id();
        let ada = member(&db, tenant, "owner").await;
        Self {
            db,
            keys,
            tenant,
            ada,
        }
    }

    async fn open(&self, person: Person, kind: Kind, stage: Stage) -> Opened {
        let mut tx = platform(&self.db).await;
        let new = NewSession {
            person,
            kind,
            stage,
            lifetime: Lifetime::default(),
        };
        let opened = open(&mut tx, &self.keys, new).await.expect("opened");
        tx.commit().await.expect("committed");
        opened
    }

    /// Refreshes as the edge does: a refusal that ends the session is committed.
    async fn refresh(&self, presented: &Secret<String>) -> Result<Opened, RefreshError> {
        let mut tx = platform(&self.db).await;
        let outcome = refresh(&mut tx, &self.keys, Audience::Tenant(None), presented).await;
        if !matches!(outcome, Err(RefreshError::Refused | RefreshError::Session(_))) {
            tx.commit().await.expect("committed");
        }
        outcome
    }

    async fn is_open(&self, opened: &Opened) -> bool {
        let mut tx = platform(&self.db).await;
        get(&mut tx, opened.session.id).await.is_ok()
    }

    async fn events(&self) -> Vec<String> {
        let trail = self.db.audit(self.tenant).await;
        trail.into_iter().map(|event| event.event_type).collect()
    }
}

fn refresh_token(opened: &Opened) -> &Secret<String> {
    &opened.tokens.as_ref().expect("tokens").refresh
}

#[tokio::test]
async fn only_hashes_are_stored() {
    let stand = Stand::new().await;
    let cookie = stand.open(stand.ada, Kind::Cookie, Stage::Open).await;
    let program = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let secret = cookie.secret.as_ref().expect("a cookie").expose();
    assert!(token::is_minted("tny_session_", secret) && cookie.tokens.is_none());
    assert!(token::is_minted("tny_refresh_", refresh_token(&program).expose()) && program.secret.is_none());
    let mut connection = stand.db.superuser().await;
    for table in ["sessions", "refresh_tokens"] {
        let query = sqlx::AssertSqlSafe(format!("select t::text as row from control.{table} t"));
        for row in sqlx::query(query).fetch_all(&mut connection).await.expect("rows") {
            let text: String = row.get("row");
            assert!(!text.contains("tny_"), "{text}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_former_session_has_a_part_in_a_new_one() {
    let stand = Stand::new().await;
    let (one, other) = (
        stand.open(stand.ada, Kind::Cookie, Stage::Open).await,
        stand.open(stand.ada, Kind::Cookie, Stage::Open).await,
    );
    assert_ne!(one.secret, other.secret);
    assert_ne!(one.session.id, other.session.id);
    let mut tx = platform(&stand.db).await;
    let rotated = rotate(&mut tx, &stand.keys, one.session.id).await.expect("open");
    assert_ne!(rotated.secret, one.secret);
    assert_eq!(rotated.session.id, one.session.id);
}

#[tokio::test]
async fn a_session_is_promoted_once_in_time() {
    let stand = Stand::new().await;
    let waiting = stand.open(stand.ada, Kind::Cookie, Stage::SecondFactor).await;
    let id = waiting.session.id;
    let mut one = platform(&stand.db).await;
    let promoted = promote(&mut one, &stand.keys, id).await.expect("promoted");
    assert_eq!(promoted.session.stage, Stage::Open);
    assert_ne!(promoted.secret, waiting.secret);
    let (db, keys) = (stand.db.databases().clone(), stand.keys.clone());
    let racing = tokio::spawn(async move {
        let mut other = db.system("test").control().await.expect("answers");
        promote(&mut other, &keys, id).await.map(drop)
    });
    one.commit().await.expect("committed");
    assert!(matches!(racing.await.expect("ran"), Err(SessionError::NotFound)));

    let late = stand.open(stand.ada, Kind::Cookie, Stage::Enrolment).await;
    stand.db.clock().advance_seconds(15 * 60);
    let mut tx = platform(&stand.db).await;
    let refused = promote(&mut tx, &stand.keys, late.session.id).await;
    assert!(matches!(refused, Err(SessionError::NotFound)));
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let stand = Stand::new().await;
    let first = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let second = stand.refresh(refresh_token(&first)).await.expect("fresh");
    let third = stand.refresh(refresh_token(&second)).await.expect("fresh");
    assert_eq!(third.session.id, first.session.id);
    let reused = stand.refresh(refresh_token(&first)).await;
    assert!(matches!(reused, Err(RefreshError::Reused)), "{reused:?}");
    assert!(!stand.is_open(&first).await);
    let after = stand.refresh(refresh_token(&third)).await;
    assert!(
        matches!(after, Err(RefreshError::Refused)),
        "the whole family is ended"
    );
    let again = stand.refresh(refresh_token(&first)).await;
    assert!(matches!(again, Err(RefreshError::Refused)), "it is told once");
    assert_eq!(stand.events().await, ["auth.refresh_token_reused"]);
}

#[tokio::test]
async fn of_two_refreshes_at_the_same_time_one_succeeds_and_the_family_ends() {
    let stand = Stand::new().await;
    let first = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let presented = refresh_token(&first);
    let (one, other) = tokio::join!(stand.refresh(presented), stand.refresh(presented));
    let fresh = usize::from(one.is_ok()) + usize::from(other.is_ok());
    let reused = [&one, &other].map(|outcome| matches!(outcome, Err(RefreshError::Reused)));
    assert_eq!((fresh, reused.contains(&true)), (1, true), "{one:?} {other:?}");
    assert!(!stand.is_open(&first).await);
}

#[tokio::test]
async fn a_refresh_token_is_for_its_own_door() {
    let stand = Stand::new().await;
    let stranger = new_tenant(&stand.db).await.tenant_id();
    let olga = operator(&stand.db, &["*"]).await;
    let (hers, operators) = (
        stand.open(stand.ada, Kind::Token, Stage::Open).await,
        stand.open(olga, Kind::Token, Stage::Open).await,
    );
    for (at, session) in [
        (Audience::Tenant(Some(stranger)), &hers),
        (Audience::Platform, &hers),
        (Audience::Tenant(None), &operators),
    ] {
        let mut tx = platform(&stand.db).await;
        let refused = refresh(&mut tx, &stand.keys, at, refresh_token(session)).await;
        assert!(matches!(refused, Err(RefreshError::Refused)), "{at:?}");
        tx.commit().await.expect("committed");
    }
    for (at, session) in [
        (Audience::Tenant(Some(stand.tenant)), &hers),
        (Audience::Platform, &operators),
    ] {
        let mut tx = platform(&stand.db).await;
        let fresh = refresh(&mut tx, &stand.keys, at, refresh_token(session)).await;
        assert!(fresh.is_ok(), "it was not used up: {fresh:?}");
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_or_not_any_more_is_refused() {
    let stand = Stand::new().await;
    let session = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let cookie = stand.open(stand.ada, Kind::Cookie, Stage::Open).await;
    for text in [
        "",
        "tny_refresh_",
        cookie.secret.as_ref().expect("a cookie").expose(),
    ] {
        let refused = stand.refresh(&Secret::new(text.to_owned())).await;
        assert!(matches!(refused, Err(RefreshError::Refused)), "{text}");
    }
    stand.db.clock().advance_seconds(31 * 60);
    let idle = stand.refresh(refresh_token(&session)).await;
    assert!(matches!(idle, Err(RefreshError::Refused)), "unused for too long");
    let shut_out = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let mut tx = platform(&stand.db).await;
    let update = sqlx::query("update control.users set status = 'deactivated'");
    update.execute(tx.conn()).await.expect("updated");
    tx.commit().await.expect("committed");
    let refused = stand.refresh(refresh_token(&shut_out)).await;
    assert!(matches!(refused, Err(RefreshError::Refused)), "{refused:?}");
}

#[tokio::test]
async fn somebody_ends_his_own_sessions_only() {
    let stand = Stand::new().await;
    let eve = member(&stand.db, stand.tenant, "owner").await;
    let (one, two, three) = (
        stand.open(stand.ada, Kind::Cookie, Stage::Open).await,
        stand.open(stand.ada, Kind::Token, Stage::Open).await,
        stand.open(stand.ada, Kind::Cookie, Stage::SecondFactor).await,
    );
    let hers = stand.open(eve, Kind::Cookie, Stage::Open).await;
    let mut tx = platform(&stand.db).await;
    let refused = end_of(&mut tx, eve, one.session.id, EndReason::Revoked).await;
    assert!(matches!(refused, Err(SessionError::NotFound)));
    assert_eq!(list(&mut tx, stand.ada).await.expect("listed").len(), 3);
    let count = end_all(&mut tx, stand.ada, Some(one.session.id), EndReason::Revoked).await;
    assert_eq!(count.expect("ended"), 2);
    end_of(&mut tx, stand.ada, one.session.id, EndReason::Logout)
        .await
        .expect("his own");
    let again = end(&mut tx, one.session.id, EndReason::Logout).await;
    assert!(matches!(again, Err(SessionError::NotFound)));
    tx.commit().await.expect("committed");
    for ended in [&one, &two, &three] {
        assert!(!stand.is_open(ended).await);
    }
    assert!(stand.is_open(&hers).await);
    assert_eq!(stand.events().await, ["auth.session_ended", "auth.logged_out"]);
}

/// The wall between tenants holds where a tenant's own caller looks.
#[tokio::test]
async fn another_tenants_sessions_are_not_there() {
    let stand = Stand::new().await;
    let session = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let stranger = new_tenant(&stand.db).await;
    let mut tx = stranger.control().await.expect("answers");
    assert!(matches!(
        get(&mut tx, session.session.id).await,
        Err(SessionError::NotFound)
    ));
    assert!(list(&mut tx, stand.ada).await.expect("listed").is_empty());
    let ended = end_all(&mut tx, stand.ada, None, EndReason::Revoked).await;
    assert_eq!(ended.expect("nothing to do"), 0);
    let own = |tx| refresh(tx, &stand.keys, Audience::Tenant(None), refresh_token(&session));
    assert!(matches!(own(&mut tx).await, Err(RefreshError::Refused)));
}

/// A service that only checks the signature learns of a session's end from its tokens.
#[tokio::test]
async fn no_access_token_outlives_its_session() {
    let stand = Stand::new().await;
    let mut tx = platform(&stand.db).await;
    let short = NewSession {
        person: stand.ada,
        kind: Kind::Token,
        stage: Stage::Open,
        lifetime: Lifetime {
            absolute: Duration::from_mins(4),
            ..Lifetime::default()
        },
    };
    let opened = open(&mut tx, &stand.keys, short).await.expect("opened");
    let tokens = opened.tokens.expect("tokens");
    assert!((239..=240).contains(&tokens.expires_in), "{}", tokens.expires_in);
    let claims = stand.keys.check(tokens.access.expose()).expect("ours");
    assert!((239..=240).contains(&(claims.exp - claims.iat)));
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten() {
    let stand = Stand::new().await;
    let session = stand.open(stand.ada, Kind::Token, Stage::Open).await;
    let rows = async || {
        let mut tx = platform(&stand.db).await;
        let count =
            "select (select count(*) from control.sessions) + (select count(*) from control.refresh_tokens)";
        let count: i64 = sqlx::query_scalar(count)
            .fetch_one(tx.conn())
            .await
            .expect("counted");
        count
    };
    stand.db.clock().advance_seconds(29 * 24 * 3600);
    prune(stand.db.system()).await.expect("done");
    assert_eq!(rows().await, 2);
    stand.db.clock().advance_seconds(2 * 24 * 3600);
    prune(stand.db.system()).await.expect("done");
    assert_eq!(rows().await, 0);
    assert!(session.session.expires_at < stand.db.databases().seams().now().plus(Duration::ZERO));
}
