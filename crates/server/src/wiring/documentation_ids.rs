//! On a development server the identifiers of the documentation's examples, `tenant_123` and `user_456`, stand for the
//! demo tenant and its owner, so that its command lines work as they are written.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use gate::Development;

const TENANT: &str = "tenant_123";
const USER: &str = "user_456";

/// What they stand for.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    tenant: String,
    user: String,
}

impl Ids {
    pub(super) fn of(development: &Development) -> Self {
        Self {
            tenant: development.demo_tenant.to_string(),
            user: development.demo_user.to_string(),
        }
    }

    fn real(&self, text: &str) -> Option<String> {
        let named = |part: &str| part == TENANT || part == USER;
        text.split(['/', '?', '&', '='])
            .any(named)
            .then(|| text.replace(TENANT, &self.tenant).replace(USER, &self.user))
    }
}

pub(super) async fn replace(State(ids): State<Ids>, mut request: Request, next: Next) -> Response {
    if let Some(uri) = ids
        .real(&request.uri().to_string())
        .and_then(|text| text.parse::<Uri>().ok())
    {
        *request.uri_mut() = uri;
    }
    for name in ["x-tenant-id", "x-user-id"] {
        let real = request
            .headers()
            .get(name)
            .and_then(|value| ids.real(value.to_str().ok()?));
        if let Some(value) = real.and_then(|text| HeaderValue::try_from(text).ok()) {
            request.headers_mut().insert(name, value);
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_identifiers_are_replaced() {
        let ids = Ids {
            tenant: "tenant_x".to_owned(),
            user: "user_y".to_owned(),
        };
        assert_eq!(
            ids.real("/admin/tenants/tenant_123/usage").as_deref(),
            Some("/admin/tenants/tenant_x/usage")
        );
        assert_eq!(
            ids.real("/admin/audit?tenantId=tenant_123&limit=1").as_deref(),
            Some("/admin/audit?tenantId=tenant_x&limit=1")
        );
        assert_eq!(ids.real("user_456").as_deref(), Some("user_y"));
        assert_eq!(ids.real("/admin/tenants/tenant_1234"), None);
    }
}
