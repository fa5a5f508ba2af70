//! How the failures of tenants' operations become problems.

use edge::ProblemResponse;
use gate::unexpected;
use kernel::{Code, FieldError, Problem};
use provisioning::ProvisionError;
use tenants::{ChangeTenantError, CreateTenantError};
use white_label::custom_domains::RegisterDomainError;

pub(crate) fn changing(error: ChangeTenantError) -> ProblemResponse {
    let code = match &error {
        ChangeTenantError::NotFound => Code::NotFound,
        ChangeTenantError::VersionMismatch(_) => Code::PreconditionFailed,
        ChangeTenantError::InvalidTransition(_) | ChangeTenantError::NotEditable(_) => {
            Code::InvalidTransition
        }
        ChangeTenantError::SlugTaken => Code::SlugTaken,
        ChangeTenantError::Settings(_) => Code::ValidationFailed,
        ChangeTenantError::Database(_) => Code::Internal,
    };
    match error {
        ChangeTenantError::Database(error) => unexpected(error),
        ChangeTenantError::NotFound => Code::NotFound.into(),
        ChangeTenantError::Settings(invalid) => Problem::invalid(vec![invalid.at("/config/settings")]).into(),
        other => Problem::new(code, sentence(&other)).into(),
    }
}

pub(crate) fn ordering(error: ProvisionError) -> ProblemResponse {
    match error {
        ProvisionError::Invalid(errors) => Problem::invalid(errors).into(),
        ProvisionError::Busy => Code::Overloaded.into(),
        ProvisionError::Tenant(CreateTenantError::SlugTaken) => Code::SlugTaken.into(),
        ProvisionError::Domain(error) => registering(error),
        ProvisionError::Forbidden(refused) => Problem::new(Code::Forbidden, sentence(&refused)).into(),
        ProvisionError::Tenant(CreateTenantError::Database(error)) | ProvisionError::Database(error) => {
            unexpected(error)
        }
    }
}

pub(crate) fn registering(error: RegisterDomainError) -> ProblemResponse {
    match error {
        RegisterDomainError::NoSuchTenant => Code::NotFound.into(),
        RegisterDomainError::Closed(_) => Problem::new(Code::InvalidTransition, sentence(&error)).into(),
        RegisterDomainError::DomainTaken => Code::DomainTaken.into(),
        RegisterDomainError::Database(error) => unexpected(error),
    }
}

/// A parameter of the address that is not valid.
pub(crate) fn parameter(name: &str, detail: &str) -> ProblemResponse {
    let errors = vec![FieldError::new(format!("?{name}"), detail)];
    Problem {
        code: Code::InvalidParameter,
        detail: String::new(),
        errors,
    }
    .into()
}

/// An error's text as a sentence.
pub(crate) fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}
