//! What is asked for, as callers write it and as a run keeps it.

use std::collections::BTreeMap;

use identity::{Email, Name, PasswordHash};
use isolation::IsolationStrategy;
use kernel::{FieldError, Secret, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenants::directory::BaseDomain;
use tenants::plans::{FeatureOverrides, FeaturePatch, LimitOverrides, PlanId};
use tenants::{BillingCycle, NewTenant, Region, Settings, Slug, TenantName};
use white_label::custom_domains::{Hostname, InvalidHostname};

/// A tenant that is ordered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "New Company", "slug": "newco", "plan": "enterprise", "isolationStrategy": "database_per_tenant",
    "owner": {"email": "admin@newco.com", "name": "John Doe"},
    "config": {"customDomain": "newco.com", "features": {"advancedAnalytics": true, "sso": true}}
}))]
pub struct ProvisionRequest {
    /// What people call it.
    pub name: TenantName,
    /// What it is called in addresses.
    pub slug: Slug,
    /// What it is on.
    pub plan: PlanId,
    /// How often it pays; monthly unless given.
    pub billing_cycle: Option<BillingCycle>,
    /// How its data is walled off; shared unless given.
    pub isolation_strategy: Option<IsolationStrategy>,
    /// Where it wants its data to be.
    pub region: Option<Region>,
    /// A host name of its own; it is served once its ownership is proved.
    #[schema(value_type = Option<Hostname>)]
    pub custom_domain: Option<String>,
    /// Who owns it.
    #[serde(default, deserialize_with = "kernel::object_or_null")]
    pub owner: Option<OwnerRequest>,
    /// What it has differently from its plan.
    #[serde(default, deserialize_with = "kernel::object")]
    pub config: ConfigRequest,
}

/// Who owns the ordered tenant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnerRequest {
    /// Where his invitation is sent.
    #[schema(value_type = String, format = Email, example = "admin@newco.com")]
    pub email: Email,
    /// What he is called.
    pub name: Name,
    /// His password, of at least 12 characters and at most 72 bytes; without one he is invited by mail.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 72)]
    pub password: Option<Secret<String>>,
}

/// What the ordered tenant has differently from its plan.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigRequest {
    /// The same as `customDomain` of the tenant; only one of them may be given.
    #[schema(value_type = Option<Hostname>)]
    pub custom_domain: Option<String>,
    /// Features granted (`true`) or withheld (`false`) whatever the plan says.
    #[serde(default)]
    #[schema(value_type = FeaturePatch)]
    pub features: BTreeMap<String, Option<bool>>,
    /// Its application's settings.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
}

/// A valid order: what the transaction of the order needs.
#[derive(Debug)]
pub(crate) struct Valid {
    pub(crate) tenant: NewTenant,
    pub(crate) domain: Option<Hostname>,
    pub(crate) order: Order,
}

/// What a run has to remember of its order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) owner: Option<Owner>,
    pub(crate) domain: Option<String>,
    #[serde(default)]
    pub(crate) requested_by: Option<kernel::Actor>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) email: Email,
    pub(crate) name: Name,
    pub(crate) password: Option<PasswordHash>,
}

impl Validate for ProvisionRequest {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let (Some(_), Some(_)) = (&self.custom_domain, &self.config.custom_domain) {
            errors.push(FieldError::new("/config/customDomain", "is given twice"));
        }
        errors.extend(self.features().err().into_iter().flatten());
        if let Err(error) = Settings::new(self.config.settings.clone()) {
            errors.push(error.at("/config/settings"));
        }
        let password = self.owner.as_ref().and_then(|owner| owner.password.clone());
        if let Some(Err(error)) = password.map(identity::Password::new) {
            errors.push(FieldError::new("/owner/password", error.to_string()));
        }
    }
}

impl ProvisionRequest {
    fn domain(&self) -> (&'static str, Option<&str>) {
        match &self.custom_domain {
            Some(domain) => ("/customDomain", Some(domain)),
            None => ("/config/customDomain", self.config.custom_domain.as_deref()),
        }
    }

    fn features(&self) -> Result<FeaturePatch, Vec<FieldError>> {
        let members = self
            .config
            .features
            .iter()
            .map(|(name, value)| (name.clone(), *value));
        FeaturePatch::from_json("/config/features", members)
    }

    /// Everything that is wrong with it on a platform whose own domain this is.
    pub(crate) fn errors(&self, own: &BaseDomain) -> Vec<FieldError> {
        let mut errors = Vec::new();
        Validate::check(self, &mut errors);
        if let (pointer, Some(Err(error))) = self.hostname(own) {
            errors.push(FieldError::new(pointer, error.to_string()));
        }
        errors
    }

    fn hostname(&self, own: &BaseDomain) -> (&'static str, Option<Result<Hostname, InvalidHostname>>) {
        let (pointer, domain) = self.domain();
        (pointer, domain.map(|text| Hostname::parse(text, own)))
    }

    /// The order itself; `password` is what is stored of the owner's.
    pub(crate) fn into_valid(
        self,
        own: &BaseDomain,
        password: Option<PasswordHash>,
    ) -> Result<Valid, Vec<FieldError>> {
        let errors = self.errors(own);
        let features = self.features().unwrap_or_default();
        let domain = self.hostname(own).1.and_then(Result::ok);
        let Ok(settings) = Settings::new(self.config.settings) else {
            return Err(errors);
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let owner = self.owner.map(|owner| Owner {
            email: owner.email,
            name: owner.name,
            password,
        });
        let order = Order {
            owner,
            domain: domain.as_ref().map(|name| name.as_str().to_owned()),
            requested_by: None,
        };
        let tenant = NewTenant {
            name: self.name,
            slug: self.slug,
            plan: self.plan,
            billing_cycle: self.billing_cycle.unwrap_or(BillingCycle::Monthly),
            isolation_strategy: self
                .isolation_strategy
                .unwrap_or(IsolationStrategy::SharedDatabase),
            region: self.region,
            features: FeatureOverrides::default().patched(&features),
            limits: LimitOverrides::default(),
            settings,
        };
        Ok(Valid {
            tenant,
            domain,
            order,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn own() -> BaseDomain {
        "platform.example".parse().expect("a domain")
    }

    fn errors(body: Value) -> Vec<String> {
        let request: ProvisionRequest = serde_json::from_value(body).expect("well formed");
        request
            .errors(&own())
            .into_iter()
            .map(|error| error.pointer)
            .collect()
    }

    #[test]
    fn names_every_wrong_field() {
        let owner = json!({"email": "a@example.com", "name": "A", "password": "short"});
        let config = json!({"customDomain": "not a domain", "features": {"flying": true}});
        let body = json!({"name": "A", "slug": "acme", "plan": "pro", "owner": owner, "config": config});
        assert_eq!(
            errors(body),
            [
                "/config/features/flying",
                "/owner/password",
                "/config/customDomain"
            ]
        );
        let twice = json!({"name": "A", "slug": "acme", "plan": "pro", "customDomain": "a.example.org",
            "config": {"customDomain": "b.example.org"}});
        assert_eq!(errors(twice), ["/config/customDomain"]);
    }

    #[test]
    fn an_order_without_choices_is_monthly_and_shared() {
        let body = json!({"name": "A", "slug": "acme", "plan": "free"});
        let request: ProvisionRequest = serde_json::from_value(body).expect("well formed");
        let valid = request.into_valid(&own(), None).expect("valid");
        assert_eq!(valid.tenant.billing_cycle, BillingCycle::Monthly);
        assert_eq!(valid.tenant.isolation_strategy, IsolationStrategy::SharedDatabase);
        assert!(valid.domain.is_none() && valid.order.owner.is_none());
    }
}
