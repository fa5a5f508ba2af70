//! `/api/invoices`: what the caller's tenant was invoiced, also as the documents that its people are given.

use axum::extract::State;
use axum::response::Response;
use billing::accounts;
use billing::dunning;
use billing::invoices::{self, CreditNote, CreditNoteId, Document, Invoice, InvoiceId, InvoiceStatus};
use billing::payments::attempts::{Attempt, AttemptStatus};
use billing::rendering::InvoiceDocument;
use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemBody, ProblemResponse, Query};
use gate::billing::{account_refused, html as page, invoice_refused as refused, pdf as file};
use gate::{Answer, AppState, Keyed, NoBody, OfOrders, TenantCaller, permitted, unexpected};
use kernel::{Code, Permission};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::payment_methods::keep;
use crate::payment_refusals::{pay_refused, refused as provider_refused};
use crate::versioned::{IfNoneMatch, shown};

type InvoiceCursor = Cursor<InvoiceId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::BillingRead))
        .routes(permitted(routes!(get), Permission::BillingRead))
        .routes(permitted(routes!(pay), Permission::BillingWrite))
        .routes(permitted(routes!(pdf), Permission::BillingRead))
        .routes(permitted(routes!(html), Permission::BillingRead))
        .routes(permitted(routes!(credit_notes), Permission::BillingRead))
        .routes(permitted(routes!(credit_note_pdf), Permission::BillingRead))
        .routes(permitted(routes!(credit_note_html), Permission::BillingRead))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct InvoiceFilter {
    #[serde(default)]
    limit: Limit,
    cursor: Option<InvoiceCursor>,
    /// Only those that stand there.
    status: Option<InvoiceStatus>,
}

/// List invoices
#[utoipa::path(get, path = "/api/invoices", operation_id = "listInvoices", tag = "billing",
    security(("tenantKey" = [])), params(InvoiceFilter),
    responses((status = 200, description = "A page of invoices, newest first.", body = Page<Invoice>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<InvoiceFilter>,
) -> Result<Json<Page<Invoice>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let (tenant, after) = (caller.tenant.id, query.cursor.map(|cursor| cursor.0));
    let found = invoices::list(&mut tx, tenant, query.status, after, query.limit.rows()).await;
    let found = found.map_err(unexpected)?;
    Ok(Json(Page::new(found, query.limit, |invoice| invoice.id)))
}

/// Get an invoice
///
/// With its lines, its credit notes and its payments.
#[utoipa::path(get, path = "/api/invoices/{id}", operation_id = "getInvoice", tag = "billing",
    security(("tenantKey" = [])), params(("id" = InvoiceId, Path), IfNoneMatch),
    responses((status = 200, description = "The invoice.", body = Document, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(id): Path<InvoiceId>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let document = invoices::get(&mut tx, caller.tenant.id, id)
        .await
        .map_err(refused)?;
    Ok(shown(&known, document.invoice.version, document))
}

/// How paying an invoice goes on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PaymentUnderWay {
    /// The attempt, which is found among the invoice's payments once it succeeded.
    payment: Attempt,
    /// Where the payer has to confirm: what the provider's own script in his browser goes on with.
    #[schema(example = "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Pay an invoice
///
/// Now and by the default method, whenever the next try is. Where a payment waits for the payer's confirmation (3-D
/// Secure), the answer has what his browser needs for it; where one is under way, it is that one.
#[utoipa::path(post, path = "/api/invoices/{id}/pay", operation_id = "payInvoice", tag = "billing",
    security(("tenantKey" = [])), params(("id" = InvoiceId, Path), IdempotencyKey),
    responses((status = 202, description = "It is under way.", body = PaymentUnderWay, headers(("Location" = String))),
        (status = 409, description = "Nothing is due, or there is nothing to pay it by.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn pay(
    State(state): State<AppState>,
    Path(id): Path<InvoiceId>,
    keyed: Keyed<OfOrders, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let request = keyed.request;
    let tenant = request.caller.tenant.id;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let location = format!("/api/invoices/{id}");
    let payment = dunning::pay(&mut tx, tenant, id).await.map_err(pay_refused)?;
    let waits = (payment.status == AttemptStatus::RequiresAction)
        .then(|| payment.reference.clone())
        .flatten();
    let Some(reference) = waits else {
        let answer = PaymentUnderWay {
            payment,
            client_secret: None,
        };
        return request.finish(tx, Answer::accepted(location, &answer)?).await;
    };
    drop(tx);
    let confirmation = state.payments.provider().confirmation(&reference).await;
    let confirmation = confirmation.map_err(|failure| provider_refused(failure.into(), ""))?;
    let answer = PaymentUnderWay {
        payment,
        client_secret: Some(confirmation.client_secret.expose().clone()),
    };
    keep(&request, Answer::accepted(location, &answer)?).await
}

/// Get an invoice as a PDF
#[utoipa::path(get, path = "/api/invoices/{id}/pdf", operation_id = "getInvoicePdf", tag = "billing",
    security(("tenantKey" = [])), params(("id" = InvoiceId, Path)),
    responses((status = 200, description = "The invoice.", body = Vec<u8>, content_type = "application/pdf")))]
async fn pdf(
    State(state): State<AppState>,
    caller: TenantCaller,
    Path(id): Path<InvoiceId>,
) -> Result<Response, ProblemResponse> {
    Ok(file(&document(&state, &caller, id, None).await?))
}

/// Get an invoice as a page
#[utoipa::path(get, path = "/api/invoices/{id}/html", operation_id = "getInvoiceHtml", tag = "billing",
    security(("tenantKey" = [])), params(("id" = InvoiceId, Path)),
    responses((status = 200, description = "The invoice.", body = String, content_type = "text/html")))]
async fn html(
    State(state): State<AppState>,
    caller: TenantCaller,
    Path(id): Path<InvoiceId>,
) -> Result<Response, ProblemResponse> {
    Ok(page(&document(&state, &caller, id, None).await?))
}

/// An invoice's credit notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreditNotes {
    /// Oldest first.
    items: Vec<CreditNote>,
}

/// List an invoice's credit notes
#[utoipa::path(get, path = "/api/invoices/{id}/credit-notes", operation_id = "listInvoiceCreditNotes", tag = "billing",
    security(("tenantKey" = [])), params(("id" = InvoiceId, Path)),
    responses((status = 200, description = "The credit notes.", body = CreditNotes)))]
async fn credit_notes(
    caller: TenantCaller,
    Path(id): Path<InvoiceId>,
) -> Result<Json<CreditNotes>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let document = invoices::get(&mut tx, caller.tenant.id, id)
        .await
        .map_err(refused)?;
    Ok(Json(CreditNotes {
        items: document.credit_notes,
    }))
}

/// Get a credit note as a PDF
#[utoipa::path(get, path = "/api/invoices/{id}/credit-notes/{creditNoteId}/pdf", operation_id = "getCreditNotePdf",
    tag = "billing", security(("tenantKey" = [])),
    params(("id" = InvoiceId, Path), ("creditNoteId" = CreditNoteId, Path)),
    responses((status = 200, description = "The credit note.", body = Vec<u8>, content_type = "application/pdf")))]
async fn credit_note_pdf(
    State(state): State<AppState>,
    caller: TenantCaller,
    Path((id, note)): Path<(InvoiceId, CreditNoteId)>,
) -> Result<Response, ProblemResponse> {
    Ok(file(&document(&state, &caller, id, Some(note)).await?))
}

/// Get a credit note as a page
#[utoipa::path(get, path = "/api/invoices/{id}/credit-notes/{creditNoteId}/html", operation_id = "getCreditNoteHtml",
    tag = "billing", security(("tenantKey" = [])),
    params(("id" = InvoiceId, Path), ("creditNoteId" = CreditNoteId, Path)),
    responses((status = 200, description = "The credit note.", body = String, content_type = "text/html")))]
async fn credit_note_html(
    State(state): State<AppState>,
    caller: TenantCaller,
    Path((id, note)): Path<(InvoiceId, CreditNoteId)>,
) -> Result<Response, ProblemResponse> {
    Ok(page(&document(&state, &caller, id, Some(note)).await?))
}

async fn document(
    state: &AppState,
    caller: &TenantCaller,
    id: InvoiceId,
    note: Option<CreditNoteId>,
) -> Result<InvoiceDocument, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let tenant = caller.tenant.id;
    let invoice = invoices::get(&mut tx, tenant, id).await.map_err(refused)?;
    let account = accounts::get(&mut tx, tenant).await.map_err(account_refused)?;
    let printed = invoice.printed_as(note, &account, state.payments.terms());
    Ok(printed.ok_or(Code::NotFound)?)
}
