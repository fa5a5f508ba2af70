//! How operations on subscriptions, invoices, accounts and billing's time are called.

use serde_json::json;

use super::rows::Pair;
use crate::support::{App, Tenant};

const TENANT: (&str, &str) = ("id", "tenant");

pub(super) fn is_one(path: &str) -> bool {
    [
        "/subscription",
        "/invoices",
        "/billing-account",
        "/billing/account",
        "/clock",
    ]
    .iter()
    .any(|noun| path.contains(noun))
}

pub(super) fn row(path: &str) -> Pair {
    let (admin, below) = match path.strip_prefix("/admin/tenants/{id}") {
        Some(below) => (true, below),
        None => (false, path.strip_prefix("/api").unwrap_or(path)),
    };
    let body = match below {
        "/admin/clock/advance" => json!({"to": "2001-01-01T00:00:00Z"}),
        "/subscription" | "/subscription/preview" => json!({"plan": "pro"}),
        "/invoices/{invoiceId}/lines" => json!({"description": "X", "amount": 100}),
        _ => json!({}),
    };
    (ids(admin, below), body)
}

fn ids(admin: bool, below: &str) -> &'static [(&'static str, &'static str)] {
    match (admin, below) {
        (true, below) if below.contains("{creditNoteId}") => {
            &[TENANT, ("invoiceId", "invoice"), ("creditNoteId", "credit_note")]
        }
        (true, below) if below.contains("{lineId}") => {
            &[TENANT, ("invoiceId", "invoice"), ("lineId", "line")]
        }
        (true, below) if below.contains("{invoiceId}") => &[TENANT, ("invoiceId", "invoice")],
        (true, _) => &[TENANT],
        (false, below) if below.contains("{creditNoteId}") => {
            &[("id", "invoice"), ("creditNoteId", "credit_note")]
        }
        (false, below) if below.contains("{id}") => &[("id", "invoice")],
        (false, _) => &[],
    }
}

/// A final invoice of the tenant's, its line, and a credit note over a part of it.
pub(super) async fn credited_invoice(app: &App, tenant: &Tenant) -> (String, String, String) {
    let (admin, all) = (app.admin(), format!("/admin/tenants/{}/invoices", tenant.id));
    let order = json!({"lines": [{"description": "Data import", "amount": 100_000}]});
    let draft = admin.post(&all, &order).await.expect(201);
    let (id, line) = (draft.text("/id"), draft.text("/lines/0/id"));
    let finalize = format!("{all}/{id}/finalize");
    admin.post(&finalize, &json!({})).await.expect(200);
    let credit = format!("{all}/{id}/credit-notes");
    let note = admin
        .post(&credit, &json!({"amount": 1}))
        .await
        .expect(201)
        .text("/id");
    (id, line, note)
}
