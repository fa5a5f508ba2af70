//! What the request path asks where several nodes serve: the others' rate limits before its own.

use std::net::IpAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::meter::{Admission, Meter, Pace, Refusal, Visitor};
use super::metering::{Metering, network};
use crate::nodes::Redis;
use crate::nodes::pace::CellId;
use crate::rate_limits::Rate;

impl Metering {
    /// Whether one more from this address passes, on all nodes and on this one: [`arrive`](Self::arrive) where nothing
    /// is shared, else with one round trip at most.
    pub async fn arrive_shared(&self, address: IpAddr) -> Pace {
        let cell = (cell_of(address), self.0.settings.address);
        let shared = self.shared_pace(&[cell]).await;
        match shared {
            Some(refused) if !refused.passage.allowed => refused,
            Some(passed) => self.arrive(address).tighter(passed),
            None => self.arrive(address),
        }
    }

    /// As [`admit`](Self::admit), but the rate limits of all nodes are asked before those of this one, in one round trip
    /// at most; without Redis, or while it is away, only those of this one.
    pub async fn admit_shared(&self, meter: &Arc<Meter>, visitor: &Visitor) -> Admission {
        let Some(shared) = self.shared_admission(meter, visitor).await else {
            return self.lease_call(meter, self.admit(meter, visitor)).await;
        };
        if !shared.passage.allowed {
            meter.touch(self.now());
            return Admission {
                pace: shared,
                calls: None,
                refusal: Some(Refusal::TooFast(shared)),
            };
        }
        let mut admission = self.lease_call(meter, self.admit(meter, visitor)).await;
        admission.pace = admission.pace.tighter(shared);
        admission
    }

    async fn shared_admission(&self, meter: &Meter, visitor: &Visitor) -> Option<Pace> {
        self.0.shared.as_ref()?;
        let settings = &self.0.settings;
        let mut cells = Vec::with_capacity(3);
        cells.extend(
            visitor
                .address
                .map(|address| (cell_of(address), settings.address)),
        );
        cells.extend(visitor.key.map(|key| (CellId::key(key.as_u128()), settings.key)));
        cells.push((CellId::tenant(meter.tenant()), meter.terms().rate));
        self.shared_pace(&cells).await
    }

    async fn shared_pace(&self, cells: &[(CellId, Rate)]) -> Option<Pace> {
        Box::pin(self.0.shared.as_ref()?.pass(cells)).await
    }

    /// The link to Redis, where one is configured.
    pub fn redis(&self) -> Option<&Redis> {
        self.0.shared.as_ref().map(|shared| shared.link())
    }

    /// Keeps what several nodes share, until told to stop. A process runs it once; without Redis it has nothing to do.
    pub async fn keep_shared(self, stop: CancellationToken) {
        if let Some(shared) = &self.0.shared {
            Arc::clone(shared).run(stop).await;
        }
    }
}

/// The cell of an address, or of the network that counts as one.
fn cell_of(address: IpAddr) -> CellId {
    let bits = match network(address) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    CellId::address(bits)
}
