mod by_time;
mod changes;
mod lifecycle;
mod listing;
mod listing_cost;
mod matrix;
mod slug_holding;

use isolation::{ControlTx, IsolationStrategy, Tx};
use kernel::TenantId;
use testkit::TestDatabase;

use super::{BillingCycle, CreateTenantError, NewTenant, Settings, Tenant, get, insert};
use crate::plans::{FeatureOverrides, LimitOverrides};

pub(crate) fn order(slug: &str, plan: &str) -> NewTenant {
    NewTenant {
        name: format!("{slug} Corp").parse().expect("a name"),
        slug: slug.parse().expect("a slug"),
        plan: plan.parse().expect("a plan"),
        billing_cycle: BillingCycle::Monthly,
        isolation_strategy: IsolationStrategy::SharedDatabase,
        region: None,
        features: FeatureOverrides::default(),
        limits: LimitOverrides::default(),
        settings: Settings::default(),
    }
}

/// Does something in a transaction of its own and commits it.
macro_rules! committed {
    ($db:expr, |$tx:ident| $body:expr) => {{
        let mut transaction = $db.system().control().await.expect("a transaction");
        let $tx = &mut transaction;
        let result = $body.await;
        if result.is_ok() {
            transaction.commit().await.expect("committed");
        }
        result
    }};
}
pub(crate) use committed;

pub(crate) async fn try_order(db: &TestDatabase, slug: &str) -> Result<Tenant, CreateTenantError> {
    committed!(db, |tx| insert(tx, order(slug, "pro")))
}

pub(crate) async fn active(db: &TestDatabase, slug: &str, plan: &str) -> Tenant {
    let ordered = committed!(db, |tx| insert(tx, order(slug, plan))).expect("ordered");
    committed!(db, |tx| super::activate(tx, ordered.id)).expect("activated")
}

pub(crate) async fn read(db: &TestDatabase, id: TenantId) -> Tenant {
    committed!(db, |tx| get(tx, id))
        .expect("readable")
        .expect("there")
}

/// The types of a tenant's events, oldest first.
pub(crate) async fn events(db: &TestDatabase, id: TenantId) -> Vec<String> {
    db.audit(id)
        .await
        .into_iter()
        .map(|event| event.event_type)
        .collect()
}

/// What was announced so far, as `topic:key`, in order.
pub(crate) async fn announced(tx: &mut ControlTx) -> Vec<String> {
    sqlx::query_scalar("select topic || ':' || key from control.changes order by id")
        .fetch_all(tx.conn())
        .await
        .expect("readable")
}
