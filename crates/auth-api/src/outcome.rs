//! What somebody is answered who logged in, or took one step further: one form for both planes, and for every way in.

use access::CsrfKey;
use access::login::Record;
use access::sessions::{Kind, Opened, Session, Stage, Tokens};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use edge::Json;
use gate::cookies::{self, Plane};
use identity::admins::Admin;
use identity::users::User;
use kernel::{Secret, Timestamp};
use mfa::{Factors, Method};
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody who came in, perhaps no further than to his second factor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "status": "open",
    "session": {"id": "session_01h455vb4pex5vsknk084sn02q", "kind": "token", "stage": "open", "current": true,
        "ipAddress": "203.0.113.7", "createdAt": "2030-01-01T09:00:00Z", "lastSeenAt": "2030-01-01T09:00:00Z",
        "expiresAt": "2030-01-15T09:00:00Z"},
    "accessToken": "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJ0aWQiOiJ0ZW5hbnQifQ.c2ln", "tokenType": "Bearer",
    "expiresIn": 600, "refreshToken": "tny_refresh_3fK9aB2xQ0mZ8r7tLw5vYp1sUe6nXd4hJc2gIkOoRbA"
}))]
pub(crate) struct LoginOutcome {
    /// What has to happen before the session opens anything.
    status: Stage,
    /// The session.
    session: Session,
    /// The person, where he is a tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    /// The person, where he is an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<Admin>,
    /// Browsers: what goes into `X-CSRF-Token` with every request that changes something.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// Programs, once the session is open: what goes into `Authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    /// What the access token is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Bearer")]
    token_type: Option<&'static str>,
    /// Seconds that the access token is good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    /// Programs: what the next access token is had for, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Programs, until the session is open: what goes into `Authorization` for the steps that open it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_token: Option<String>,
    /// The second factors that can be passed, or added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<Method>,
    /// What a browser is handed.
    #[serde(skip)]
    cookie: Option<Secret<String>>,
}

impl LoginOutcome {
    /// What this person is answered.
    pub(crate) fn new(csrf: &CsrfKey, record: Record, opened: Opened, factors: Factors) -> Self {
        let Opened {
            session,
            secret,
            tokens,
        } = opened;
        let (user, admin) = match record {
            Record::User(user) => (Some(*user), None),
            Record::Admin(admin) => (None, Some(*admin)),
        };
        let (cookie, pending) = match session.kind {
            Kind::Cookie => (secret, None),
            Kind::Token => (None, secret),
        };
        let plain = |secret: Secret<String>| secret.expose().clone();
        let (access, refresh, expires_in) = match tokens {
            Some(Tokens {
                access,
                refresh,
                expires_in,
            }) => (Some(plain(access)), Some(plain(refresh)), Some(expires_in)),
            None => (None, None, None),
        };
        Self {
            status: session.stage,
            methods: methods(session.stage, &factors),
            session,
            user,
            admin,
            csrf_token: cookie.as_ref().map(|cookie| csrf.token(cookie.expose())),
            token_type: access.is_some().then_some("Bearer"),
            access_token: access,
            expires_in,
            refresh_token: refresh,
            pending_token: pending.map(plain),
            cookie,
        }
    }

    /// The answer, with a browser's cookie in it.
    pub(crate) fn respond(self, now: Timestamp) -> Response {
        let cookie = self.set_cookie(now);
        let mut response = Json(self).into_response();
        response.headers_mut().extend(cookie);
        response
    }

    /// The header that hands a browser its cookie, if it gets one with this.
    pub(crate) fn set_cookie(&self, now: Timestamp) -> Option<(HeaderName, HeaderValue)> {
        let plane = if self.admin.is_some() {
            Plane::Platform
        } else {
            Plane::Tenant
        };
        let secret = self.cookie.as_ref()?;
        let lasts = self.session.expires_at.as_micros() - now.as_micros();
        let lasts = std::time::Duration::from_micros(u64::try_from(lasts).unwrap_or(0));
        let [header] = cookies::set(plane, secret, lasts);
        Some(header)
    }
}

/// What he can do to take the next step.
fn methods(stage: Stage, factors: &Factors) -> Vec<Method> {
    match stage {
        Stage::Open => Vec::new(),
        Stage::SecondFactor => factors.methods(),
        Stage::Enrolment => vec![Method::Totp, Method::Passkey],
    }
}
