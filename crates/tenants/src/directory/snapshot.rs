//! What every request has to know about its tenant.

use std::sync::Arc;

use isolation::Store;
use kernel::TenantId;

use crate::plans::{Features, Limits, PlanId};
use crate::tenants::{Access, Slug, Status, SuspensionReason, TenantName};

/// A tenant as a request needs it: some 300 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantSnapshot {
    /// Which one.
    pub id: TenantId,
    /// What it is called in addresses now.
    pub slug: Slug,
    /// What people call it.
    pub name: TenantName,
    /// Where it stands; only an open one is let in.
    pub status: Status,
    /// Why it is suspended.
    pub suspension_reason: Option<SuspensionReason>,
    /// How much is open to it, as far as that depends on whether it is paid for.
    pub access: Access,
    /// What it is on.
    pub plan: PlanId,
    /// Where its data lives.
    pub store: Arc<Store>,
    /// What it has.
    pub features: Features,
    /// How much it may.
    pub limits: Limits,
    /// The version of the record that this was taken from.
    pub version: i64,
}

impl TenantSnapshot {
    /// Whether its people may come in, be it only to pay.
    pub fn has_an_open_door(&self) -> bool {
        self.status.lets_in(self.suspension_reason.as_ref())
    }
}
