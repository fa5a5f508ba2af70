#![expect(
    clippy::inconsistent_digit_grouping,
    reason = "cents stand apart: 215_00 is 215.00"
)]

use super::*;
use crate::money::{Money, Quantity};

/// The catalogue of plans, as far as it must agree with the prices.
#[derive(Deserialize)]
struct Plans {
    plans: Vec<Plan>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    id: String,
    trial_days: u16,
}

fn toml(edition: &str) -> String {
    let dunning = "dunning = { retryAfterDays = [3], finalAction = \"cancel\" }";
    let plan = format!(
        "[[editions.plans]]\nid = \"a\"\ntrialDays = 0\ntrialEnd = \"paid\"\nprices = []\n{dunning}\n"
    );
    format!("[[editions]]\nversion = 1\n{plan}{edition}")
}

#[test]
fn the_plans_cost_what_is_advertised() {
    for (id, monthly, yearly) in [
        ("free", 0, 0),
        ("starter", 29_00, 290_00),
        ("pro", 99_00, 990_00),
        ("enterprise", 499_00, 4990_00),
    ] {
        let plan = catalogue().latest().plan(id).expect(id);
        for (cycle, expected) in [(BillingCycle::Monthly, monthly), (BillingCycle::Yearly, yearly)] {
            let price = plan.price(cycle, Currency::USD).expect("a price");
            let rated = price.rate(Quantity::ONE).expect("rated");
            assert_eq!(
                rated.amount,
                Money::new(expected, Currency::USD),
                "{id} {cycle:?}"
            );
        }
        assert_eq!(plan.dunning.retry_after_days, [3, 5, 7, 7], "{id}");
        assert_eq!(plan.trial_days, if id == "free" { 0 } else { 14 }, "{id}");
    }
}

#[test]
fn every_plan_has_prices_and_every_price_a_plan() {
    let plans: Plans =
        toml::from_str(include_str!("../../../tenants/src/plans/plans.toml")).expect("the plans");
    let known: Vec<_> = plans
        .plans
        .iter()
        .map(|plan| (plan.id.as_str(), plan.trial_days))
        .collect();
    let edition = catalogue().latest();
    let priced: Vec<_> = edition
        .plans
        .iter()
        .map(|plan| (plan.id.as_str(), plan.trial_days))
        .collect();
    assert_eq!(priced, known);
    for plan in &edition.plans {
        for currency in [Currency::USD, Currency::EUR] {
            for cycle in [BillingCycle::Monthly, BillingCycle::Yearly] {
                assert!(
                    plan.price(cycle, currency).is_some(),
                    "{} {cycle:?} {currency}",
                    plan.id
                );
            }
            for usage in &plan.usage {
                assert!(
                    plan.usage_price(&usage.metric, currency).is_some(),
                    "{}",
                    usage.metric
                );
            }
        }
    }
}

#[test]
fn usage_within_the_plan_costs_nothing() {
    let starter = catalogue().latest().plan("starter").expect("a plan");
    let calls = starter.usage_price("api_calls", Currency::USD).expect("a price");
    let cents = |units: u32| calls.rate(units.into()).expect("rated").amount.amount;
    assert_eq!([cents(310_000), cents(310_001), cents(330_000)], [0, 50, 1_00]);
    assert_eq!(starter.usage_price("database_queries", Currency::USD), None);
}

#[test]
fn old_editions_stay_and_the_last_is_for_new_subscriptions() {
    let two = toml("") + &toml("").replace("version = 1", "version = 2");
    let catalogue = Catalogue::from_toml(&two).expect("a catalogue");
    assert_eq!(catalogue.latest().version, 2);
    assert_eq!(catalogue.edition(1).map(|edition| edition.version), Some(1));
    assert_eq!(catalogue.edition(3), None);
}

#[test]
fn add_ons_and_coupons_are_found() {
    let edition = catalogue().latest();
    let users = edition.add_on("extra_users").expect("an add-on");
    assert!(users.goes_with("pro") && !users.goes_with("free"));
    assert!(users.price(Some(BillingCycle::Yearly), Currency::USD).is_some());
    assert!(
        edition
            .add_on("onboarding")
            .expect("an add-on")
            .price(None, Currency::USD)
            .is_some()
    );
    assert_eq!(
        edition.coupon("welcome20").map(|coupon| coupon.code.as_str()),
        Some("WELCOME20")
    );
}

#[test]
fn price_lists_that_contradict_themselves_are_refused() {
    let coupon = |discount: &str, more: &str| {
        toml(&format!(
            "[[editions.coupons]]\ncode = \"X\"\nname = \"X\"\nduration = \"once\"\ndiscount = {discount}\n{more}"
        ))
    };
    let add_on = |prices: &str| {
        toml(&format!(
            "[[editions.addOns]]\nid = \"x\"\nname = \"x\"\nprices = [{prices}]"
        ))
    };
    let flat = "{ currency = \"USD\", model = \"flat\", amount = \"1\" }";
    for (text, why) in [
        (String::from("editions = []"), "no edition"),
        (toml("").replace("version = 1", "version = 2"), "does not follow"),
        (coupon("{ percent = \"101\" }", ""), "takes off"),
        (coupon("{ percent = \"0\" }", ""), "takes off"),
        (coupon("{ percent = \"5\" }", "plans = [\"b\"]"), "no plan `b`"),
        (add_on(&format!("{flat}, {flat}")), "twice"),
        (
            add_on("{ currency = \"USD\", model = \"flat\", amount = \"-1\" }"),
            "negative",
        ),
        (
            add_on("{ currency = \"USD\", model = \"flat\", amount = \"1\", fre = \"2\" }"),
            "unknown field",
        ),
        (
            add_on("{ currency = \"USD\", model = \"flat\", amount = 1.5 }"),
            "invalid type",
        ),
        (toml("").replace("[3]", "[0]"), "needs a day"),
        (toml("typo = 1"), "unknown field"),
    ] {
        let error = Catalogue::from_toml(&text).expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(Catalogue::from_toml(&add_on(flat)).is_ok());
}
