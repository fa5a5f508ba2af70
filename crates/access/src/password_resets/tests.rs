use identity::{Email, Password, Person};
use isolation::{PlatformCtx, Tx as _};
use jobs::Run;
use kernel::{Secret, TenantId};
use tokio::task::JoinSet;

use super::*;
use crate::login::LoginError;
use crate::login::fixture::{ADA, RIGHT, Stage};

const HERE: &str = "203.0.113.1";

fn resets(stage: &Stage) -> PasswordResets {
    PasswordResets::new(Means {
        hasher: stage.hasher.clone(),
        throttle: Throttle::new(stage.db.databases().master()),
        links: LinkBase::new(
            "https://app.example.com".parse().expect("a URL"),
            Some("tenants.example.com".parse().expect("a domain")),
        ),
        mail_from: "Tenantry <no-reply@example.com>".parse().expect("a mailbox"),
    })
}

fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).expect("good")
}

/// Asks for a link, and does the jobs that this left.
async fn ask(stage: &Stage, tenant: Option<TenantId>, email: &str) {
    let email: Email = email.parse().expect("an address");
    let resets = resets(stage);
    resets
        .request(&stage.visitor(HERE), tenant, &email)
        .await
        .expect("taken");
    let mut tx = stage.db.system().control().await.expect("the control plane");
    let waiting: Vec<(uuid::Uuid, serde_json::Value)> = sqlx::query_as(
        "update control.jobs set status = 'done' where kind = 'password_resets.send' and status = 'queued'
         returning id, payload",
    )
    .fetch_all(tx.conn())
    .await
    .expect("jobs");
    tx.commit().await.expect("committed");
    for (id, payload) in waiting {
        assert!(
            !payload.to_string().contains("example"),
            "the address is sealed: {payload}"
        );
        let run = Run {
            ctx: stage.db.system(),
            job: kernel::Id::from_uuid(id),
            tenant,
            attempt: 1,
            last: false,
        };
        let job = serde_json::from_value(payload).expect("a job");
        resets.send(run, job).await.expect("done");
    }
}

/// The links that were mailed, oldest first.
async fn links(stage: &Stage) -> Vec<String> {
    let mut connection = stage.db.superuser().await;
    let bodies: Vec<String> =
        sqlx::query_scalar("select body from control.mails where subject like 'Set%' order by id")
            .fetch_all(&mut connection)
            .await
            .expect("mails");
    let link = |body: &String| {
        let at = body.find("http").expect("a link");
        body[at..].split(['\\', '"']).next().expect("its end").to_owned()
    };
    bodies.iter().map(link).collect()
}

fn token(link: &str) -> Secret<String> {
    Secret::new(link.split_once('#').expect("a secret part").1.to_owned())
}

async fn redeem(stage: &Stage, link: &str, new: &str) -> Result<(), PasswordResetError> {
    resets(stage)
        .redeem(&stage.visitor(HERE), &token(link), password(new))
        .await
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_all_sessions() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    stage.try_in(&realm, ADA, RIGHT, HERE).await.expect("in");
    ask(&stage, Some(tenant), "Ada@Example.com").await;
    let link = links(&stage).await.remove(0);
    let place = format!("https://t{}.tenants.example.com/password-reset#", tenant.hex());
    assert!(link.starts_with(&place), "{link}");
    let stored = stage
        .text("select encode(token_hash, 'hex') from control.password_resets")
        .await;
    assert_eq!(
        stored,
        identity::token::hex(&identity::token::hash(token(&link).expose()))
    );
    redeem(&stage, &link, "another horse battery").await.expect("set");
    let again = redeem(&stage, &link, "third horse battery").await;
    assert!(matches!(again, Err(PasswordResetError::NotFound)), "{again:?}");
    let open = "select count(*)::text from control.sessions where ended_at is null";
    assert_eq!(stage.text(open).await, "0");
    let old = stage.try_in(&realm, ADA, RIGHT, HERE).await;
    assert!(matches!(old, Err(LoginError::Invalid)), "{old:?}");
    stage
        .try_in(&realm, ADA, "another horse battery", HERE)
        .await
        .expect("in by the new one");
    let kinds: Vec<_> = stage
        .db
        .audit(tenant)
        .await
        .into_iter()
        .map(|event| event.event_type)
        .collect();
    for kind in [
        "auth.password_reset_requested",
        "auth.password_changed",
        "auth.session_ended",
    ] {
        assert!(kinds.iter().any(|known| known == kind), "{kind} in {kinds:?}");
    }
    let notices = "select count(*)::text from control.mails where subject = 'Your password was changed'";
    assert_eq!(stage.text(notices).await, "1");
}

#[tokio::test]
async fn of_many_at_once_one_uses_the_link() {
    let stage = std::sync::Arc::new(Stage::new().await);
    let (tenant, _) = stage.tenant().await;
    ask(&stage, Some(tenant), ADA).await;
    let link = links(&stage).await.remove(0);
    let mut attempts = JoinSet::new();
    for number in 0..8 {
        let (stage, link) = (std::sync::Arc::clone(&stage), link.clone());
        attempts.spawn(async move {
            redeem(&stage, &link, &format!("horse battery number {number}"))
                .await
                .is_ok()
        });
    }
    let used = attempts.join_all().await.into_iter().filter(|used| *used).count();
    assert_eq!(used, 1);
}

#[tokio::test]
async fn only_the_newest_link_is_good_and_for_an_hour() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    ask(&stage, Some(tenant), ADA).await;
    ask(&stage, Some(tenant), ADA).await;
    let sent = links(&stage).await;
    let older = redeem(&stage, &sent[0], "another horse battery").await;
    assert!(matches!(older, Err(PasswordResetError::NotFound)), "{older:?}");
    stage.db.clock().advance_seconds(3601);
    let late = redeem(&stage, &sent[1], "another horse battery").await;
    assert!(matches!(late, Err(PasswordResetError::NotFound)), "{late:?}");
    prune(stage.db.system()).await.expect("pruned");
    assert_eq!(
        stage
            .text("select count(*)::text from control.password_resets")
            .await,
        "0"
    );
}

#[tokio::test]
async fn nothing_is_mailed_to_who_cannot_come_in_and_no_more_than_a_few_to_anybody() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    ask(&stage, Some(tenant), "nobody@example.com").await;
    ask(&stage, None, ADA).await;
    stage
        .execute("update control.users set status = 'deactivated'")
        .await;
    ask(&stage, Some(tenant), ADA).await;
    stage
        .execute(
            "update control.users set status = 'active'; update control.tenants set status = 'suspended'",
        )
        .await;
    ask(&stage, Some(tenant), ADA).await;
    assert_eq!(links(&stage).await, Vec::<String>::new());
    stage
        .execute("update control.tenants set status = 'active'; delete from control.login_failures")
        .await;
    for _ in 0..10 {
        ask(&stage, Some(tenant), ADA).await;
    }
    assert_eq!(links(&stage).await.len(), 3);
}

#[tokio::test]
async fn an_operators_link_leads_to_the_platform() {
    let stage = Stage::new().await;
    stage.operator().await;
    ask(&stage, None, ADA).await;
    let link = links(&stage).await.remove(0);
    assert!(
        link.starts_with("https://app.example.com/admin/password-reset#"),
        "{link}"
    );
    redeem(&stage, &link, "another horse battery").await.expect("set");
    stage
        .try_in(
            &crate::login::Realm::Operators,
            ADA,
            "another horse battery",
            HERE,
        )
        .await
        .expect("in by the new one");
}

#[tokio::test]
async fn a_link_frees_its_owner_from_a_block() {
    let stage = Stage::new().await;
    let (tenant, _) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    for _ in 0..5 {
        let _ = stage.try_in(&realm, ADA, "wrong horse battery", HERE).await;
    }
    ask(&stage, Some(tenant), ADA).await;
    let link = links(&stage).await.remove(0);
    redeem(&stage, &link, "another horse battery").await.expect("set");
    stage
        .try_in(&realm, ADA, "another horse battery", HERE)
        .await
        .expect("not blocked any more");
}

#[tokio::test]
async fn a_change_needs_the_present_password_and_ends_the_other_sessions() {
    let stage = Stage::new().await;
    let (tenant, ada) = stage.tenant().await;
    let realm = stage.realm(tenant).await;
    let own = stage
        .try_in(&realm, ADA, RIGHT, HERE)
        .await
        .expect("in")
        .opened
        .session
        .id;
    stage
        .try_in(&realm, ADA, RIGHT, HERE)
        .await
        .expect("in elsewhere");
    ask(&stage, Some(tenant), ADA).await;
    let change =
        async |present: &str, new: &str| change(&stage.visitor(HERE), &stage, ada, own, present, new).await;
    let refused = change("wrong horse battery", "another horse battery").await;
    assert!(
        matches!(refused, Err(PasswordResetError::WrongPassword)),
        "{refused:?}"
    );
    change(RIGHT, "another horse battery").await.expect("changed");
    let left = stage
        .text("select string_agg(id::text, ' ') from control.sessions where ended_at is null")
        .await;
    assert_eq!(left, own.uuid().to_string());
    let link = links(&stage).await.remove(0);
    let waiting = redeem(&stage, &link, "third horse battery").await;
    assert!(
        matches!(waiting, Err(PasswordResetError::NotFound)),
        "{waiting:?}"
    );
    for _ in 0..5 {
        let _ = change(RIGHT, "third horse battery").await;
    }
    let guessing = change("another horse battery", "third horse battery").await;
    assert!(
        matches!(guessing, Err(PasswordResetError::Blocked { .. })),
        "{guessing:?}"
    );
}

async fn change(
    ctx: &PlatformCtx,
    stage: &Stage,
    person: Person,
    session: crate::sessions::SessionId,
    present: &str,
    new: &str,
) -> Result<(), PasswordResetError> {
    let present = Secret::new(present.to_owned());
    resets(stage)
        .change(ctx, (person, session), present, password(new))
        .await
}
