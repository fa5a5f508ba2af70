//! Metering inside an application that is built on the library: count, measure, limit, ask, and reserve.
//!
//! ```text
//! cargo run -p metering --example usage_tracker
//! ```
//!
//! It brings a PostgreSQL of its own, and a tenant.

use isolation::{ControlTx, IsolationStrategy};
use kernel::TenantId;
use metering::metrics::BuiltIn;
use metering::periods::Period;
use metering::quotas::{self, Mode, Quota, QuotaError};
use metering::{Metering, Settings};
use tenants::directory::Directory;
use tenants::plans::Limit;
use testkit::TestDatabase;

#[tokio::main]
async fn main() {
    let database = TestDatabase::new().await;
    for line in run(&database).await.expect("the database answers") {
        println!("{line}");
    }
}

/// What the example says.
pub(crate) async fn run(database: &TestDatabase) -> Result<Vec<String>, QuotaError> {
    let tenant = database
        .tenant(IsolationStrategy::SharedDatabase)
        .await
        .tenant_id();
    let directory = Directory::new(database.databases().clone(), 100);
    let tracker = Metering::new(database.databases().clone(), directory, Settings::default());
    let mut said = Vec::new();

    // Set quotas
    let mut tx = database.system().control().await?;
    set_quota(&mut tx, tenant).await?;
    tx.commit().await?;

    // Track usage: in memory, written by the next flush
    let meter = tracker.meter(tenant).await?.expect("the tenant was just made");
    tracker
        .increment(&meter, BuiltIn::ApiCalls)
        .expect("there are calls left");
    tracker.track(&meter, BuiltIn::Storage, 1024 * 1024); // 1 MB
    tracker.decrement(&meter, BuiltIn::Storage, 24 * 1024);
    tracker.set(&meter, BuiltIn::Projects, 3);

    // See where it stands
    for metric in [BuiltIn::ApiCalls, BuiltIn::Storage, BuiltIn::Projects] {
        let check = tracker.usage(&meter, metric).expect("every plan limits it");
        said.push(format!(
            "{}: {} used, {}",
            metric.name(),
            check.current,
            check.status.name()
        ));
    }

    // Check if action is allowed
    match tracker.can_perform(&meter, BuiltIn::ApiCalls, 4) {
        Ok(()) => said.push("4 more calls are allowed".to_owned()),
        Err(check) => said.push(format!(
            "4 more calls: {} of {} are used",
            check.current,
            limit(&check.quota)
        )),
    }
    // Only taking makes sure: of many who race for the last one, one gets it.
    for call in 2..=6 {
        match tracker.increment(&meter, BuiltIn::ApiCalls) {
            Ok(()) => said.push(format!("call {call} is let through")),
            Err(check) => said.push(format!("call {call} is refused until {}", period(&check.quota))),
        }
    }

    // Hold what is needed for work whose size is known at its end
    let upload = tracker
        .reserve(&meter, BuiltIn::Storage, 10_000_000)
        .expect("there is room");
    upload.commit(2_000_000);
    tracker
        .reserve(&meter, BuiltIn::Storage, 10_000_000)
        .expect("there is room")
        .release();
    let stored = tracker
        .usage(&meter, BuiltIn::Storage)
        .expect("every plan limits it");
    said.push(format!("storage: {} used", stored.current));

    tracker.flush().await?;
    Ok(said)
}

async fn set_quota(tx: &mut ControlTx, tenant: TenantId) -> Result<(), QuotaError> {
    let quota = Quota {
        metric: BuiltIn::ApiCalls.into(),
        limit: Limit::new(5).expect("a limit"),
        period: Period::Daily,
        soft_limit: Some(4),
        mode: Mode::Hard,
    };
    quotas::set(tx, tenant, &quota, None).await.map(drop)
}

fn limit(quota: &Quota) -> String {
    let most = quota.limit.at_most();
    most.map_or_else(|| "any number".to_owned(), |most| most.to_string())
}

fn period(quota: &Quota) -> &'static str {
    match quota.period {
        Period::Daily => "tomorrow",
        Period::Monthly => "next month",
        Period::Total => "something is given back",
    }
}
