//! What an operator who is limited to some tenants reaches. His transactions run in a role of their own, whose policies
//! let through these tenants' rows and his own; they know both from settings that end with the transaction.

use std::fmt::Write as _;

use kernel::{Entity, Id, TenantId};
use uuid::Uuid;

/// The role of his transactions.
pub(crate) const LIMITED_ROLE: &str = "tenantry_limited";

/// What an operator is limited to: some tenants, and what is his own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    operator: Uuid,
    tenants: Vec<TenantId>,
}

impl Limit {
    /// This operator reaches these tenants only, and none if there are none.
    pub fn new<T: Entity>(operator: Id<T>, tenants: Vec<TenantId>) -> Self {
        Self {
            operator: operator.uuid(),
            tenants,
        }
    }

    pub(crate) const fn operator(&self) -> Uuid {
        self.operator
    }

    /// The tenants.
    pub fn tenants(&self) -> &[TenantId] {
        &self.tenants
    }

    /// Whether the tenant is one of them.
    pub fn includes(&self, tenant: TenantId) -> bool {
        self.tenants.contains(&tenant)
    }

    /// What confines a transaction to it. Only our own names and uuids go into it.
    pub(crate) fn settings(&self) -> String {
        let operator = self.operator;
        let mut text = format!("SET LOCAL ROLE {LIMITED_ROLE}; SET LOCAL tenantry.operator = '{operator}'; ");
        text.push_str("SET LOCAL tenantry.only_tenants = '{");
        for (index, tenant) in self.tenants.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{}", tenant.uuid());
        }
        text.push_str("}'");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Seams;

    #[test]
    fn confines_to_exactly_these_tenants() {
        let seams = Seams::real();
        let (one, other): (TenantId, TenantId) = (seams.new_id(), seams.new_id());
        let limit = Limit::new(one, vec![one, other]);
        let wanted = format!("only_tenants = '{{{},{}}}'", one.uuid(), other.uuid());
        assert!(limit.settings().ends_with(&wanted), "{}", limit.settings());
        let nothing = Limit::new(one, Vec::new());
        assert!(nothing.settings().ends_with("only_tenants = '{}'"));
        assert!(limit.includes(other) && !nothing.includes(one));
    }
}
