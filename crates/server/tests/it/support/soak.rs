//! How long the long tests go on: a little in every test run, much in `bin/soak`.

use std::str::FromStr;
use std::time::Duration;

/// Rounds of whatever is repeated.
pub(crate) fn rounds(in_a_test_run: u32) -> u32 {
    asked("SOAK_ROUNDS").unwrap_or(in_a_test_run)
}

/// How long load is put on it.
pub(crate) fn seconds(in_a_test_run: u64) -> Duration {
    Duration::from_secs(asked("SOAK_SECONDS").unwrap_or(in_a_test_run))
}

/// Tenants that share it.
pub(crate) fn tenants(in_a_test_run: usize) -> usize {
    asked("SOAK_TENANTS").unwrap_or(in_a_test_run)
}

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn asked<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}
