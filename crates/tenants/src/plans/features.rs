//! What a plan opens beyond the basics. A feature names the thing that it gates.

use std::borrow::Cow;
use std::convert::Infallible;

use kernel::FieldError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::overrides::{Name, Overrides, Patch};

macro_rules! features {
    ($($variant:ident = $name:literal, $about:literal;)*) => {
        /// Something that a tenant has or has not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature { $(#[doc = $about] $variant),* }
        impl Name for Feature {
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            const KIND: &'static str = "feature";
            fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }
        }
        impl Feature {
            /// What it opens, for people.
            pub const fn description(self) -> &'static str { match self { $(Self::$variant => $about),* } }
        }
    };
}

features! {
    AdvancedAnalytics = "advancedAnalytics", "Analytics beyond the plain figures.";
    PrioritySupport = "prioritySupport", "Support before others.";
    WhiteLabeling = "whiteLabeling", "Own branding, mails and pages.";
    CustomDomains = "customDomains", "Own host names.";
    ApiAccess = "apiAccess", "API keys that the tenant makes himself.";
    SchemaPerTenant = "schemaPerTenant", "Data in a schema of its own.";
    Sso = "sso", "Single sign-on by OpenID Connect or SAML.";
    Scim = "scim", "Users provisioned from a directory.";
    Sla = "sla", "A service level agreement.";
    DedicatedSupport = "dedicatedSupport", "A support team of its own.";
    CustomIntegrations = "customIntegrations", "Integrations made for the tenant.";
    DatabasePerTenant = "databasePerTenant", "Data in a database of its own.";
}

/// One tenant's deviations from its plan's features.
pub type FeatureOverrides = Overrides<Feature, bool>;

/// A change of them.
pub type FeaturePatch = Patch<Feature, bool>;

impl FeaturePatch {
    /// Reads `config.features` of a request: `true` grants, `false` withholds, `null` returns to the plan.
    pub fn from_json(
        base: &str,
        members: impl IntoIterator<Item = (String, Option<bool>)>,
    ) -> Result<Self, Vec<FieldError>> {
        Self::read(base, members, Ok::<_, Infallible>)
    }
}

impl ToSchema for FeaturePatch {
    fn name() -> Cow<'static, str> {
        "FeaturePatch".into()
    }
}

/// The features that are on: one machine word. In JSON an object with every feature and whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u32);

impl Features {
    /// Whether this is on.
    pub const fn contains(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    /// The same with one switched.
    #[must_use]
    pub const fn with(self, feature: Feature, on: bool) -> Self {
        let bit = 1 << feature as u32;
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// The same with a tenant's deviations.
    #[must_use]
    pub fn overridden(self, overrides: &FeatureOverrides) -> Self {
        overrides
            .iter()
            .fold(self, |set, (feature, on)| set.with(feature, on))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        features
            .into_iter()
            .fold(Self::default(), |set, feature| set.with(feature, true))
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            Feature::ALL
                .iter()
                .map(|feature| (feature.name(), self.contains(*feature))),
        )
    }
}

/// As the catalogue lists them.
impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let listed = Vec::<String>::deserialize(deserializer)?;
        let known = |name: &String| {
            Feature::parse(name)
                .ok_or_else(|| serde::de::Error::custom(format_args!("`{name}` is no feature")))
        };
        listed.iter().map(known).collect()
    }
}

impl PartialSchema for Features {
    fn schema() -> RefOr<Schema> {
        let object = Feature::ALL.iter().fold(ObjectBuilder::new(), |object, feature| {
            let flag = ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some(feature.description()));
            object.property(feature.name(), flag).required(feature.name())
        });
        object
            .description(Some("Every feature and whether the tenant has it."))
            .into()
    }
}
impl ToSchema for Features {}
