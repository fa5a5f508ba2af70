//! What recurs.

use std::time::Duration;

use jobs::schedule::Schedule;

use crate::{access_tokens, password_resets, sessions, throttle};

/// Adds what this room does from time to time: replacing old signing keys, forgetting what ended long ago.
#[must_use]
pub fn scheduled(schedule: Schedule) -> Schedule {
    schedule
        .every(
            "signing_keys.rotation",
            Duration::from_hours(1),
            access_tokens::rotate_when_old,
        )
        .every(
            "signing_keys.prune",
            Duration::from_hours(24),
            access_tokens::prune,
        )
        .every("sessions.prune", Duration::from_hours(6), sessions::prune)
        .every("throttle.prune", Duration::from_hours(6), throttle::prune)
        .every(
            "password_resets.prune",
            Duration::from_hours(1),
            password_resets::prune,
        )
}
