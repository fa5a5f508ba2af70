//! Random histories: whatever is done to a customer, in whatever order, the books stay sound. Some with every test;
//! `TENANTRY_HISTORIES=10000` for more.

mod acts;
mod bank;
mod life;
mod look;

use pricing::ProrationMode;
use pricing::tax::TaxBehaviour;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::acts::{Act, act};
use self::life::live;
use crate::fixture::Fixture;
use crate::subscriptions;

#[expect(
    clippy::disallowed_methods,
    reason = "a test run has no other configuration than its environment"
)]
pub(crate) fn histories() -> u32 {
    let wanted = std::env::var("TENANTRY_HISTORIES").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(60)
}

/// As many share a database: what is looked at after each does not grow with how many there are.
const TOGETHER: u32 = 250;

#[test]
fn whatever_happens_the_books_are_sound() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut left = histories();
    while left > 0 {
        let cases = left.min(TOGETHER);
        let fixture = runtime.block_on(Fixture::new());
        some_histories(&runtime, &fixture, cases);
        left -= cases;
        drop(fixture);
    }
}

fn some_histories(runtime: &tokio::runtime::Runtime, fixture: &Fixture, cases: u32) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let offers = [
        (TaxBehaviour::Exclusive, ProrationMode::Day),
        (TaxBehaviour::Inclusive, ProrationMode::Second),
        (TaxBehaviour::Exclusive, ProrationMode::Fixed30),
    ];
    let offers = offers.map(|(tax, mode)| subscriptions::tests::taxed_prices(tax, mode));
    let subscribe =
        (0_usize..4, any::<bool>(), any::<bool>()).prop_map(|(plan, yearly, coupon)| Act::Subscribe {
            plan,
            yearly,
            coupon,
            trial: 0,
        });
    let lives = (
        0..offers.len(),
        subscribe,
        proptest::collection::vec(act(), 3..12),
    );
    let outcome = TestRunner::new(config).run(&lives, |(offer, first, mut acts)| {
        acts.insert(0, first);
        runtime.block_on(live(fixture, &offers[offer], &acts));
        Ok(())
    });
    outcome.expect("every history leaves sound books");
}
