//! A billing account and what it may be changed to: pure.

use kernel::{Entity, FieldError, Id, TenantId, Timestamp};
use pricing::{Currency, Zone};
use serde::{Deserialize, Serialize};

use crate::providers::ProviderKind;

/// Marker of billing accounts.
#[derive(Debug)]
pub enum AccountEntity {}
impl Entity for AccountEntity {
    const PREFIX: &'static str = "customer";
}
/// An account's identifier.
pub type AccountId = Id<AccountEntity>;

/// Where somebody is, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Address {
    /// Street and number.
    #[schema(max_length = 200)]
    pub line1: String,
    /// What else is needed to find it.
    #[schema(max_length = 200)]
    pub line2: String,
    /// Post code.
    #[schema(max_length = 20)]
    pub postal_code: String,
    /// Town.
    #[schema(max_length = 100)]
    pub city: String,
    /// State or province, where taxes differ by it: ISO 3166-2 without the country (`CA`, `QC`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 10)]
    pub region: Option<String>,
    /// ISO 3166-1, two capital letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
}

/// Whom a tenant's invoices are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BillingAccount {
    /// Which one.
    pub id: AccountId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who collects.
    pub provider: ProviderKind,
    /// Where invoices are sent to.
    pub email: Option<String>,
    /// Who owes them.
    pub name: String,
    /// Where he is.
    pub address: Address,
    /// His VAT id or other tax number.
    pub tax_number: Option<String>,
    /// Whether he pays no tax at all.
    pub tax_exempt: bool,
    /// What he pays in.
    pub currency: Currency,
    /// Whose days his periods are made of.
    pub time_zone: Zone,
    /// The language of his invoices (BCP 47).
    pub locale: String,
    /// Counts the changes of this record, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An account that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Who collects.
    pub provider: ProviderKind,
    /// Where invoices are sent to.
    pub email: Option<String>,
    /// Who owes them.
    pub name: String,
    /// What he pays in.
    pub currency: Currency,
    /// Whose days his periods are made of.
    pub time_zone: Zone,
}

impl NewAccount {
    /// The account that it becomes.
    pub(super) fn account(self, id: AccountId, tenant: TenantId, now: Timestamp) -> BillingAccount {
        BillingAccount {
            id,
            tenant_id: tenant,
            provider: self.provider,
            email: self.email,
            name: self.name,
            address: Address::default(),
            tax_number: None,
            tax_exempt: false,
            currency: self.currency,
            time_zone: self.time_zone,
            locale: "en".to_owned(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What is to change; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateAccount {
    /// Who collects.
    pub provider: Option<ProviderKind>,
    /// Where invoices are sent to; `Some(None)` is nowhere.
    pub email: Option<Option<String>>,
    /// Who owes them.
    pub name: Option<String>,
    /// Where he is, as a whole.
    pub address: Option<Address>,
    /// His tax number; `Some(None)` is none.
    pub tax_number: Option<Option<String>>,
    /// Whether he pays no tax at all.
    pub tax_exempt: Option<bool>,
    /// What he pays in.
    pub currency: Option<Currency>,
    /// Whose days his periods are made of; a subscription keeps the zone that it began in until its anchor changes.
    pub time_zone: Option<Zone>,
    /// The language of his invoices.
    pub locale: Option<String>,
}

/// The account cannot be like that: the fields that are wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the billing account is not valid")]
pub struct InvalidAccount(pub Vec<FieldError>);

impl BillingAccount {
    /// The same with a change applied and everything checked. The version is the caller's affair.
    pub fn updated(self, update: UpdateAccount) -> Result<Self, InvalidAccount> {
        let changed = Self {
            provider: update.provider.unwrap_or(self.provider),
            email: update.email.unwrap_or(self.email),
            name: update.name.unwrap_or(self.name),
            address: update.address.unwrap_or(self.address),
            tax_number: update.tax_number.unwrap_or(self.tax_number),
            tax_exempt: update.tax_exempt.unwrap_or(self.tax_exempt),
            currency: update.currency.unwrap_or(self.currency),
            time_zone: update.time_zone.unwrap_or(self.time_zone),
            locale: update.locale.unwrap_or(self.locale),
            ..self
        };
        let errors = changed.errors();
        if errors.is_empty() {
            Ok(changed)
        } else {
            Err(InvalidAccount(errors))
        }
    }

    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut check = |pointer: &str, holds: bool, detail: &str| {
            if !holds {
                errors.push(FieldError::new(pointer, detail));
            }
        };
        let address = &self.address;
        check(
            "/name",
            is_line(&self.name, 1, 200),
            "must be one line of 1 to 200 characters",
        );
        let mailbox = |email: &String| mail::Mailbox::new(None, email).is_ok() && email.len() <= 254;
        check(
            "/email",
            self.email.as_ref().is_none_or(mailbox),
            "must be an email address",
        );
        for (pointer, text, most) in [
            ("/address/line1", &address.line1, 200),
            ("/address/line2", &address.line2, 200),
            ("/address/postalCode", &address.postal_code, 20),
            ("/address/city", &address.city, 100),
        ] {
            check(
                pointer,
                is_line(text, 0, most),
                &format!("must be one line of at most {most} characters"),
            );
        }
        check(
            "/address/region",
            address
                .region
                .as_ref()
                .is_none_or(|region| is_code(region, 1..=10)),
            "must be 1 to 10 letters or digits",
        );
        let two_letters =
            |country: &String| country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        check(
            "/address/country",
            address.country.as_ref().is_none_or(two_letters),
            "must be the two capital letters of ISO 3166-1",
        );
        check(
            "/taxNumber",
            self.tax_number
                .as_ref()
                .is_none_or(|number| is_code(number, 4..=20)),
            "must be 4 to 20 letters or digits",
        );
        let subtags = |locale: &str| locale.split('-').all(|tag| is_code(tag, 1..=8));
        check(
            "/locale",
            (2..=35).contains(&self.locale.len()) && subtags(&self.locale),
            "must be a language tag such as en or de-AT",
        );
        errors
    }
}

fn is_line(text: &str, least: usize, most: usize) -> bool {
    let trimmed = text.trim() == text;
    trimmed && (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_code(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
