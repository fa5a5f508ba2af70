//! The provider's own pages.

use kernel::TenantId;

use super::{Payments, PaymentsError, calls};
use crate::providers::{CheckoutLink, CheckoutOrder};

/// A page to add a method at. `subject` is what makes two requests the same.
pub async fn checkout(
    payments: &Payments,
    tenant: TenantId,
    customer: &str,
    (success_url, cancel_url): (&str, &str),
    subject: &str,
) -> Result<CheckoutLink, PaymentsError> {
    let call = calls::begin(payments, tenant, "checkout", subject).await?;
    let order = CheckoutOrder {
        customer: customer.to_owned(),
        tenant: tenant.to_string(),
        success_url: success_url.to_owned(),
        cancel_url: cancel_url.to_owned(),
        idempotency_key: call.key.clone(),
    };
    let made = payments.provider().checkout(&order).await;
    calls::settle(payments, &call, made.as_ref().map(|link| &*link.reference)).await?;
    Ok(made?)
}

/// A page for what the customer may do himself.
pub async fn portal(
    payments: &Payments,
    tenant: TenantId,
    customer: &str,
    return_url: &str,
    subject: &str,
) -> Result<CheckoutLink, PaymentsError> {
    let call = calls::begin(payments, tenant, "portal", subject).await?;
    let made = payments.provider().portal(customer, return_url, &call.key).await;
    calls::settle(payments, &call, made.as_ref().map(|link| &*link.reference)).await?;
    Ok(made?)
}
