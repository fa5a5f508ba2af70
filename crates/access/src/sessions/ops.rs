//! Opening, listing and ending sessions.

use audit::{Event, EventType};
use identity::token::Hash;
use identity::{Person, token};
use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::JobError;
use kernel::{Secret, Timestamp};

use super::model::{EndReason, Kind, NewSession, Opened, Session, SessionId, Stage, Tokens};
use super::{REFRESH_TAG, SECRET_TAG, SESSION_TOPIC, sql};
use crate::access_tokens::{NoSigningKey, SigningKeys, Subject, TOKEN_LIFETIME};

/// Somebody's software by its own account is kept up to so many characters.
const USER_AGENT_CHARACTERS: usize = 512;
/// A session is kept so long after its end, so that a stolen refresh token is recognised.
const KEPT_DAYS: i64 = 30;

/// Something could not be done with a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no such session, it has ended, or it is somebody else's.
    #[error("no such session")]
    NotFound,
    /// Its person is gone or was shut out.
    #[error("the person may not come in")]
    ShutOut,
    /// There is no key to sign an access token with.
    #[error(transparent)]
    NoSigningKey(#[from] NoSigningKey),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Opens a session for somebody who proved who he is. Nothing he presented before has a part in it.
pub async fn open(tx: &mut ControlTx, keys: &SigningKeys, new: NewSession) -> Result<Opened, SessionError> {
    let now = tx.now();
    let request = tx.request();
    let user_agent = request.user_agent.as_deref();
    let session = Session {
        id: tx.new_id(),
        person: new.person,
        kind: new.kind,
        stage: new.stage,
        current: true,
        ip_address: request.ip.map(|ip| ip.to_canonical().to_string()),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARACTERS).collect()),
        created_at: now,
        last_seen_at: now,
        expires_at: now.plus(new.lifetime.absolute),
    };
    let secret = secret_for(tx, new.kind, new.stage);
    let hash = secret.as_ref().map(|secret| token::hash(secret.expose()));
    let idle = i32::try_from(new.lifetime.idle.as_secs().max(1)).unwrap_or(i32::MAX);
    sql::insert(tx, &session, hash.as_ref(), idle).await?;
    let tokens = tokens_for(tx, keys, &session).await?;
    Ok(Opened {
        session,
        secret,
        tokens,
    })
}

/// Opens a session whose person did what it was waiting for: passed his second factor, or added one. What named it
/// before names nothing any more.
pub async fn promote(tx: &mut ControlTx, keys: &SigningKeys, id: SessionId) -> Result<Opened, SessionError> {
    let waiting = get(tx, id).await?;
    renew(tx, keys, waiting, &["second_factor", "enrolment"]).await
}

/// Gives a browser's open session another secret, because what its person may do has grown. A program's session stays
/// as it is: its next refresh tells what its person may do then.
pub async fn rotate(tx: &mut ControlTx, keys: &SigningKeys, id: SessionId) -> Result<Opened, SessionError> {
    let session = get(tx, id).await?;
    if session.kind == Kind::Cookie {
        return renew(tx, keys, session, &["open"]).await;
    }
    Ok(Opened {
        session: session.of_caller(Some(id)),
        secret: None,
        tokens: None,
    })
}

async fn renew(
    tx: &mut ControlTx,
    keys: &SigningKeys,
    session: Session,
    from_stages: &[&str],
) -> Result<Opened, SessionError> {
    let from_stages: Vec<String> = from_stages.iter().map(|&stage| stage.to_owned()).collect();
    let secret = secret_for(tx, session.kind, Stage::Open);
    let hash = secret.as_ref().map(|secret| token::hash(secret.expose()));
    let former = sql::reopen(tx, session.id, &from_stages, hash.as_ref()).await?;
    announce(tx, &former.ok_or(SessionError::NotFound)?).await?;
    let session = Session {
        stage: Stage::Open,
        current: true,
        last_seen_at: tx.now(),
        ..session
    };
    let tokens = tokens_for(tx, keys, &session).await?;
    Ok(Opened {
        session,
        secret,
        tokens,
    })
}

/// The session, unless it has ended.
pub async fn get(tx: &mut ControlTx, id: SessionId) -> Result<Session, SessionError> {
    let now = tx.now();
    sql::get(tx, id, now).await?.ok_or(SessionError::NotFound)
}

/// The person's sessions that have not ended, newest first; the newest 200 of them.
pub async fn list(tx: &mut ControlTx, person: Person) -> Result<Vec<Session>, SessionError> {
    let now = tx.now();
    Ok(sql::list(tx, person, now).await?)
}

/// Ends the session.
pub async fn end(tx: &mut ControlTx, id: SessionId, reason: EndReason) -> Result<(), SessionError> {
    let former = sql::end(tx, id, reason).await?.ok_or(SessionError::NotFound)?;
    announce(tx, &former).await?;
    let kind = match reason {
        EndReason::Logout => EventType::LoggedOut,
        EndReason::RefreshTokenReused => EventType::RefreshTokenReused,
        _ => EventType::SessionEnded,
    };
    let event = about(kind, former.person(), reason).resource(former.id, None);
    Ok(audit::record(tx, event).await?)
}

/// Ends the session, if it is this person's.
pub async fn end_of(
    tx: &mut ControlTx,
    person: Person,
    id: SessionId,
    reason: EndReason,
) -> Result<(), SessionError> {
    if get(tx, id).await?.person != person {
        return Err(SessionError::NotFound);
    }
    end(tx, id, reason).await
}

/// Ends all of the person's sessions but this one; answers how many.
pub async fn end_all(
    tx: &mut ControlTx,
    person: Person,
    except: Option<SessionId>,
    reason: EndReason,
) -> Result<u64, SessionError> {
    let ended = sql::end_all(tx, person, except, reason).await?;
    for former in &ended {
        announce(tx, former).await?;
    }
    let count = ended.len() as u64;
    if count > 0 {
        let event = about(EventType::SessionEnded, person, reason).meta("sessions", count);
        audit::record(tx, event).await?;
    }
    Ok(count)
}

/// Forgets sessions that ended long ago, with their refresh tokens.
pub(crate) async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let before = tx.now().plus_days(-KEPT_DAYS);
    sql::delete_ended(&mut tx, before).await?;
    Ok(tx.commit().await?)
}

fn about(kind: EventType, person: Person, reason: EndReason) -> Event {
    let event = Event::new(kind)
        .meta("person", person.actor().id)
        .meta("reason", reason.name());
    match person.tenant() {
        Some(tenant) => event.of_tenant(tenant),
        None => event,
    }
}

/// Has every node forget the session under the name that it had.
async fn announce(tx: &mut ControlTx, former: &sql::Former) -> Result<(), sqlx::Error> {
    let name = match former.secret_hash.as_deref().map(Hash::try_from) {
        Some(Ok(hash)) => token::hex(&hash),
        _ => former.id.uuid().to_string(),
    };
    tx.announce(SESSION_TOPIC, &name).await
}

/// An open program's session is named by its access tokens; every other one by a secret.
fn secret_for(tx: &ControlTx, kind: Kind, stage: Stage) -> Option<Secret<String>> {
    let named_by_tokens = kind == Kind::Token && stage == Stage::Open;
    (!named_by_tokens).then(|| token::mint(tx.seams(), SECRET_TAG))
}

/// What a program is given for an open session.
pub(super) async fn tokens_for(
    tx: &mut ControlTx,
    keys: &SigningKeys,
    session: &Session,
) -> Result<Option<Tokens>, SessionError> {
    if session.kind != Kind::Token || session.stage != Stage::Open {
        return Ok(None);
    }
    let rights = sql::rights_of(tx, session.person)
        .await?
        .ok_or(SessionError::ShutOut)?;
    let refresh = token::mint(tx.seams(), REFRESH_TAG);
    sql::insert_refresh_token(tx, &token::hash(refresh.expose()), session).await?;
    let access = keys.issue(&Subject {
        person: session.person,
        session: session.id,
        role: rights.role().map(str::to_owned),
        scope: rights.scope(),
        until: session.expires_at,
    })?;
    Ok(Some(Tokens {
        access,
        refresh,
        expires_in: lifetime(session, tx.now()),
    }))
}

/// Seconds that an access token is good for: no longer than its session.
fn lifetime(session: &Session, now: Timestamp) -> u64 {
    let left = session.expires_at.as_micros() - now.as_micros();
    let left = u64::try_from(left / 1_000_000).unwrap_or(0);
    left.min(TOKEN_LIFETIME.as_secs())
}
