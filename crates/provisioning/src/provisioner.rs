//! The use cases: order a tenant, look where it stands, have tenants removed whose time has come.

use std::sync::Arc;
use std::time::Duration;

use access::invitations::Letters;
use identity::{Hasher, Password};
use isolation::{ControlTx, PlatformCtx, Store, Tx};
use kernel::{AdminPermission, FieldError, TenantId};
use storage::Storage;
use tenants::directory::BaseDomain;
use tenants::{CreateTenantError, Tenant};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use white_label::custom_domains::{self, RegisterDomainError};

use crate::machine::{self, DriveError, Ended};
use crate::request::{Order, ProvisionRequest};
use crate::run::{Direction, Outcome, Run, RunStatus};
use crate::runs;
use crate::steps::{Services, Step, Work};
use crate::view::RunView;

const LOOK_FOR_ABANDONED: Duration = Duration::from_secs(1);
const LOOK_FOR_PROGRESS: Duration = Duration::from_millis(40);
/// Runs that one node drives at a time; more wait.
const AT_ONCE: usize = 16;

/// What provisioning needs besides the rooms it calls.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How owners are told and invited.
    pub letters: Letters,
    /// The origin that public assets are served from, where there is one.
    pub cdn_url: Option<String>,
    /// The platform's own domain, below which no tenant can bring a name.
    pub base_domain: BaseDomain,
    /// On which terms tenants are billed.
    pub terms: billing::Terms,
}

/// Makes and removes tenants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Provisioner {
    services: Arc<Services>,
    hasher: Hasher,
    base_domain: BaseDomain,
    under_way: TaskTracker,
    slots: Arc<Semaphore>,
}

/// A tenant cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The order has fields that are not valid.
    #[error("the order has fields that are not valid")]
    Invalid(Vec<FieldError>),
    /// Too many passwords are being hashed.
    #[error("too many passwords are being hashed right now")]
    Busy,
    /// The tenant's record cannot be made.
    #[error(transparent)]
    Tenant(#[from] CreateTenantError),
    /// The domain cannot be registered.
    #[error(transparent)]
    Domain(#[from] RegisterDomainError),
    /// The caller may not.
    #[error(transparent)]
    Forbidden(#[from] isolation::Forbidden),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An order that was checked before a transaction was opened for it.
#[derive(Debug)]
pub struct Checked(crate::request::Valid);

/// A tenant that is ordered once the order's transaction is committed.
#[derive(Debug)]
#[must_use = "it has to be launched once the transaction is committed"]
pub struct Ordered {
    /// Its record.
    pub tenant: Tenant,
    order: Order,
    run: Run,
}

/// A tenant that this node is making; dropping this changes nothing about that.
#[derive(Debug)]
pub struct Launched {
    tenant: TenantId,
    run: JoinHandle<Option<Ended>>,
}

impl Provisioner {
    /// A provisioner of this node.
    pub fn new(
        databases: isolation::Databases,
        storage: Storage,
        hasher: Hasher,
        settings: Settings,
    ) -> Self {
        let services = Services {
            databases,
            storage,
            letters: settings.letters,
            cdn_url: settings.cdn_url,
            terms: settings.terms,
        };
        Self {
            services: Arc::new(services),
            hasher,
            base_domain: settings.base_domain,
            under_way: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The platform's own domain, below which no tenant can bring a name.
    pub const fn base_domain(&self) -> &BaseDomain {
        &self.base_domain
    }

    /// Checks an order and hashes the owner's password, which takes longer than a transaction should be open.
    pub async fn check(&self, request: ProvisionRequest) -> Result<Checked, ProvisionError> {
        let errors = request.errors(&self.base_domain);
        if !errors.is_empty() {
            return Err(ProvisionError::Invalid(errors));
        }
        let given = request.owner.as_ref().and_then(|owner| owner.password.clone());
        let password = match given.and_then(|text| Password::new(text).ok()) {
            Some(password) => Some(
                self.hasher
                    .hash(password)
                    .await
                    .map_err(|_| ProvisionError::Busy)?,
            ),
            None => None,
        };
        request
            .into_valid(&self.base_domain, password)
            .map(Checked)
            .map_err(ProvisionError::Invalid)
    }

    /// Orders the tenant: its record, its slug and domain, and the run that will make it. The run belongs to this
    /// node once the transaction is committed, so [`launch`](Self::launch) must follow then.
    pub async fn order(
        &self,
        ctx: &PlatformCtx,
        tx: &mut ControlTx,
        Checked(valid): Checked,
    ) -> Result<Ordered, ProvisionError> {
        ctx.authorize(AdminPermission::TenantsCreate)?;
        let tenant = tenants::insert(tx, valid.tenant).await?;
        if let Some(domain) = valid.domain {
            custom_domains::register(tx, tenant.id, domain).await?;
        }
        let store = Store::new(tenant.id, tenant.isolation_strategy);
        insert_store(tx, &store).await?;
        let mut order = valid.order;
        order.requested_by = Some(tx.actor().clone());
        let request = serde_json::to_value(&order).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut run = new_run(tx, tenant.id, Direction::Provision, request);
        let now = tx.now();
        for (step, outcome) in [Outcome::DONE, Outcome::made(tenant.slug.as_str())]
            .into_iter()
            .enumerate()
        {
            run.steps[step].begin(now);
            run.steps[step].complete(outcome, now);
        }
        // Shown with the order already, so that nothing has to be written before the making begins.
        if let Some(next) = run.next()
            && Step::of(Direction::Provision)[next].takes_long(store.strategy)
        {
            run.steps[next].announce(now);
        }
        run.status = RunStatus::InProgress;
        runs::insert(tx, &run, self.node()).await?;
        Ok(Ordered { tenant, order, run })
    }

    /// Makes the ordered tenant, in the background.
    pub fn launch(&self, ordered: Ordered) -> Launched {
        let Ordered { tenant, order, run } = ordered;
        let (this, id) = (self.clone(), tenant.id);
        let drive = async move { machine::drive(Work::new(&this.services, tenant, order), run).await };
        Launched {
            tenant: id,
            run: self.spawn(id, Direction::Provision, drive),
        }
    }

    fn resume(&self, tenant: TenantId, direction: Direction) {
        let this = self.clone();
        self.spawn(tenant, direction, async move {
            let (work, run) = machine::load(&this.services, tenant, direction).await?;
            machine::drive(work, run).await
        });
    }

    fn spawn(
        &self,
        tenant: TenantId,
        direction: Direction,
        drive: impl Future<Output = Result<Ended, DriveError>> + Send + 'static,
    ) -> JoinHandle<Option<Ended>> {
        let slots = Arc::clone(&self.slots);
        self.under_way.spawn(async move {
            let _slot = slots.acquire_owned().await;
            let ended = drive.await;
            match &ended {
                Ok(ended) => {
                    tracing::info!(%tenant, ?direction, status = ?ended.run.status, "a run has ended");
                }
                Err(error) => tracing::warn!(%tenant, ?direction, %error, "a run was interrupted"),
            }
            ended.ok()
        })
    }

    /// Where the run of a launched tenant stands, once it has ended or `patience` is over.
    pub async fn follow(
        &self,
        launched: Launched,
        patience: Duration,
    ) -> Result<Option<RunView>, sqlx::Error> {
        let deadline = Instant::now() + patience;
        if let Ok(Ok(Some(Ended { run, store }))) = timeout_at(deadline, launched.run).await {
            return Ok(Some(self.show(run, &store)));
        }
        // This node has given it back, or somebody else has taken it: only the record knows.
        let left = deadline.saturating_duration_since(Instant::now());
        self.wait(launched.tenant, Direction::Provision, left).await
    }

    /// Where the run stands, once it has ended or `patience` is over.
    pub async fn wait(
        &self,
        tenant: TenantId,
        direction: Direction,
        patience: Duration,
    ) -> Result<Option<RunView>, sqlx::Error> {
        let ctx = self.services.databases.system("provisioning");
        let deadline = Instant::now() + patience;
        loop {
            let view = self.view(&ctx, tenant, direction).await?;
            let ended = view.as_ref().is_none_or(|view| view.status.is_final());
            if ended || Instant::now() >= deadline {
                return Ok(view);
            }
            tokio::time::sleep(LOOK_FOR_PROGRESS).await;
        }
    }

    /// Where the run stands, for a caller who reaches the tenant.
    pub async fn view(
        &self,
        ctx: &PlatformCtx,
        tenant: TenantId,
        direction: Direction,
    ) -> Result<Option<RunView>, sqlx::Error> {
        let mut tx = ctx.control().await?;
        let Some(run) = runs::load(&mut tx, tenant, direction).await? else {
            return Ok(None);
        };
        let Some(record) = tenants::get(&mut tx, tenant).await? else {
            return Ok(None);
        };
        Ok(Some(
            self.show(run, &Store::new(tenant, record.isolation_strategy)),
        ))
    }

    fn show(&self, run: Run, store: &Store) -> RunView {
        let space = self.services.storage.tenant(store.tenant);
        let cdn = self
            .services
            .cdn_url
            .as_ref()
            .map(|base| format!("{base}/{}", space.name()));
        RunView::of(run, store, space.name(), cdn)
    }

    /// Takes over runs whose node died and begins removals whose time has come, until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look_around().await {
                tracing::warn!(%error, "runs could not be looked after; trying again");
            }
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(LOOK_FOR_ABANDONED) => {} }
        }
        self.under_way.close();
        self.under_way.wait().await;
    }

    async fn look_around(&self) -> Result<(), sqlx::Error> {
        let ctx = self.services.databases.system("provisioning");
        let mut tx = ctx.control().await?;
        let mut taken = runs::take_abandoned(&mut tx, self.node()).await?;
        for tenant in tenants::begin_removals(&mut tx).await? {
            let run = new_run(&tx, tenant.id, Direction::Deprovision, serde_json::json!({}));
            if runs::insert(&mut tx, &run, self.node()).await? {
                taken.push((tenant.id, Direction::Deprovision));
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        tx.commit().await?;
        for (tenant, direction) in taken {
            self.resume(tenant, direction);
        }
        Ok(())
    }

    fn node(&self) -> sqlx::types::Uuid {
        self.services.databases.node()
    }
}

fn new_run(tx: &ControlTx, tenant: TenantId, direction: Direction, request: serde_json::Value) -> Run {
    let steps = Step::of(direction).iter().map(|step| step.name());
    Run::pending(tenant, direction, request, steps, tx.now())
}

async fn insert_store(tx: &mut ControlTx, store: &Store) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "insert into control.stores (tenant_id, strategy, placement, schema_version, created_at)
         values ($1, $2, $3, $4, $5)",
        store.tenant as _,
        store.strategy as _,
        store.placement,
        isolation::tenant_schema_version(),
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
