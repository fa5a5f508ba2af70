//! The steps of the saga: each says what it does by calling the rooms that know how.

mod making;
mod removing;

use std::sync::atomic::AtomicBool;

use access::invitations::Letters;
use isolation::{ControlTx, Databases, IsolationStrategy, Store};
use serde_json::Value;
use storage::Storage;
use tenants::Tenant;

use crate::request::Order;
use crate::run::{Direction, Outcome, Run};

pub(crate) use making::{control_step as control, outside_step as outside};
pub(crate) use removing::{undo_control, undo_outside};

/// What the steps work with.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    pub(crate) databases: Databases,
    pub(crate) storage: Storage,
    pub(crate) letters: Letters,
    pub(crate) cdn_url: Option<String>,
    pub(crate) terms: billing::Terms,
}

/// One run's tenant, with what was asked for.
pub(crate) struct Work<'a> {
    pub(crate) services: &'a Services,
    pub(crate) tenant: Tenant,
    pub(crate) store: Store,
    pub(crate) order: Order,
    /// Whether the store was made during this drive, and so needs no migration.
    pub(crate) store_is_new: AtomicBool,
}

impl<'a> Work<'a> {
    pub(crate) fn new(services: &'a Services, tenant: Tenant, order: Order) -> Self {
        let store = Store::new(tenant.id, tenant.isolation_strategy);
        Self {
            services,
            tenant,
            store,
            order,
            store_is_new: AtomicBool::new(false),
        }
    }

    pub(crate) async fn load(
        services: &'a Services,
        tx: &mut ControlTx,
        run: &Run,
    ) -> Result<Option<Self>, sqlx::Error> {
        let Some(tenant) = tenants::get(tx, run.tenant).await? else {
            return Ok(None);
        };
        Ok(Some(Self::new(services, tenant, read_order(&run.request)?)))
    }
}

fn read_order(request: &Value) -> Result<Order, sqlx::Error> {
    serde_json::from_value(request.clone()).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// Something it needs did not answer or refused.
    #[error("{0}")]
    Failed(String),
    /// Another node drives the run now.
    #[error("another node has taken the run over")]
    LeaseLost,
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

macro_rules! fails_with {
    ($($error:ty),*) => { $(
        impl From<$error> for StepError {
            fn from(error: $error) -> Self { Self::Failed(error.to_string()) }
        }
    )* };
}
fails_with!(
    isolation::MigrationError,
    storage::StorageError,
    tenants::ChangeTenantError,
    identity::users::UserError,
    billing::subscriptions::SubscriptionError,
    access::invitations::InviteError
);

/// Where a step works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the control plane's database only, so in one transaction with its record.
    ControlPlane,
    /// In a database of the tenant's own only, so beside a transaction of the control plane: it needs no connection of
    /// that, of which there may be but one.
    OwnDatabase,
    /// Anywhere else.
    Outside,
}

macro_rules! steps {
    ($($variant:ident = $name:literal, $place:ident;)*) => {
        /// One step of the saga.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Step { $($variant),* }
        impl Step {
            /// The name in the API.
            pub(crate) const fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }
            const fn usual_place(self) -> Place { match self { $(Self::$variant => Place::$place),* } }
        }
    };
}

steps! {
    Validate = "validate", ControlPlane;
    ReserveSlug = "reserve_slug", ControlPlane;
    CreateDatabase = "create_database", Outside;
    Migrate = "migrate", Outside;
    CreateStorage = "create_storage", Outside;
    ConfigureCdn = "configure_cdn", Outside;
    SeedData = "seed_data", Outside;
    CreateOwner = "create_owner", ControlPlane;
    StartBilling = "start_billing", ControlPlane;
    ConfigureDomain = "configure_domain", ControlPlane;
    ApplyPlan = "apply_plan", ControlPlane;
    SendWelcome = "send_welcome", ControlPlane;
    RevokeCredentials = "revoke_credentials", ControlPlane;
    ReleaseDomains = "release_domains", ControlPlane;
    RelayNews = "relay_news", Outside;
    RemoveDatabase = "remove_database", Outside;
    RemoveStorage = "remove_storage", Outside;
    RemoveRecords = "remove_records", ControlPlane;
    RecordDeletion = "record_deletion", ControlPlane;
}

impl Step {
    /// The steps of a run in this direction, in order.
    pub(crate) const fn of(direction: Direction) -> &'static [Self] {
        match direction {
            Direction::Provision => &[
                Self::Validate,
                Self::ReserveSlug,
                Self::CreateDatabase,
                Self::Migrate,
                Self::CreateStorage,
                Self::ConfigureCdn,
                Self::SeedData,
                Self::CreateOwner,
                Self::StartBilling,
                Self::ConfigureDomain,
                Self::ApplyPlan,
                Self::SendWelcome,
            ],
            Direction::Deprovision => &[
                Self::RevokeCredentials,
                Self::ReleaseDomains,
                Self::RelayNews,
                Self::RemoveDatabase,
                Self::RemoveStorage,
                Self::RemoveRecords,
                Self::RecordDeletion,
            ],
        }
    }

    /// Where it works for a tenant of this strategy.
    pub(crate) fn place(self, strategy: IsolationStrategy) -> Place {
        match (self, strategy) {
            (Self::SeedData, IsolationStrategy::DatabasePerTenant) => Place::OwnDatabase,
            _ => self.usual_place(),
        }
    }

    /// Whether it makes something of the tenant's files and needs nothing of the tenant's store.
    pub(crate) fn makes_files(self) -> bool {
        matches!(self, Self::CreateStorage | Self::ConfigureCdn)
    }

    /// Whether people would like to see that it has begun.
    pub(crate) fn takes_long(self, strategy: IsolationStrategy) -> bool {
        let own = strategy != IsolationStrategy::SharedDatabase;
        own && matches!(self, Self::CreateDatabase | Self::RemoveDatabase)
    }
}

/// What happens with the last step's transaction.
pub(crate) async fn end(work: &Work<'_>, tx: &mut ControlTx) -> Result<(), StepError> {
    match work.tenant.status {
        tenants::Status::Provisioning => making::activate(work, tx).await,
        _ => Ok(()),
    }
}

pub(crate) type StepResult = Result<Outcome, StepError>;
