//! A method: pure.

use kernel::{Entity, FieldError, Id, TenantId, Timestamp, Validate};
use serde::{Deserialize, Serialize};

use crate::providers::ledger::ByHand;
use crate::providers::{MethodDetails, ProviderKind};

/// Marker of methods.
#[derive(Debug)]
pub enum MethodEntity {}
impl Entity for MethodEntity {
    const PREFIX: &'static str = "payment_method";
}
/// A method's identifier.
pub type MethodId = Id<MethodEntity>;

/// Something to pay with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentMethod {
    /// Which one.
    pub id: MethodId,
    /// Whose.
    #[serde(skip)]
    pub tenant_id: TenantId,
    /// Who charges it.
    pub provider: ProviderKind,
    /// `card`, `sepa_debit`, …; under the ledger `bank_transfer` or `manual`.
    #[schema(example = "card")]
    pub kind: String,
    /// What the provider calls it.
    #[serde(skip)]
    pub reference: Option<String>,
    /// What people recognise it by.
    #[schema(example = "visa •••• 4242")]
    pub label: String,
    /// The card's brand, the bank's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The last digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// Until when a card is valid: the month, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp_month: Option<i16>,
    /// And the year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp_year: Option<i16>,
    /// Whether invoices are paid by it.
    pub is_default: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

impl PaymentMethod {
    /// A method of the provider's, as it describes it.
    pub(crate) fn of(id: MethodId, tenant: TenantId, details: MethodDetails, now: Timestamp) -> Self {
        Self {
            id,
            tenant_id: tenant,
            provider: ProviderKind::Stripe,
            kind: details.kind,
            reference: Some(details.reference),
            label: details.label,
            brand: details.brand,
            last4: details.last4,
            exp_month: details.exp_month,
            exp_year: details.exp_year,
            is_default: false,
            created_at: now,
        }
    }
}

/// A method that is to be added: one that the provider has made in the payer's browser, or a note of how he pays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"kind": "bank_transfer", "label": "The account at the savings bank"}))]
pub struct NewMethod {
    /// What the provider calls it, where it charges (`pm_…`).
    #[schema(min_length = 1, max_length = 255, example = "pm_1Q0PsIJvEtkwdCNYMSaVuRz6")]
    pub reference: Option<String>,
    /// How the tenant pays, where nobody is charged.
    pub kind: Option<ByHand>,
    /// What people recognise it by, where nobody is charged.
    #[schema(min_length = 1, max_length = 200)]
    pub label: Option<String>,
    /// Whether invoices are paid by it from now on. The first one is always the default.
    #[serde(default)]
    pub default: bool,
}

impl Validate for NewMethod {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(label) = &self.label
            && (label.trim().is_empty() || label.chars().count() > 200 || label.chars().any(char::is_control))
        {
            errors.push(FieldError::new(
                "/label",
                "must be one line of 1 to 200 characters",
            ));
        }
        let is_identifier = |text: &str| {
            (1..=255).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if self
            .reference
            .as_deref()
            .is_some_and(|reference| !is_identifier(reference))
        {
            errors.push(FieldError::new(
                "/reference",
                "must be what the provider calls the method",
            ));
        }
        match (&self.reference, &self.kind) {
            (None, None) => errors.push(FieldError::new("", "must have `reference` or `kind`")),
            (Some(_), Some(_)) => {
                errors.push(FieldError::new("/kind", "does not go together with `reference`"));
            }
            _ => {}
        }
    }
}
