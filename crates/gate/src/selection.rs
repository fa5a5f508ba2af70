//! Which tenant a request names besides its credential: by header, by subdomain, by custom domain.
//!
//! A selector narrows and never widens: where it names another tenant than the credential, or one that does not
//! exist, the answer is the same.

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use edge::ProblemResponse;
use kernel::{Code, Entity, Id, Problem, TenantId};
use tenants::directory::Host;

use crate::failure::unexpected;
use crate::state::AppState;

pub(crate) const X_TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
pub(crate) const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");

/// What the request says about its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selected {
    /// Nothing.
    Nobody,
    /// This tenant, in one way or in several that agree.
    Tenant(TenantId),
}

impl Selected {
    fn and(self, other: Option<TenantId>) -> Result<Self, ProblemResponse> {
        match (self, other) {
            (_, None) => Ok(self),
            (Self::Nobody, Some(tenant)) => Ok(Self::Tenant(tenant)),
            (Self::Tenant(one), Some(tenant)) if one == tenant => Ok(self),
            _ => Err(Code::NotFound.into()),
        }
    }
}

/// What the request names; an unknown name is refused like a wrong one.
pub(crate) async fn selected(parts: &Parts, state: &AppState) -> Result<Selected, ProblemResponse> {
    Selected::Nobody
        .and(by_header(parts)?)?
        .and(by_host(parts, state).await?)
}

fn by_header(parts: &Parts) -> Result<Option<TenantId>, ProblemResponse> {
    named(&parts.headers, &X_TENANT_ID)
}

/// Whom the header names. Named twice is nobody: a gateway that adds its header after the caller's own would
/// otherwise let the caller choose.
pub(crate) fn named<E: Entity>(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<Id<E>>, ProblemResponse> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            id.map(Some).ok_or_else(|| Code::NotFound.into())
        }
        (Some(_), Some(_)) => Err(Code::NotFound.into()),
    }
}

/// Whom the host names; what names nobody under the platform's domain is refused.
pub(crate) async fn by_host(parts: &Parts, state: &AppState) -> Result<Option<TenantId>, ProblemResponse> {
    let (Some(host), Some(base)) = (host(parts)?, &state.settings.base_domain) else {
        return Ok(None);
    };
    match state
        .directory
        .resolve_host(base, &host)
        .await
        .map_err(unexpected)?
    {
        Host::Platform => Ok(None),
        // A given-up slug redirects people; a machine is told the same as by an unknown one.
        Host::Tenant(resolved) if !resolved.moved => Ok(Some(resolved.tenant.id)),
        Host::Tenant(_) | Host::NoTenant => Err(Code::NotFound.into()),
        Host::Elsewhere(name) => state.domains.tenant_of(&name).await.map_err(unexpected),
    }
}

/// The host that was asked. Two are refused (RFC 9112 §3.2), because a proxy may have believed the other one.
fn host(parts: &Parts) -> Result<Option<String>, ProblemResponse> {
    let mut given = parts.headers.get_all(HOST).iter();
    let (value, more) = (given.next(), given.next());
    if more.is_some() {
        return Err(Problem::new(Code::MalformedRequest, "The request has more than one `Host`.").into());
    }
    let named = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().to_owned());
    Ok(named.or_else(|| Some(value?.to_str().ok()?.to_owned())))
}

#[cfg(test)]
mod tests {
    use kernel::UserId;

    use super::*;

    const USER: &str = "user_01h455vb4pex5vsknk084sn02q";

    fn user(values: &[&'static str]) -> Result<Option<UserId>, ProblemResponse> {
        let lines = values
            .iter()
            .map(|value| (X_USER_ID, value.parse().expect("a header")));
        named(&lines.collect(), &X_USER_ID)
    }

    #[test]
    fn a_header_names_one_or_nobody() {
        assert!(matches!(user(&[]), Ok(None)));
        assert!(matches!(user(&[USER]), Ok(Some(_))));
        for values in [&[USER, USER][..], &[USER, "user_1"], &["user_1"], &[""]] {
            assert!(user(values).is_err(), "{values:?}");
        }
    }
}
