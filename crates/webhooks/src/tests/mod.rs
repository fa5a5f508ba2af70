mod delivering;
mod receiver;
mod walls;

use std::time::Duration;

use isolation::{ControlTx, IsolationStrategy, TenantCtx};
use kernel::{Secret, TenantId};
use outbound::{Limits, Policy};
use serde_json::json;
use testkit::TestDatabase;

use crate::deliveries::{self, Delivery, DeliveryFilter};
use crate::endpoints::{self, Endpoint, EndpointId, NewEndpoint};
use crate::{Event, EventType, Webhooks, publish};

/// A database, and a way out that may call this machine.
struct Bench {
    db: TestDatabase,
    webhooks: Webhooks,
}

impl Bench {
    async fn new() -> Self {
        Self::over(TestDatabase::new().await)
    }

    fn over(db: TestDatabase) -> Self {
        let policy = Policy {
            allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
            allow_http: true,
        };
        let limits = Limits {
            total: Duration::from_secs(2),
            ..Limits::default()
        };
        let webhooks = Webhooks::new(db.databases().master(), policy, limits);
        Self { db, webhooks }
    }

    async fn tenant(&self) -> TenantCtx {
        self.db.tenant(IsolationStrategy::SharedDatabase).await
    }

    async fn platform(&self) -> ControlTx {
        self.db.system().control().await.expect("a transaction")
    }

    /// An endpoint of this owner that hears of everything.
    async fn endpoint(&self, owner: Option<TenantId>, url: &str) -> (Endpoint, Secret<String>) {
        let mut tx = self.platform().await;
        let new = NewEndpoint {
            url: url.to_owned(),
            ..NewEndpoint::default()
        };
        let made = endpoints::create(&mut tx, &self.webhooks, owner, new)
            .await
            .expect("an endpoint");
        tx.commit().await.expect("committed");
        made
    }

    /// Something happens to the tenant, in a transaction of its own.
    async fn happens(&self, ctx: &TenantCtx, number: u32) {
        let mut tx = ctx.control().await.expect("a transaction");
        publish(&mut tx, &alert(ctx.tenant_id(), number))
            .await
            .expect("published");
        tx.commit().await.expect("committed");
    }

    async fn settle(&self) {
        self.webhooks.settle(self.db.databases()).await;
    }

    async fn deliveries(&self, endpoint: &Endpoint) -> Vec<Delivery> {
        let mut tx = self.platform().await;
        let filter = DeliveryFilter::default();
        deliveries::list(&mut tx, endpoint.tenant_id, endpoint.id, filter, None, 100)
            .await
            .expect("listed")
    }

    async fn endpoint_now(&self, owner: Option<TenantId>, id: EndpointId) -> Endpoint {
        let mut tx = self.platform().await;
        endpoints::get(&mut tx, owner, id).await.expect("there")
    }

    fn later(&self, span: Duration) {
        let seconds = u32::try_from(span.as_secs()).expect("a span");
        self.db.clock().advance_seconds(seconds);
    }
}

fn alert(tenant: TenantId, number: u32) -> Event {
    Event {
        kind: EventType::UsageAlert,
        tenant: Some(tenant),
        data: json!({"number": number}),
    }
}
