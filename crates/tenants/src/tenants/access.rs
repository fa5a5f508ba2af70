//! How much of the product is open to a tenant, as far as that depends on whether it is paid for. Who decides that is
//! billing; who keeps to it is the gate, from memory.

use audit::EventType;
use isolation::{ControlTx, Tx};
use kernel::TenantId;
use serde::{Deserialize, Serialize};

use super::ops::{ChangeTenantError, event, lock, save};
use super::sql;

/// How much is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Access {
    /// Everything that the plan has.
    Full,
    /// What changes nothing, and whatever has to do with paying.
    ReadOnly,
    /// Whatever has to do with paying.
    BillingOnly,
}

impl Access {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::BillingOnly => "billing_only",
        }
    }
}

/// Opens so much to the tenant.
pub async fn set_access(tx: &mut ControlTx, id: TenantId, access: Access) -> Result<(), ChangeTenantError> {
    let tenant = lock(tx, id, None).await?;
    let Some(before) = sql::set_access(tx, id, access).await? else {
        return Ok(());
    };
    let event = event(EventType::TenantUpdated, &tenant).change("access", before.name(), access.name());
    let now = tx.now();
    save(tx, tenant, now, event).await?;
    Ok(())
}
