//! Problem codes: the stable names of everything that can go wrong for a caller (RFC 9457 `code` member).
//!
//! Codes are part of the public contract: one may be added, none may change its meaning.

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, as the caller sees it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $variant),* }
        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The stable name, e.g. `not_found`.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),* } }
            /// One sentence for people, the same for every occurrence.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),* } }
        }
    };
}

codes! {
    MalformedRequest = "malformed_request", 400, "The request is not well formed.";
    InvalidParameter = "invalid_parameter", 400, "A parameter of the address is not valid.";
    Unauthenticated = "unauthenticated", 401, "A valid credential is required.";
    InvalidCredentials = "invalid_credentials", 401, "Address or password is wrong.";
    InvalidCode = "invalid_code", 401, "The second factor was not passed.";
    InvalidSignature = "invalid_signature", 400, "The request is not signed by whom it says it is from.";
    PaymentDeclined = "payment_declined", 402, "The method of payment was refused.";
    PaymentRequired = "payment_required", 402, "The subscription has to be paid first.";
    Forbidden = "forbidden", 403, "The credential does not allow this.";
    TenantSuspended = "tenant_suspended", 403, "The tenant is suspended.";
    TenantInactive = "tenant_inactive", 403, "The tenant is not active.";
    FeatureNotInPlan = "feature_not_in_plan", 403, "The plan does not have this feature.";
    SecondFactorRequired = "second_factor_required", 403, "The session has to pass its second factor first.";
    EnrolmentRequired = "enrolment_required", 403, "The tenant demands a second factor; one has to be added first.";
    CsrfRefused = "csrf_refused", 403, "The request does not prove that the session's own page sent it.";
    AddressNotAllowed = "address_not_allowed", 403, "Callers from this network address are not let in.";
    NotFound = "not_found", 404, "There is no such thing here.";
    MethodNotAllowed = "method_not_allowed", 405, "The resource does not offer this method.";
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive.";
    Conflict = "conflict", 409, "The request conflicts with the present state.";
    InvalidTransition = "invalid_transition", 409, "The present status does not allow this.";
    SlugTaken = "slug_taken", 409, "The slug is not available.";
    DomainTaken = "domain_taken", 409, "The domain is not available.";
    EmailTaken = "email_taken", 409, "The email address is already in use.";
    LastOwner = "last_owner", 409, "A tenant always has at least one active owner.";
    LastOperator = "last_operator", 409, "There is always an active operator who may do everything.";
    RoleTaken = "role_taken", 409, "The tenant has a role of this name.";
    RoleInUse = "role_in_use", 409, "Somebody has this role.";
    ProviderUnsupported = "provider_unsupported", 409, "The installation's payment provider does no such thing.";
    IdempotencyKeyReused = "idempotency_key_reused", 409, "The idempotency key was used with another request.";
    PreconditionFailed = "precondition_failed", 412, "The resource was changed in the meantime.";
    PayloadTooLarge = "payload_too_large", 413, "The body is larger than allowed.";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body is of a type that is not accepted here.";
    RangeNotSatisfiable = "range_not_satisfiable", 416, "The requested range is outside the content.";
    ValidationFailed = "validation_failed", 422, "The request has fields that are not valid.";
    QuotaExceeded = "quota_exceeded", 429, "The plan's quota is used up.";
    RateLimited = "rate_limited", 429, "Requests come faster than the rate limit allows.";
    TooManyRequests = "too_many_requests", 429, "Too many requests.";
    LoginBlocked = "login_blocked", 429, "Too many failed attempts; try again later.";
    HeadersTooLarge = "headers_too_large", 431, "The header fields are larger than allowed.";
    Internal = "internal", 500, "Something went wrong on our side.";
    ProvisioningFailed = "provisioning_failed", 503, "The tenant could not be made.";
    Unavailable = "unavailable", 503, "The service cannot answer right now.";
    Overloaded = "overloaded", 503, "The service is busy; try again shortly.";
    Timeout = "timeout", 504, "The request took too long.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One bad field of a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// The field at this pointer is wrong in this way.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// A refusal with everything a caller may know about it. It knows nothing of HTTP beyond its code's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable name.
    pub code: Code,
    /// What went wrong this time; empty where the title says it all.
    pub detail: String,
    /// The fields that are wrong.
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with a detail of its own.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Fields that are not valid; `errors` must not be empty.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            code: Code::ValidationFailed,
            detail: String::new(),
            errors,
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, "")
    }
}

/// A request body that can say what is wrong with itself. The extractors call it, so a body is never used
/// unchecked; one with nothing to check says `impl Validate for X {}`.
pub trait Validate {
    /// Whether only a JSON object will do; false for the rare body of another shape.
    const OBJECT: bool = true;

    /// Adds one error for each field that is wrong.
    fn check(&self, errors: &mut Vec<FieldError>) {
        let _ = errors;
    }
}

impl Validate for serde_json::Value {
    const OBJECT: bool = false;
}
