//! How each operation is called: one row for each path.

use serde_json::{Value, json};

use super::billing_rows;
use crate::cors;

/// How an operation on this path is called: what its parameters identify, and a body that would be accepted.
pub(crate) struct Row {
    pub(crate) ids: &'static [(&'static str, &'static str)],
    pub(crate) body: Value,
}

/// Identifiers by the parameter that takes them, and a body.
pub(super) type Pair = (&'static [(&'static str, &'static str)], Value);

pub(crate) fn row(path: &str) -> Row {
    let (ids, body) = match path {
        "/webhooks/stripe" => (&[][..], json!({})),
        step if step.contains("/auth/mfa") => second_factor_row(step),
        webhook if webhook.contains("/webhooks") => webhook_row(webhook),
        bill if billing_rows::is_one(bill) => billing_rows::row(bill),
        usage if usage.contains("/usage") || usage.contains("/quotas") => usage_row(usage),
        admin if admin.starts_with("/admin") => admin_row(admin),
        other => tenant_row(other),
    };
    Row { ids, body }
}

fn admin_row(path: &str) -> Pair {
    match path {
        "/admin/tenants" | "/admin/provision" => {
            (&[], json!({"name": "X", "slug": "matrix", "plan": "free"}))
        }
        "/admin/provision/{tenantId}" => (&[("tenantId", "tenant")], json!({})),
        "/admin/tenants/{id}/suspend" => (&[("id", "tenant")], json!({"reason": "matrix"})),
        "/admin/tenants/{id}/api-keys" => (&[("id", "tenant")], json!({"name": "K", "scopes": ["*"]})),
        "/admin/tenants/{id}/domains" => (&[("id", "tenant")], json!({"domain": "matrix.example.org"})),
        "/admin/tenants/{id}/domains/{domain}" => (&[("id", "tenant"), ("domain", "domain")], json!({})),
        "/admin/tenants/{id}/api-keys/{keyId}" | "/admin/tenants/{id}/api-keys/{keyId}/rotate" => {
            (&[("id", "tenant"), ("keyId", "api_key")], json!({}))
        }
        "/admin/api-keys" => (&[], json!({"name": "K", "scopes": ["tenants:read"]})),
        "/admin/api-keys/{keyId}" | "/admin/api-keys/{keyId}/rotate" => {
            (&[("keyId", "admin_api_key")], json!({}))
        }
        "/admin/admins" => (
            &[],
            json!({"email": "matrix@example.org", "name": "X", "permissions": ["audit:read"], "password": "correct horse battery"}),
        ),
        "/admin/admins/{id}/mfa" => (&[("id", "admin")], json!({})),
        "/admin/admins/{id}" => (&[("id", "admin")], json!({"name": "X"})),
        "/admin/tenants/{id}/security-policy" => (&[("id", "tenant")], cors::policy(&json!({}))),
        "/admin/auth/password" => (&[], new_password()),
        "/admin/auth/sessions/{id}" => (&[("id", "session")], json!({})),
        "/admin/auth/refresh" => (&[], json!({"refreshToken": "tny_refresh_x"})),
        user if user.starts_with("/admin/tenants/{id}/users/{userId}") => {
            (&[("id", "tenant"), ("userId", "user")], json!({}))
        }
        tenant if tenant.starts_with("/admin/tenants/{id}") => (&[("id", "tenant")], json!({})),
        _ => (&[], json!({})),
    }
}

fn new_password() -> Value {
    json!({"currentPassword": "correct horse battery", "newPassword": "another horse battery"})
}

fn tenant_row(path: &str) -> Pair {
    match path {
        "/api/security-policy" => (&[], cors::policy(&json!({}))),
        "/api/auth/password" => (&[], new_password()),
        "/api/auth/sessions/{id}" => (&[("id", "session")], json!({})),
        "/api/auth/refresh" => (&[], json!({"refreshToken": "tny_refresh_x"})),
        "/api/projects" => (&[], json!({"name": "X"})),
        "/api/projects/{id}" => (&[("id", "project")], json!({"name": "X"})),
        "/api/projects/{id}/tasks" => (&[("id", "project")], json!({"title": "X"})),
        "/api/tasks/{id}" => (&[("id", "task")], json!({"title": "X"})),
        "/api/files/{id}" | "/api/files/{id}/content" => (&[("id", "file")], json!({})),
        "/api/settings/{key}" => (&[("key", "setting")], json!("X")),
        "/api/api-keys" => (&[], json!({"name": "K", "scopes": ["projects:read"]})),
        "/api/api-keys/{id}" | "/api/api-keys/{id}/rotate" => (&[("id", "api_key")], json!({})),
        "/api/users" => (
            &[],
            json!({"email": "x@example.com", "name": "X", "role": "viewer"}),
        ),
        "/api/users/{id}" => (&[("id", "user")], json!({"name": "X"})),
        "/api/users/{id}/role" => (&[("id", "user")], json!({"role": "viewer"})),
        user if user.starts_with("/api/users/{id}/") => (&[("id", "user")], json!({})),
        "/api/payment-methods" => (&[], json!({"kind": "bank_transfer"})),
        "/api/payment-methods/{id}" | "/api/payment-methods/{id}/default" => {
            (&[("id", "payment_method")], json!({}))
        }
        "/api/billing/checkout" => (
            &[],
            json!({"successUrl": "https://example.org/", "cancelUrl": "https://example.org/"}),
        ),
        "/api/billing/portal" => (&[], json!({"returnUrl": "https://example.org/"})),
        "/api/roles" => (&[], json!({"name": "matrix", "permissions": ["files:read"]})),
        "/api/roles/{name}" => (&[("name", "role")], json!({"permissions": ["files:read"]})),
        "/problems/{code}" => (&[("code", "domain")], json!({})),
        _ => (&[], json!({})),
    }
}

fn usage_row(path: &str) -> Pair {
    let event = json!({"specversion": "1.0", "id": "matrix", "source": "/matrix", "type": "compute_time"});
    match path {
        "/api/usage/events" | "/admin/usage/events" => (&[], event),
        "/admin/tenants/{id}/usage/events" => (&[("id", "tenant")], event),
        "/api/usage/alerts/{id}/acknowledge" => (&[("id", "alert")], json!({})),
        "/api/usage/alert-thresholds" => (&[], json!({"default": [80, 100], "metrics": {}})),
        "/api/usage/history/{metric}" => (&[("metric", "metric")], json!({})),
        "/api/usage/custom-metrics/{name}" => (
            &[("name", "metric")],
            json!({"aggregation": "sum", "unit": "pieces"}),
        ),
        "/admin/tenants/{id}/usage-calendar" => (&[("id", "tenant")], json!({"timeZone": "UTC"})),
        "/admin/tenants/{id}/quotas/{metric}" => (
            &[("id", "tenant"), ("metric", "metric")],
            json!({"limit": 1, "period": "monthly"}),
        ),
        tenant if tenant.starts_with("/admin/tenants/{id}") => (&[("id", "tenant")], json!({})),
        _ => (&[], json!({})),
    }
}

fn webhook_row(path: &str) -> Pair {
    let (_, below) = path.split_once("/webhooks").unwrap_or_default();
    match below {
        "" => (&[], json!({"url": "http://127.0.0.1:9999/"})),
        "/event-types" => (&[], json!({})),
        "/{id}/replay" => (&[("id", "webhook")], json!({"since": "2026-01-01T00:00:00Z"})),
        below if below.contains("{deliveryId}") => {
            (&[("id", "webhook"), ("deliveryId", "delivery")], json!({}))
        }
        _ => (&[("id", "webhook")], json!({})),
    }
}

fn second_factor_row(path: &str) -> Pair {
    let step = path.split_once("/auth/mfa").map_or("", |(_, step)| step);
    let answer = json!({"ceremonyId": "ceremony_01h455vb4pex5vsknk084sn02q", "credential": {}});
    match step {
        "/passkeys/{id}" => (&[("id", "passkey")], json!({})),
        "/passkeys" => {
            let mut named = answer;
            named["name"] = json!("X");
            (&[], named)
        }
        "/passkeys/verify" => (&[], answer),
        "/recovery-codes" | "/totp/confirm" => (&[], json!({"code": "000000"})),
        "/verify" => (&[], json!({"method": "totp", "code": "000000"})),
        _ => (&[], json!({})),
    }
}
