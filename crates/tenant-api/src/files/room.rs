//! Storage that is held in memory while an upload comes in, so that what cannot be kept is refused before it is taken,
//! also where many come at once. Whether the file may be kept in the end is decided where it is recorded.
//!
//! What is held is given back when this is dropped: after the file was recorded, when it was not, and by the end of the
//! process.

use std::sync::Arc;

use edge::ProblemResponse;
use gate::{AppState, TenantCaller, levels, quota_exceeded};
use metering::Meter;
use metering::counters::Reservation;
use metering::metrics::BuiltIn;
use metering::quotas::QuotaCheck;

/// So much is held at a time where an upload does not say how long it is.
const STEP: u64 = 1 << 20;

/// Storage held for one upload.
#[derive(Debug)]
pub(super) struct Room {
    meter: Arc<Meter>,
    most: Option<u64>,
    held: Vec<Reservation>,
    /// Bytes that are held, and of these such as have not come yet.
    free: u64,
}

impl Room {
    /// Holds as much as is announced, or refuses the upload.
    pub(super) async fn hold(
        state: &AppState,
        caller: &TenantCaller,
        announced: Option<u64>,
    ) -> Result<Self, ProblemResponse> {
        let meter = levels::meter_at_hand(state, caller.tenant.id).await?;
        let mut room = Self {
            most: state.metering.most(&meter, BuiltIn::Storage),
            meter,
            held: Vec::new(),
            free: 0,
        };
        if let Some(length) = announced {
            room.take(state, caller, length).await?;
        }
        Ok(room)
    }

    /// So many bytes have come.
    pub(super) async fn make(
        &mut self,
        state: &AppState,
        caller: &TenantCaller,
        bytes: u64,
    ) -> Result<(), ProblemResponse> {
        if self.free < bytes {
            let missing = bytes - self.free;
            if self.reserve(state, missing.max(STEP)).is_err() {
                self.take(state, caller, missing).await?;
            }
        }
        self.free -= bytes;
        Ok(())
    }

    /// The bytes that all files may have together.
    pub(super) const fn most(&self) -> Option<u64> {
        self.most
    }

    /// The meter that it is held in.
    pub(super) const fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Holds so much; looks what there really is before it refuses.
    async fn take(
        &mut self,
        state: &AppState,
        caller: &TenantCaller,
        bytes: u64,
    ) -> Result<(), ProblemResponse> {
        if self.reserve(state, bytes).is_ok() {
            return Ok(());
        }
        levels::measure(state, &caller.ctx, &self.meter).await;
        let now = caller.ctx.seams().now();
        self.reserve(state, bytes)
            .map_err(|check| quota_exceeded(&check, now))
    }

    fn reserve(&mut self, state: &AppState, bytes: u64) -> Result<(), Box<QuotaCheck>> {
        self.held
            .push(state.metering.reserve(&self.meter, BuiltIn::Storage, bytes)?);
        self.free = self.free.saturating_add(bytes);
        Ok(())
    }
}
