//! `/admin/tenants/{id}/invoices`: what a tenant was invoiced, and drafts that operators write.

use axum::extract::State;
use billing::invoices::{self, Document, Invoice, InvoiceId, InvoiceStatus, LineId, LineOrder};
use edge::{Cursor, ETag, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::billing::{check_amount, check_line, invoice_refused as refused};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use isolation::ControlTx;
use kernel::{AdminPermission, Code, FieldError, TenantId, Validate};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type InvoiceCursor = Cursor<InvoiceId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::BillingRead))
        .routes(permitted(routes!(get), AdminPermission::BillingRead))
        .routes(permitted(routes!(create), AdminPermission::BillingWrite))
        .routes(permitted(routes!(delete), AdminPermission::BillingWrite))
        .routes(permitted(routes!(add_line), AdminPermission::BillingWrite))
        .routes(permitted(routes!(remove_line), AdminPermission::BillingWrite))
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

/// List a tenant's invoices
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices", operation_id = "listTenantInvoices", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path), InvoiceFilter),
    responses((status = 200, description = "A page of invoices, newest first.", body = Page<Invoice>)))]
async fn list(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<InvoiceFilter>,
) -> Result<Json<Page<Invoice>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    known(&mut tx, tenant).await?;
    let after = query.cursor.map(|cursor| cursor.0);
    let found = invoices::list(&mut tx, tenant, query.status, after, query.limit.rows()).await;
    let found = found.map_err(unexpected)?;
    Ok(Json(Page::new(found, query.limit, |invoice| invoice.id)))
}

async fn known(tx: &mut ControlTx, tenant: TenantId) -> Result<(), ProblemResponse> {
    let found = tenants::get(tx, tenant).await.map_err(unexpected)?;
    found.map(drop).ok_or(Code::NotFound.into())
}

/// Get an invoice of a tenant
///
/// With its lines, its credit notes and its payments.
#[utoipa::path(get, path = "/admin/tenants/{id}/invoices/{invoiceId}", operation_id = "getTenantInvoice", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path)),
    responses((status = 200, description = "The invoice.", body = Document, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path((tenant, id)): Path<(TenantId, InvoiceId)>,
) -> Result<(ETag, Json<Document>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let document = invoices::get(&mut tx, tenant, id).await.map_err(refused)?;
    Ok((ETag::version(document.invoice.version), Json(document)))
}

/// Something that is charged once.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = InvoiceLineOrder, example = json!({"description": "Data import", "amount": 25_000}))]
struct NewLine {
    /// What the invoice says.
    #[schema(min_length = 1, max_length = 200)]
    description: String,
    /// What it comes to, in minor units of the account's currency; before tax, where prices are without.
    #[schema(minimum = 1, maximum = 999_999_999_999_i64)]
    amount: i64,
}

impl NewLine {
    fn check_at(&self, errors: &mut Vec<FieldError>, at: &str) {
        check_line(errors, &format!("{at}/description"), Some(&self.description), 200);
        check_amount(errors, &format!("{at}/amount"), Some(self.amount));
    }
}

impl Validate for NewLine {
    fn check(&self, errors: &mut Vec<FieldError>) {
        self.check_at(errors, "");
    }
}

impl From<NewLine> for LineOrder {
    fn from(line: NewLine) -> Self {
        Self {
            description: line.description,
            amount: line.amount,
        }
    }
}

/// An invoice that is written by hand.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = InvoiceOrder, example = json!({"lines": [{"description": "Data import", "amount": 25_000}]}))]
struct NewInvoice {
    /// What is on it.
    #[serde(default)]
    #[schema(max_items = 100)]
    lines: Vec<NewLine>,
}

impl Validate for NewInvoice {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.lines.len() > 100 {
            errors.push(FieldError::new("/lines", "must be at most 100"));
        }
        for (index, line) in self.lines.iter().enumerate().take(100) {
            line.check_at(errors, &format!("/lines/{index}"));
        }
    }
}

/// Write an invoice
///
/// A draft, which can be changed until it is finalized.
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices", operation_id = "createTenantInvoice", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IdempotencyKey), request_body = NewInvoice,
    responses((status = 201, description = "The draft.", body = Document,
        headers(("ETag" = String), ("Location" = String)))))]
async fn create(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, NewInvoice>,
) -> Result<Answer, ProblemResponse> {
    let lines = std::mem::take(&mut change.body.lines)
        .into_iter()
        .map(LineOrder::from);
    let terms = state.payments.terms();
    let (invoice, _) = invoices::write(&mut change.tx, terms, tenant, lines.collect())
        .await
        .map_err(refused)?;
    let location = format!("/admin/tenants/{tenant}/invoices/{}", invoice.id);
    let document = invoices::get(&mut change.tx, tenant, invoice.id)
        .await
        .map_err(refused)?;
    let answer = Answer::created(location, &document)?.version(invoice.version);
    change.answer(answer).await
}

/// Delete a draft
///
/// One that an operator wrote; those of a subscription would be missing.
#[utoipa::path(delete, path = "/admin/tenants/{id}/invoices/{invoiceId}", operation_id = "deleteTenantInvoice",
    tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The draft is gone.")))]
async fn delete(
    Path((tenant, id)): Path<(TenantId, InvoiceId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    invoices::of_version(&mut change.tx, tenant, id, expected)
        .await
        .map_err(refused)?;
    invoices::delete(&mut change.tx, tenant, id)
        .await
        .map_err(refused)?;
    change.answer(Answer::no_content()).await
}

/// Add a line to a draft
#[utoipa::path(post, path = "/admin/tenants/{id}/invoices/{invoiceId}/lines", operation_id = "addTenantInvoiceLine",
    tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), IfMatch, IdempotencyKey), request_body = NewLine,
    responses((status = 200, description = "The draft with the line.", body = Document, headers(("ETag" = String)))))]
async fn add_line(
    State(state): State<AppState>,
    Path((tenant, id)): Path<(TenantId, InvoiceId)>,
    mut change: Change<OfPlatform, NewLine>,
) -> Result<Answer, ProblemResponse> {
    let line = change.body.clone().into();
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let added = invoices::add_once(&mut change.tx, terms, tenant, id, expected, line).await;
    added.map_err(refused)?;
    shown(change, tenant, id).await
}

/// Remove a line from a draft
#[utoipa::path(delete, path = "/admin/tenants/{id}/invoices/{invoiceId}/lines/{lineId}",
    operation_id = "removeTenantInvoiceLine", tag = "billing", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("invoiceId" = InvoiceId, Path), ("lineId" = LineId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The draft without the line.", body = Document, headers(("ETag" = String)))))]
async fn remove_line(
    State(state): State<AppState>,
    Path((tenant, id, line)): Path<(TenantId, InvoiceId, LineId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let removed = invoices::remove_line(&mut change.tx, terms, tenant, id, expected, line).await;
    removed.map_err(refused)?;
    shown(change, tenant, id).await
}

/// Answers the invoice as it is after the change.
pub(crate) async fn shown<B>(
    mut change: Change<OfPlatform, B>,
    tenant: TenantId,
    id: InvoiceId,
) -> Result<Answer, ProblemResponse> {
    let document = invoices::get(&mut change.tx, tenant, id).await.map_err(refused)?;
    let answer = Answer::ok(&document)?.version(document.invoice.version);
    change.answer(answer).await
}
