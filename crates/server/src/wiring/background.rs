//! What runs beside the requests, on every node: caches that follow the news, the relay, the worker, the schedule, and
//! the saga's resumption.

use std::sync::Arc;
use std::time::Duration;

use access::password_resets::SendResetLink;
use audit::RelayedEvents;
use gate::AppState;
use isolation::{PlatformCtx, Store, Tx};
use jobs::queue::RelayedJobs;
use jobs::schedule::Schedule;
use jobs::{Handlers, JobError, Receiver, Relay, Worker};
use mail::{DeliverMail, Transport};
use metering::alerts::UsageAlerted;
use metering::rollups::Retention;
use notices::Sender;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use webhooks::EndpointDisabled;
use workspace::files::{self, DeleteObject};

/// How long the end waits for what is under way; what is left is resumed by the next start.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    pub(super) fn start(
        state: &AppState,
        retention: Retention,
        transport: Arc<Transport>,
        hints: UnboundedReceiver<Store>,
    ) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let databases = &state.databases;
        tasks.spawn(databases.clone().spread_news(stop.clone()));
        tasks.spawn(state.authenticator.clone().run(stop.clone()));
        tasks.spawn(until(stop.clone(), state.signing_keys.clone().follow_news()));
        let receivers: Vec<Box<dyn Receiver>> = vec![Box::new(RelayedJobs), Box::new(RelayedEvents)];
        tasks.spawn(Relay::new(databases.clone(), hints, receivers).run(stop.clone()));
        tasks.spawn(Worker::new(databases.system("worker"), handlers(state, transport)).run(stop.clone()));
        tasks.spawn(until(stop.clone(), state.metering.clone().follow_nodes()));
        tasks.spawn(state.metering.clone().run(stop.clone()));
        tasks.spawn(state.metering.clone().keep_shared(stop.clone()));
        tasks.spawn(schedule(state, retention).run(stop.clone()));
        tasks.spawn(state.webhooks.clone().run(databases.clone(), stop.clone()));
        let (provisioner, stopped) = (state.provisioner.clone(), stop.clone());
        tasks.spawn(async move { provisioner.run(stopped).await });
        Self { stop, tasks }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("work was still under way; the next start resumes it");
        }
    }
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    stop.run_until_cancelled(work).await;
}

fn handlers(state: &AppState, transport: Arc<Transport>) -> Handlers {
    let (storage, resets) = (state.storage.clone(), state.password_resets.clone());
    let alerting = Sender(state.letters.from.clone());
    let disabling = alerting.clone();
    state
        .payments
        .handlers(Handlers::default())
        .on(move |run, job: DeliverMail| {
            let transport = Arc::clone(&transport);
            async move { mail::delivery::deliver(run, job, &transport).await }
        })
        .on(move |run, job: DeleteObject| files::delete_object(run, job, storage.clone()))
        .on(move |run, job: UsageAlerted| notices::usage_alerts::tell(run, job, alerting.clone()))
        .on(move |run, job: EndpointDisabled| notices::disabled_webhooks::tell(run, job, disabling.clone()))
        .on(move |run, job: SendResetLink| {
            let resets = resets.clone();
            async move { resets.send(run, job).await }
        })
}

fn schedule(state: &AppState, retention: Retention) -> Schedule {
    let (swept, orphaned) = (state.storage.clone(), state.storage.clone());
    let schedule = tenants::scheduled(Schedule::new(state.databases.system("schedule")));
    let schedule = white_label::custom_domains::scheduled(schedule);
    let schedule = access::scheduled(schedule);
    let schedule = webhooks::scheduled(schedule);
    let schedule = state.payments.scheduled(schedule);
    let schedule = billing::clock::scheduled(schedule, state.payments.terms().clone());
    let schedule = metering::events::scheduled(metering::rollups::scheduled(schedule, retention));
    schedule
        .every("audit.partitions", Duration::from_hours(12), make_partitions)
        .every("audit.expiry", Duration::from_hours(12), async |ctx| {
            audit::remove_expired(ctx).await.map(drop).map_err(JobError::from)
        })
        .every("storage.sweep", Duration::from_hours(6), move |_| {
            sweep(swept.clone())
        })
        .every("files.sweep", Duration::from_hours(6), move |ctx| {
            sweep_orphans(ctx, orphaned.clone())
        })
}

/// The trail's partitions of this month and the next.
async fn make_partitions(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    for at in [now, now.plus_days(31)] {
        sqlx::query("select control.ensure_audit_partition($1)")
            .bind(at)
            .execute(tx.conn())
            .await?;
    }
    Ok(tx.commit().await?)
}

/// What interrupted uploads left in the folder.
async fn sweep(storage: storage::Storage) -> Result<(), JobError> {
    const DAY: Duration = Duration::from_hours(24);
    storage
        .sweep(DAY)
        .await
        .map(drop)
        .map_err(|error| JobError::Retry(error.to_string()))
}

/// Objects of tenants whose row was never committed.
async fn sweep_orphans(ctx: PlatformCtx, storage: storage::Storage) -> Result<(), JobError> {
    let spaces = storage
        .spaces()
        .await
        .map_err(|error| JobError::Retry(error.to_string()))?;
    for tenant in spaces {
        let mut tx = ctx.control().await?;
        let known = tenants::get(&mut tx, tenant).await?;
        drop(tx);
        if let Some(tenant) = known.filter(|tenant| tenant.status.is_open()) {
            let store = Store::new(tenant.id, tenant.isolation_strategy);
            let inside = ctx.databases().system_inside("schedule", store);
            files::sweep_orphans(&inside, &storage).await?;
        }
    }
    Ok(())
}
