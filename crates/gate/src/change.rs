//! What a writing handler takes: a caller who may, a checked body, and an open transaction that his change, its
//! audit event and its answer share.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use edge::{IfMatch, ProblemResponse};
use isolation::{Claim, ControlTx, IdempotencyKey, StoredAnswer, TenantTx, Tx};
use kernel::{Actor, Code, Problem, Validate};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::answer::{Answer, NoBody, Optional};
use crate::failure::unexpected;
use crate::platform::PlatformCaller;
use crate::selection::{X_TENANT_ID, X_USER_ID};
use crate::state::AppState;
use crate::tenant::TenantCaller;
use crate::visitor::Visitor;

/// A transaction that can keep an answer beside the change.
trait Keeping: Tx + Sized {
    fn claim(&mut self, key: &IdempotencyKey) -> impl Future<Output = Result<Claim, sqlx::Error>> + Send;
    fn keep(
        &mut self,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    fn commit(self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

macro_rules! keeping {
    ($transaction:ident) => {
        impl Keeping for $transaction {
            async fn claim(&mut self, key: &IdempotencyKey) -> Result<Claim, sqlx::Error> {
                $transaction::claim(self, key).await
            }
            async fn keep(&mut self, key: &IdempotencyKey, answer: &StoredAnswer) -> Result<(), sqlx::Error> {
                self.store_answer(key, answer).await
            }
            async fn commit(self) -> Result<(), sqlx::Error> {
                $transaction::commit(self).await
            }
        }
    };
}
keeping!(TenantTx);
keeping!(ControlTx);

/// Which plane a change is made in, and by whom.
#[expect(private_bounds, reason = "the doors are these five")]
pub trait Door: Send + Sync + 'static {
    /// What the keys of its callers are kept apart by; no key that a caller sends holds a space.
    const KEYS: &'static str = "";
    /// The caller it opens for.
    type Caller: FromRequestParts<AppState, Rejection = ProblemResponse> + std::fmt::Debug + Send + Sync;
    /// The transaction behind it.
    type Tx: Keeping + std::fmt::Debug;
    /// Who the caller is: what he asks for under one key is not what another asks for under the same.
    fn identity(caller: &Self::Caller) -> &Actor;
    /// Opens it.
    fn open(caller: &Self::Caller) -> impl Future<Output = Result<Self::Tx, sqlx::Error>> + Send;
}

/// A change of a tenant's data by one of its callers.
#[derive(Debug)]
pub enum OfTenant {}
/// A change of what the control plane knows about a tenant, by one of its callers.
#[derive(Debug)]
pub enum OfTenantControl {}
/// What a tenant orders of the platform, by one of its callers: written with an operator's reach over that tenant alone.
#[derive(Debug)]
pub enum OfOrders {}
/// A change of the control plane by an operator.
#[derive(Debug)]
pub enum OfPlatform {}
/// A change of the control plane by someone without a credential.
#[derive(Debug)]
pub enum OfVisitor {}

impl Door for OfTenant {
    type Caller = TenantCaller;
    type Tx = TenantTx;
    async fn open(caller: &TenantCaller) -> Result<TenantTx, sqlx::Error> {
        caller.ctx.write().await
    }
    fn identity(caller: &TenantCaller) -> &Actor {
        &caller.ctx.caller().actor
    }
}
impl Door for OfTenantControl {
    type Caller = TenantCaller;
    type Tx = ControlTx;
    async fn open(caller: &TenantCaller) -> Result<ControlTx, sqlx::Error> {
        caller.ctx.control().await
    }
    fn identity(caller: &TenantCaller) -> &Actor {
        &caller.ctx.caller().actor
    }
}
impl Door for OfOrders {
    type Caller = TenantCaller;
    type Tx = ControlTx;
    async fn open(caller: &TenantCaller) -> Result<ControlTx, sqlx::Error> {
        caller.ctx.ordering().await
    }
    fn identity(caller: &TenantCaller) -> &Actor {
        &caller.ctx.caller().actor
    }
}
impl Door for OfPlatform {
    type Caller = PlatformCaller;
    type Tx = ControlTx;
    async fn open(caller: &PlatformCaller) -> Result<ControlTx, sqlx::Error> {
        caller.ctx.control().await
    }
    fn identity(caller: &PlatformCaller) -> &Actor {
        &caller.ctx.caller().actor
    }
}

impl Door for OfVisitor {
    const KEYS: &'static str = "visitor ";
    type Caller = Visitor;
    type Tx = ControlTx;
    async fn open(caller: &Visitor) -> Result<ControlTx, sqlx::Error> {
        caller.ctx.control().await
    }
    fn identity(caller: &Visitor) -> &Actor {
        &caller.ctx.caller().actor
    }
}

/// What a body can be read into.
pub trait Payload: Sized + Send {
    /// Reads and checks the body.
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem>;
}

impl<T: DeserializeOwned + Validate + Send> Payload for T {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        edge::parse_json(headers, body)
    }
}

impl<T: DeserializeOwned + Validate + Default + Send> Payload for Optional<T> {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let body = if body.trim_ascii() == b"null" { b"" } else { body };
        Ok(Self(
            edge::parse_optional_json(headers, body)?.unwrap_or_default(),
        ))
    }
}

impl Payload for NoBody {
    fn read(_: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let nothing = body.trim_ascii();
        if nothing.is_empty() || nothing == b"{}" {
            Ok(Self)
        } else {
            Err(Problem::new(
                Code::MalformedRequest,
                "This request takes no body.",
            ))
        }
    }
}

/// A change that is about to be made. Dropping it instead of answering undoes everything.
#[derive(Debug)]
pub struct Change<D: Door, B> {
    /// What the caller asks for.
    pub body: B,
    /// The transaction.
    pub tx: D::Tx,
    /// Everything else about his request.
    pub request: Asked<D>,
}

impl<D: Door, B: Payload> FromRequest<AppState> for Change<D, B> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        let Keyed { body, request } = Keyed::<D, B>::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        match request.open().await.map_err(IntoResponse::into_response)? {
            (_, Some(kept)) => Err(Answer::from(kept).into_response()),
            (tx, None) => Ok(Self { body, tx, request }),
        }
    }
}

impl<D: Door, B> Change<D, B> {
    /// Keeps the answer under the caller's key, makes everything durable, and answers.
    pub async fn answer(self, answer: Answer) -> Result<Answer, ProblemResponse> {
        self.request.finish(self.tx, answer).await
    }
}

/// A change whose transaction the handler opens itself, because it does something before.
#[derive(Debug)]
pub struct Keyed<D: Door, B> {
    /// What the caller asks for.
    pub body: B,
    /// Everything else about his request.
    pub request: Asked<D>,
}

/// A request to change something, apart from its body.
#[derive(Debug)]
pub struct Asked<D: Door> {
    /// Who asks.
    pub caller: D::Caller,
    /// The version that the resource must still have.
    pub expected: Option<i64>,
    /// The request's headers.
    pub headers: HeaderMap,
    key: Option<IdempotencyKey>,
}

impl<D: Door, B: Payload> FromRequest<AppState> for Keyed<D, B> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ProblemResponse> {
        let (mut parts, body) = request.into_parts();
        let caller = D::Caller::from_request_parts(&mut parts, state).await?;
        let (parts, bytes) = edge::body::read(Request::from_parts(parts, body)).await?;
        let body = B::read(&parts.headers, &bytes)?;
        let request = Asked::of(caller, parts, &bytes)?;
        Ok(Self { body, request })
    }
}

impl<D: Door> Asked<D> {
    /// A request whose body is `digested`: its bytes, or where they are too many, what stands for them.
    pub fn of(caller: D::Caller, parts: Parts, digested: &[u8]) -> Result<Self, Problem> {
        let expected = expected(&IfMatch::from_headers(&parts.headers)?);
        let key = key(D::KEYS, D::identity(&caller), &parts, digested)?;
        Ok(Self {
            caller,
            expected,
            headers: parts.headers,
            key,
        })
    }

    /// Opens the transaction; the answer that was already given under the caller's key comes with it.
    pub async fn open(&self) -> Result<(D::Tx, Option<StoredAnswer>), ProblemResponse> {
        let mut tx = D::open(&self.caller).await.map_err(unexpected)?;
        let kept = claim(&mut tx, self.key.as_ref()).await?;
        Ok((tx, kept))
    }

    /// Keeps the answer under the caller's key and makes everything durable.
    pub async fn finish(&self, mut tx: D::Tx, answer: Answer) -> Result<Answer, ProblemResponse> {
        self.keep(&mut tx, &answer).await?;
        tx.commit().await.map_err(unexpected)?;
        Ok(answer)
    }

    /// Keeps the answer under the caller's key, for a handler that commits by itself.
    pub async fn keep(&self, tx: &mut D::Tx, answer: &Answer) -> Result<(), ProblemResponse> {
        match &self.key {
            Some(key) => tx.keep(key, answer.stored()).await.map_err(unexpected),
            None => Ok(()),
        }
    }
}

/// The version that `If-Match` asks for. Tags that are no version match nothing; of several, the newest is meant,
/// because versions only grow.
fn expected(condition: &IfMatch) -> Option<i64> {
    const NO_VERSION: i64 = -1;
    condition
        .versions()
        .map(|versions| versions.into_iter().max().unwrap_or(NO_VERSION))
}

/// The caller's key with a digest of what it was sent with: another caller, method, address or body under the same
/// key is another request. By whatever credential he comes, he is the same caller: an access token may have been
/// renewed since, a cookie may have got another secret.
fn key(apart: &str, actor: &Actor, parts: &Parts, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = edge::IdempotencyKey::from_headers(&parts.headers)? else {
        return Ok(None);
    };
    let header = |name| {
        parts
            .headers
            .get(name)
            .map_or(&b""[..], |value: &HeaderValue| value.as_bytes())
    };
    let caller = [
        actor.id.as_bytes(),
        actor.on_behalf_of.as_deref().unwrap_or("").as_bytes(),
        header(X_TENANT_ID),
        header(X_USER_ID),
    ];
    let address = parts.uri.path_and_query().map_or("", |whole| whole.as_str());
    let mut digest = Sha256::new();
    let request = [parts.method.as_str().as_bytes(), address.as_bytes(), body];
    for part in request.into_iter().chain(caller) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    Ok(Some(IdempotencyKey {
        key: format!("{apart}{key}"),
        fingerprint: digest.finalize().into(),
    }))
}

async fn claim<T: Keeping>(
    tx: &mut T,
    key: Option<&IdempotencyKey>,
) -> Result<Option<StoredAnswer>, ProblemResponse> {
    let Some(key) = key else { return Ok(None) };
    match tx.claim(key).await.map_err(unexpected)? {
        Claim::Fresh => Ok(None),
        Claim::Replay(answer) => Ok(Some(answer)),
        Claim::Reused => Err(Code::IdempotencyKeyReused.into()),
    }
}
