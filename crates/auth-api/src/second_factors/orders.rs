//! What is asked and answered.

use axum::http::header::LOCATION;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use edge::Json;
use identity::Name;
use kernel::{FieldError, Problem, Secret, Timestamp, Validate};
use mfa::passkeys::{CeremonyId, Passkey, Registration};
use mfa::recovery_codes::RecoveryCode;
use mfa::totp::Enrolment;
use mfa::{Factors, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::outcome::LoginOutcome;

/// A longer one is none.
const LONGEST_CODE: usize = 100;

/// Somebody's second factors.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"required": true, "totp": true, "passkeys": 1, "recoveryCodes": 9,
    "methods": ["totp", "passkey", "recovery_code"]}))]
pub(super) struct Overview {
    /// Whether he must have one.
    pub(super) required: bool,
    /// What he has.
    #[serde(flatten)]
    pub(super) factors: Factors,
    /// What he can pass with.
    pub(super) methods: Vec<Method>,
}

/// A secret for an authenticator app. It is in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    "uri": "otpauth://totp/Acme:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme"}))]
pub(super) struct TotpEnrolment {
    /// In base32, to be typed into the app.
    secret: String,
    /// To be shown as a QR code.
    uri: String,
}

impl From<Enrolment> for TotpEnrolment {
    fn from(enrolment: Enrolment) -> Self {
        Self {
            secret: enrolment.secret.expose().clone(),
            uri: enrolment.uri.expose().clone(),
        }
    }
}

/// A code from the app that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"code": "287082"}))]
pub(super) struct Confirmation {
    /// Six digits.
    #[schema(value_type = String)]
    pub(super) code: Secret<String>,
}

impl Validate for Confirmation {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_code(&self.code, errors);
    }
}

/// Recovery codes: each is good for one use. They are in this answer and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"recoveryCodes": ["7h3k-9m2p-x4qd-8rvz", "0c5e-q1wt-6y8n-jb4s"]}))]
pub(super) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

impl From<Vec<RecoveryCode>> for RecoveryCodes {
    fn from(codes: Vec<RecoveryCode>) -> Self {
        Self {
            recovery_codes: shown(codes),
        }
    }
}

fn shown(codes: Vec<RecoveryCode>) -> Vec<String> {
    codes.into_iter().map(|code| code.expose().clone()).collect()
}

/// A second factor that is in use from now on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Added {
    /// The passkey, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<Passkey>,
    /// The codes that come with somebody's first factor, in this answer and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
    /// Where the session stands, if it waited for this: it is open now.
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<LoginOutcome>,
    #[serde(skip)]
    location: Option<String>,
    #[serde(skip)]
    cookie: Option<(HeaderName, HeaderValue)>,
}

impl From<Registration> for Added {
    fn from(registration: Registration) -> Self {
        Self {
            passkey: Some(registration.passkey),
            ..registration.recovery_codes.into()
        }
    }
}

impl From<Option<Vec<RecoveryCode>>> for Added {
    fn from(codes: Option<Vec<RecoveryCode>>) -> Self {
        Self {
            passkey: None,
            recovery_codes: codes.map(shown),
            login: None,
            location: None,
            cookie: None,
        }
    }
}

impl Added {
    /// Whether it is somebody's first: then codes come with it.
    pub(super) fn is_first(&self) -> bool {
        self.recovery_codes.is_some()
    }

    /// With a session that opened.
    pub(super) fn opened(&mut self, outcome: LoginOutcome, now: Timestamp) {
        self.cookie = outcome.set_cookie(now);
        self.login = Some(outcome);
    }

    /// Answered as a resource below this address, if it is a passkey.
    pub(super) fn located(mut self, passkeys: &str) -> Self {
        self.location = self
            .passkey
            .as_ref()
            .map(|passkey| format!("{passkeys}/{}", passkey.id));
        self
    }
}

impl IntoResponse for Added {
    fn into_response(mut self) -> Response {
        let cookie = self.cookie.take();
        let mut response = match self.location.take() {
            Some(location) => (StatusCode::CREATED, [(LOCATION, location)], Json(self)).into_response(),
            None => Json(self).into_response(),
        };
        response.headers_mut().extend(cookie);
        response
    }
}

/// Fresh proof that it is him, by one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"password": "seven-lanterns-over-quiet-water"}))]
pub(super) struct Proof {
    /// His password.
    #[schema(value_type = Option<String>, format = Password)]
    pub(super) password: Option<Secret<String>>,
    /// Or a code from his app, or a recovery code.
    #[schema(value_type = Option<String>)]
    pub(super) code: Option<Secret<String>>,
}

impl Proof {
    /// What it is answered that there is none.
    pub(super) fn missing() -> Problem {
        Problem::invalid(vec![FieldError::new("", "must have either `password` or `code`")])
    }
}

impl Validate for Proof {
    fn check(&self, errors: &mut Vec<FieldError>) {
        // That there is one at all is asked where it is needed.
        if self.password.is_some() && self.code.is_some() {
            errors.extend(Self::missing().errors);
        }
        if let Some(code) = &self.code {
            check_code(code, errors);
        }
    }
}

/// What a session is opened with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"method": "totp", "code": "287082"}))]
pub(super) struct Verification {
    /// Where the code is from.
    pub(super) method: CodeMethod,
    /// The code; spaces, hyphens and case do not count.
    #[schema(value_type = String)]
    pub(super) code: Secret<String>,
}

/// Where a code is from.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CodeMethod {
    /// From the authenticator app.
    Totp,
    /// From the paper.
    RecoveryCode,
}

impl Validate for Verification {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_code(&self.code, errors);
    }
}

fn check_code(code: &Secret<String>, errors: &mut Vec<FieldError>) {
    if code.expose().len() > LONGEST_CODE {
        errors.push(FieldError::new(
            "/code",
            format!("must be at most {LONGEST_CODE} bytes long"),
        ));
    }
}

/// A passkey that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"ceremonyId": "ceremony_01jqr5v3e8f2mtk6y7w9x0z1ab", "name": "Laptop",
    "credential": {"id": "…", "rawId": "…", "type": "public-key", "response": {"clientDataJSON": "…", "attestationObject": "…"}}}))]
pub(super) struct PasskeyOrder {
    /// Which challenge it answers.
    pub(super) ceremony_id: CeremonyId,
    /// What it will be called.
    #[schema(value_type = String)]
    pub(super) name: Name,
    /// What `PublicKeyCredential.toJSON()` wrote.
    #[schema(value_type = Object)]
    pub(super) credential: Value,
}

impl Validate for PasskeyOrder {}

/// An authenticator's answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"ceremonyId": "ceremony_01jqr5v3e8f2mtk6y7w9x0z1ab",
    "credential": {"id": "…", "rawId": "…", "type": "public-key",
        "response": {"clientDataJSON": "…", "authenticatorData": "…", "signature": "…"}}}))]
pub(super) struct PasskeyVerification {
    /// Which challenge it answers.
    pub(super) ceremony_id: CeremonyId,
    /// What `PublicKeyCredential.toJSON()` wrote.
    #[schema(value_type = Object)]
    pub(super) credential: Value,
}

impl Validate for PasskeyVerification {}
