//! A comparison and what it found.

use kernel::{Entity, Id, TenantId, Timestamp};
use serde::Serialize;

use crate::providers::ProviderKind;

/// Marker of reconciliations.
#[derive(Debug)]
pub enum ReconciliationEntity {}
impl Entity for ReconciliationEntity {
    const PREFIX: &'static str = "reconciliation";
}
/// A reconciliation's identifier.
pub type ReconciliationId = Id<ReconciliationEntity>;

macro_rules! words {
    ($($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),* $(,)? })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[sqlx(type_name = "text", rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant),* }
    )*};
}

words! {
    /// Where a reconciliation stands.
    ReconciliationStatus {
        /// It is under way.
        Running,
        /// Everything was compared.
        Completed,
        /// It could not be ended.
        Failed,
    }

    /// What differs.
    DifferenceKind {
        /// The provider has it, we do not.
        MissingHere,
        /// We have it, the provider does not.
        MissingThere,
        /// How much it is.
        Amount,
        /// In which currency.
        Currency,
        /// Where it stands.
        Status,
        /// How much of it went back.
        Refunded,
        /// Whose it is.
        Customer,
    }

    /// What kind of thing differs.
    ObjectKind {
        /// A payment.
        Payment,
        /// What was taken for it.
        Charge,
        /// Money that went back.
        Refund,
        /// A payment that is contested.
        Dispute,
        /// Who a tenant is at the provider.
        Customer,
    }
}

/// One difference between the provider's books and ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What differs.
    pub kind: DifferenceKind,
    /// Of what kind of thing.
    pub object: ObjectKind,
    /// Whose it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// What we call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "payment_01h455vb4pex5vsknk084sn02q")]
    pub ours_id: Option<String>,
    /// What the provider calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    pub reference: Option<String>,
    /// What we say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1099")]
    pub ours: Option<String>,
    /// What the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "999")]
    pub theirs: Option<String>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reconciliation {
    /// Which one.
    pub id: ReconciliationId,
    /// With whom.
    pub provider: ProviderKind,
    /// Where it stands.
    pub status: ReconciliationStatus,
    /// What was made from then on is compared.
    pub from_at: Timestamp,
    /// And before then.
    pub until_at: Timestamp,
    /// How many objects were compared.
    pub compared: i64,
    /// How many differences there are.
    pub differences: i64,
    /// Why it could not be ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}
