//! Who is asking, and for which tenant: what a transaction can be opened from.

use std::net::IpAddr;
use std::sync::Arc;

use kernel::permission::Registry;
use kernel::{Actor, AdminPermission, Grants, Permission, Seams, TenantId};

use crate::databases::Databases;
use crate::limit::Limit;
use crate::store::Store;
use crate::tx::{ControlTx, TenantTx};

/// The request that a change came with, as the audit trail records it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// The request's identifier.
    pub id: Option<String>,
    /// The caller's address, as far as configured proxies vouch for it.
    pub ip: Option<IpAddr>,
    /// The caller's software, by its own account.
    pub user_agent: Option<String>,
}

/// Someone who acts, with what he may do.
#[derive(Debug, Clone)]
pub struct Caller<P: Registry> {
    /// Who.
    pub actor: Actor,
    /// What he may do.
    pub grants: Grants<P>,
    /// The request he came with.
    pub request: RequestInfo,
    /// What he is limited to, where he operates the platform for some tenants only.
    pub limit: Option<Arc<Limit>>,
}

/// The caller lacks a permission.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the permission `{permission}` is required")]
pub struct Forbidden {
    /// The permission that is missing.
    pub permission: &'static str,
}

impl<P: Registry> Caller<P> {
    /// Passes when the permission is granted.
    pub fn authorize(&self, permission: P) -> Result<(), Forbidden> {
        if self.grants.contains(permission) {
            Ok(())
        } else {
            Err(Forbidden {
                permission: permission.name(),
            })
        }
    }
}

/// A caller inside one tenant: what a [`TenantTx`] opens from.
#[derive(Debug, Clone)]
pub struct TenantCtx {
    databases: Databases,
    store: Arc<Store>,
    caller: Arc<Caller<Permission>>,
}

impl TenantCtx {
    pub(crate) fn new(databases: Databases, store: Arc<Store>, caller: Caller<Permission>) -> Self {
        Self {
            databases,
            store,
            caller: Arc::new(caller),
        }
    }

    /// The tenant.
    pub fn tenant_id(&self) -> TenantId {
        self.store.tenant
    }

    /// Where the tenant's data lives.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who acts.
    pub fn caller(&self) -> &Caller<Permission> {
        &self.caller
    }

    /// Time, randomness and planted faults.
    pub fn seams(&self) -> &Seams {
        self.databases.seams()
    }

    /// Passes when the caller has the permission.
    pub fn authorize(&self, permission: Permission) -> Result<(), Forbidden> {
        self.caller.authorize(permission)
    }

    /// A transaction on the tenant's data that cannot change it.
    pub async fn read(&self) -> Result<TenantTx, sqlx::Error> {
        TenantTx::begin(&self.databases, self, false).await
    }

    /// A transaction on the tenant's data.
    pub async fn write(&self) -> Result<TenantTx, sqlx::Error> {
        TenantTx::begin(&self.databases, self, true).await
    }

    /// A transaction on what the control plane knows about this tenant.
    pub async fn control(&self) -> Result<ControlTx, sqlx::Error> {
        ControlTx::begin_as_tenant(&self.databases, self).await
    }

    /// A transaction with an operator's reach over this tenant and no other, by the same actor: for what a tenant orders and
    /// the platform writes, such as its subscription and what that is invoiced.
    pub async fn ordering(&self) -> Result<ControlTx, sqlx::Error> {
        let caller = Caller {
            actor: self.caller.actor.clone(),
            grants: Grants::none(),
            request: self.caller.request.clone(),
            limit: Some(Arc::new(Limit::new(self.tenant_id(), vec![self.tenant_id()]))),
        };
        let ctx = PlatformCtx::new(self.databases.clone(), caller);
        ControlTx::begin_as_platform(&self.databases, &ctx).await
    }
}

/// A caller who acts for the platform: what a [`ControlTx`] over all tenants opens from.
#[derive(Debug, Clone)]
pub struct PlatformCtx {
    databases: Databases,
    caller: Arc<Caller<AdminPermission>>,
}

impl PlatformCtx {
    pub(crate) fn new(databases: Databases, caller: Caller<AdminPermission>) -> Self {
        Self {
            databases,
            caller: Arc::new(caller),
        }
    }

    /// Who acts.
    pub fn caller(&self) -> &Caller<AdminPermission> {
        &self.caller
    }

    /// Every connection the product has.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Time, randomness and planted faults.
    pub fn seams(&self) -> &Seams {
        self.databases.seams()
    }

    /// Passes when the caller has the permission.
    pub fn authorize(&self, permission: AdminPermission) -> Result<(), Forbidden> {
        self.caller.authorize(permission)
    }

    /// A transaction on the control plane.
    pub async fn control(&self) -> Result<ControlTx, sqlx::Error> {
        ControlTx::begin_as_platform(&self.databases, self).await
    }

    /// The same actor inside one tenant, for the saga and for jobs that name their tenant; none where the tenant is
    /// beyond the caller's limit.
    pub fn enter(&self, store: Store) -> Option<TenantCtx> {
        let limit = self.caller.limit.as_ref();
        if limit.is_some_and(|limit| !limit.includes(store.tenant)) {
            return None;
        }
        let caller = Caller {
            actor: self.caller.actor.clone(),
            grants: Grants::all(),
            request: self.caller.request.clone(),
            limit: None,
        };
        Some(TenantCtx::new(self.databases.clone(), Arc::new(store), caller))
    }
}
