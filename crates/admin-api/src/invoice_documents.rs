//! A tenant's invoices and credit notes as people are given them: PDF and HTML.

use axum::extract::State;
use axum::response::Response;
use billing::accounts;
use billing::invoices::{self, CreditNoteId, InvoiceId};
use billing::rendering::InvoiceDocument;
use edge::{Path, ProblemResponse};
use gate::billing::{account_refused, html as page, invoice_refused as refused, pdf as file};
use gate::{AppState, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(pdf), AdminPermission::BillingRead))
        .routes(permitted(routes!(html), AdminPermission::BillingRead))
        .routes(permitted(routes!(credit_note_pdf), AdminPermission::BillingRead))
        .routes(permitted(routes!(credit_note_html), AdminPermission::BillingRead))
}

/// Get an invoice as a PDF
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/pdf", operation_id = "getTenantInvoicePdf",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path)),
    responses((status = 200, description = "The invoice.", body = Vec<u8>, content_type = "application/pdf")))]
async fn pdf(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path((tenant, id)): Path<(TenantId, InvoiceId)>,
) -> Result<Response, ProblemResponse> {
    Ok(file(&document(&state, &caller, tenant, (id, None)).await?))
}

/// Get an invoice as a page
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/html", operation_id = "getTenantInvoiceHtml",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path)),
    responses((status = 200, description = "The invoice.", body = String, content_type = "text/html")))]
async fn html(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path((tenant, id)): Path<(TenantId, InvoiceId)>,
) -> Result<Response, ProblemResponse> {
    Ok(page(&document(&state, &caller, tenant, (id, None)).await?))
}

/// Get a credit note as a PDF
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/credit-notes/{creditNoteId}/pdf",
    operation_id = "getTenantCreditNotePdf", tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), ("creditNoteId" = CreditNoteId, Path)),
    responses((status = 200, description = "The credit note.", body = Vec<u8>, content_type = "application/pdf")))]
async fn credit_note_pdf(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path((tenant, id, note)): Path<(TenantId, InvoiceId, CreditNoteId)>,
) -> Result<Response, ProblemResponse> {
    Ok(file(&document(&state, &caller, tenant, (id, Some(note))).await?))
}

/// Get a credit note as a page
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}/credit-notes/{creditNoteId}/html",
    operation_id = "getTenantCreditNoteHtml", tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), ("creditNoteId" = CreditNoteId, Path)),
    responses((status = 200, description = "The credit note.", body = String, content_type = "text/html")))]
async fn credit_note_html(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path((tenant, id, note)): Path<(TenantId, InvoiceId, CreditNoteId)>,
) -> Result<Response, ProblemResponse> {
    Ok(page(&document(&state, &caller, tenant, (id, Some(note))).await?))
}

async fn document(
    state: &AppState,
    caller: &PlatformCaller,
    tenant: TenantId,
    (id, note): (InvoiceId, Option<CreditNoteId>),
) -> Result<InvoiceDocument, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let invoice = invoices::get(&mut tx, tenant, id).await.map_err(refused)?;
    let account = accounts::get(&mut tx, tenant).await.map_err(account_refused)?;
    let printed = invoice.printed_as(note, &account, state.payments.terms());
    Ok(printed.ok_or(Code::NotFound)?)
}
