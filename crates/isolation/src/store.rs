//! Where a tenant's data lives.

use kernel::TenantId;
use serde::{Deserialize, Serialize};

/// How a tenant's data is walled off from the others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum IsolationStrategy {
    /// Rows among others' rows, behind row-level security.
    SharedDatabase,
    /// A schema of its own.
    SchemaPerTenant,
    /// A database and a login role of its own.
    DatabasePerTenant,
}

impl IsolationStrategy {
    /// The name used in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SharedDatabase => "shared_database",
            Self::SchemaPerTenant => "schema_per_tenant",
            Self::DatabasePerTenant => "database_per_tenant",
        }
    }
}

/// The schema that shared stores and own databases use.
pub(crate) const TENANT_SCHEMA: &str = "tenant";

/// One tenant's store. Every name it has follows from the tenant's identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Whose it is.
    pub tenant: TenantId,
    /// How it is walled off.
    pub strategy: IsolationStrategy,
    /// The cluster or region that holds it; `default` is the control plane's own cluster.
    pub placement: String,
}

impl Store {
    /// The placement that every installation has.
    pub const DEFAULT_PLACEMENT: &'static str = "default";

    /// A store on the default placement.
    pub fn new(tenant: TenantId, strategy: IsolationStrategy) -> Self {
        Self {
            tenant,
            strategy,
            placement: Self::DEFAULT_PLACEMENT.to_owned(),
        }
    }

    /// The schema that holds the tables.
    pub fn schema(&self) -> String {
        match self.strategy {
            IsolationStrategy::SchemaPerTenant => self.own_name(),
            IsolationStrategy::SharedDatabase | IsolationStrategy::DatabasePerTenant => {
                TENANT_SCHEMA.to_owned()
            }
        }
    }

    /// The database, where it has one of its own.
    pub fn own_database(&self) -> Option<String> {
        (self.strategy == IsolationStrategy::DatabasePerTenant).then(|| self.own_name())
    }

    /// The schema, where it has one of its own.
    pub fn own_schema(&self) -> Option<String> {
        (self.strategy == IsolationStrategy::SchemaPerTenant).then(|| self.own_name())
    }

    /// Whether its outbox is its own, so that it has to be looked into by name.
    pub fn has_own_outbox(&self) -> bool {
        self.strategy != IsolationStrategy::SharedDatabase
    }

    /// Whether it is on the control plane's own server, whose log keeps all commits in their order: a commit of the
    /// control plane is never durable without what was committed here before it.
    pub(crate) fn shares_log(&self) -> bool {
        self.placement == Self::DEFAULT_PLACEMENT
    }

    /// `t_` and 32 hexadecimal digits: safe as an unquoted identifier, under PostgreSQL's 63 bytes.
    fn own_name(&self) -> String {
        format!("t_{}", self.tenant.hex())
    }
}
