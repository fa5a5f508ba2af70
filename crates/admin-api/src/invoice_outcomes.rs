//! What becomes of a tenant's invoice: finalized, voided, given up, credited, paid by hand, refunded.

use axum::extract::State;
use billing::invoices::{self, CreditNote, Document, InvoiceId, Payment, PaymentId, RefundFrom, Repayment};
use billing::payments::attempts::{self, Attempt};
use billing::payments::by_hand::{self, SeenPayment};
use billing::payments::refunds::{self, Refund, RefundOrder};
use edge::{IdempotencyKey, IfMatch, Json, Path, ProblemResponse};
use gate::billing::{check_amount, check_line, invoice_refused as refused, refund_refused};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, Optional, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, FieldError, TenantId, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::invoices::shown;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(finalize), AdminPermission::BillingWrite))
        .routes(permitted(routes!(void), AdminPermission::BillingWrite))
        .routes(permitted(routes!(give_up), AdminPermission::BillingWrite))
        .routes(permitted(routes!(payments), AdminPermission::BillingRead))
        .routes(permitted(routes!(pay), AdminPermission::BillingWrite))
        .routes(permitted(routes!(credit_notes), AdminPermission::BillingRead))
        .routes(permitted(routes!(credit), AdminPermission::BillingWrite))
        .routes(permitted(routes!(repayments), AdminPermission::BillingRead))
        .routes(permitted(routes!(refund), AdminPermission::BillingWrite))
}

type Of = Path<(TenantId, InvoiceId)>;

/// Finalize a draft
///
/// It gets its number, takes the customer's balance, and never changes again. What is due is collected.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/finalize", operation_id = "finalizeTenantInvoice",
    tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The final invoice.", body = Document, headers(("ETag" = String)))))]
async fn finalize(
    State(state): State<AppState>,
    Path((tenant, id)): Of,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let done = invoices::finalize(&mut change.tx, terms, tenant, id, expected).await;
    done.map_err(refused)?;
    shown(change, tenant, id).await
}

/// Void an invoice
///
/// Takes an invoice back of which nothing was paid, by a credit note over all of it.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/void", operation_id = "voidTenantInvoice",
    tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The void invoice.", body = Document, headers(("ETag" = String)))))]
async fn void(
    State(state): State<AppState>,
    Path((tenant, id)): Of,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let done = by_hand::void(&mut change.tx, terms, tenant, id, expected).await;
    done.map_err(refused)?;
    shown(change, tenant, id).await
}

/// Give up on an invoice
///
/// Nobody expects it to be paid any more. A payment that comes after all opens it again.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/uncollectible",
    operation_id = "markTenantInvoiceUncollectible", tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The invoice.", body = Document, headers(("ETag" = String)))))]
async fn give_up(
    State(state): State<AppState>,
    Path((tenant, id)): Of,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let done = invoices::mark_uncollectible(&mut change.tx, terms, tenant, id, expected).await;
    done.map_err(refused)?;
    shown(change, tenant, id).await
}

/// What came for an invoice, and the attempts to collect it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InvoicePayments {
    /// What came, oldest first.
    items: Vec<Payment>,
    /// The provider's charges, oldest first.
    attempts: Vec<Attempt>,
}

/// List an invoice's payments
///
/// What came for it, and every attempt to charge it with what became of that.
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/payments", operation_id = "listTenantInvoicePayments",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path)),
    responses((status = 200, description = "The payments.", body = InvoicePayments)))]
async fn payments(
    caller: PlatformCaller,
    Path((tenant, id)): Of,
) -> Result<Json<InvoicePayments>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let document = invoices::get(&mut tx, tenant, id).await.map_err(refused)?;
    let attempts = attempts::of_invoice(&mut tx, tenant, id)
        .await
        .map_err(unexpected)?;
    Ok(Json(InvoicePayments {
        items: document.payments,
        attempts,
    }))
}

/// Money that came past the provider: by bank transfer, in cash.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"amount": 9900, "reference": "Bank statement 17, line 4"}))]
struct ReceivedPayment {
    /// How much, in minor units; all that is due unless given. What is more becomes the customer's balance.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64)]
    amount: Option<i64>,
    /// What it is called where it came from.
    #[schema(min_length = 1, max_length = 200)]
    reference: Option<String>,
    /// When it came; now unless given.
    received_at: Option<Timestamp>,
}

impl Validate for ReceivedPayment {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_amount(errors, "/amount", self.amount);
        check_line(errors, "/reference", self.reference.as_deref(), 200);
    }
}

/// Record a payment
///
/// Of money that came past the payment provider.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/payments", operation_id = "recordTenantInvoicePayment",
    tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    request_body = Option<ReceivedPayment>,
    responses((status = 201, description = "The payment.", body = Payment, headers(("Location" = String)))))]
async fn pay(
    State(state): State<AppState>,
    Path((tenant, id)): Of,
    mut change: Change<OfPlatform, Optional<ReceivedPayment>>,
) -> Result<Answer, ProblemResponse> {
    let received = std::mem::take(&mut change.body.0);
    let seen = SeenPayment {
        invoice: id,
        amount: received.amount,
        reference: received.reference,
        received_at: received.received_at,
    };
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let recorded = Box::pin(by_hand::record(&mut change.tx, terms, tenant, expected, seen)).await;
    let (_, payment) = recorded.map_err(refused)?;
    let location = format!("/admin/tenants/{tenant}/invoices/{id}/payments");
    change.answer(Answer::created(location, &payment)?).await
}

/// An invoice's credit notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InvoiceCreditNotes {
    /// Oldest first.
    items: Vec<CreditNote>,
}

/// List an invoice's credit notes
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/credit-notes",
    operation_id = "listTenantInvoiceCreditNotes", tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path)),
    responses((status = 200, description = "The credit notes.", body = InvoiceCreditNotes)))]
async fn credit_notes(
    caller: PlatformCaller,
    Path((tenant, id)): Of,
) -> Result<Json<InvoiceCreditNotes>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let document = invoices::get(&mut tx, tenant, id).await.map_err(refused)?;
    Ok(Json(InvoiceCreditNotes {
        items: document.credit_notes,
    }))
}

/// What is to be taken back of an invoice.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"amount": 1000, "note": "Outage of 5 March"}))]
struct Credit {
    /// How much, tax included, in minor units; all that is left unless given.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64)]
    amount: Option<i64>,
    /// Why, on the credit note.
    #[schema(min_length = 1, max_length = 500)]
    note: Option<String>,
}

impl Validate for Credit {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_amount(errors, "/amount", self.amount);
        check_line(errors, "/note", self.note.as_deref(), 500);
    }
}

/// Issue a credit note
///
/// Takes a part of a final invoice back, or all of it: off what is due, and what was paid to the customer's balance.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/credit-notes",
    operation_id = "creditTenantInvoice", tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    request_body = Option<Credit>,
    responses((status = 201, description = "The credit note.", body = CreditNote, headers(("Location" = String)))))]
async fn credit(
    State(state): State<AppState>,
    Path((tenant, id)): Of,
    mut change: Change<OfPlatform, Optional<Credit>>,
) -> Result<Answer, ProblemResponse> {
    let Credit { amount, note } = std::mem::take(&mut change.body.0);
    let (terms, invoice) = (state.payments.terms(), (id, change.request.expected));
    let issued = Box::pin(by_hand::credit(
        &mut change.tx,
        terms,
        tenant,
        invoice,
        amount,
        note,
    ))
    .await;
    let issued = issued.map_err(refused)?;
    let location = format!("/admin/tenants/{tenant}/invoices/{id}/credit-notes");
    change.answer(Answer::created(location, &issued)?).await
}

/// What goes back of an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InvoiceRefunds {
    /// Oldest first.
    items: Vec<Repayment>,
    /// What the provider was asked for, oldest first.
    orders: Vec<Refund>,
}

/// List an invoice's refunds
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/refunds", operation_id = "listTenantInvoiceRefunds",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path)),
    responses((status = 200, description = "The refunds.", body = InvoiceRefunds)))]
async fn repayments(
    caller: PlatformCaller,
    Path((tenant, id)): Of,
) -> Result<Json<InvoiceRefunds>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    invoices::get(&mut tx, tenant, id).await.map_err(refused)?;
    let items = invoices::repayments(&mut tx, tenant, id)
        .await
        .map_err(unexpected)?;
    let orders = refunds::of_invoice(&mut tx, tenant, id)
        .await
        .map_err(unexpected)?;
    Ok(Json(InvoiceRefunds { items, orders }))
}

/// From where money is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RefundSource)]
enum Source {
    /// From what the invoice sold: a credit note takes that back.
    #[default]
    Invoice,
    /// From the customer's balance: what came beyond what was due, or was credited.
    Balance,
}

/// Money that is to go back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RefundOrder, example = json!({"amount": 1000, "reason": "Outage of 5 March"}))]
struct NewRefund {
    /// Of which payment; needed only where the invoice has several of which something is left.
    payment_id: Option<PaymentId>,
    /// How much, in minor units; all that is left unless given.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64)]
    amount: Option<i64>,
    /// Where it is taken from: `invoice` unless given.
    from: Option<Source>,
    /// Why, on the credit note.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

impl Validate for NewRefund {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_amount(errors, "/amount", self.amount);
        check_line(errors, "/reason", self.reason.as_deref(), 500);
    }
}

/// Refund a payment
///
/// What the payment provider collected it sends back, and the refund is `pending` until it did. Of what came by hand this says
/// that it was sent back by hand. All refunds of a payment together are never more than came.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/refunds", operation_id = "refundTenantInvoice",
    tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    request_body = Option<NewRefund>,
    responses((status = 201, description = "The refund.", body = Repayment, headers(("Location" = String)))))]
async fn refund(
    State(state): State<AppState>,
    Path((tenant, id)): Of,
    mut change: Change<OfPlatform, Optional<NewRefund>>,
) -> Result<Answer, ProblemResponse> {
    let wanted = std::mem::take(&mut change.body.0);
    let order = RefundOrder {
        invoice: id,
        payment: wanted.payment_id,
        amount: wanted.amount,
        from: match wanted.from.unwrap_or_default() {
            Source::Invoice => RefundFrom::Invoice,
            Source::Balance => RefundFrom::Balance,
        },
        reason: wanted.reason,
    };
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let ordered = Box::pin(refunds::order(&mut change.tx, terms, tenant, expected, order)).await;
    let (repayment, _) = ordered.map_err(refund_refused)?;
    let location = format!("/admin/tenants/{tenant}/invoices/{id}/refunds");
    change.answer(Answer::created(location, &repayment)?).await
}
