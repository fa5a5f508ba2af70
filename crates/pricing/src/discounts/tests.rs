use proptest::prelude::*;

use super::*;
use crate::Currency;

fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}
fn percent(text: &str) -> Discount {
    Discount::Percent(text.parse().expect("a decimal"))
}
fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn a_discount_takes_off_at_most_what_there_is() {
    for (discount, amount, off) in [
        (percent("20"), 29_00, 5_80),
        (percent("33.3333"), 1_00, 33),
        (percent("12.5"), 4, 1),
        (percent("100"), 29_00, 29_00),
        (percent("250"), 29_00, 29_00),
        (percent("-5"), 29_00, 0),
        (percent("50"), 0, 0),
        (Discount::Amount(usd(10_00)), 29_00, 10_00),
        (Discount::Amount(usd(30_00)), 29_00, 29_00),
        (Discount::Amount(usd(-1)), 29_00, 0),
        (Discount::Amount(usd(10_00)), -5_00, 0),
    ] {
        assert_eq!(discount.of(usd(amount)), Ok(usd(off)), "{discount:?} {amount}");
    }
    let euros = Discount::Amount(Money::new(1, Currency::EUR));
    assert!(euros.of(usd(1)).is_err());
}

#[test]
fn credits_are_left_alone_when_a_discount_is_spread() {
    let lines = [usd(10_00), usd(-4_00), usd(0), usd(20_00)];
    let spread = percent("10").spread(&lines, Currency::USD).expect("spread");
    assert_eq!(spread, [usd(1_00), usd(0), usd(0), usd(2_00)]);
    let nothing = percent("10").spread(&[usd(-1)], Currency::USD).expect("spread");
    assert_eq!(nothing, [usd(0)]);
}

fn coupon() -> Coupon {
    Coupon {
        code: "C".to_owned(),
        name: "C".to_owned(),
        discount: Discount::Amount(usd(1_00)),
        duration: CouponDuration::Repeating(2),
        redeemer: Redeemer::Anyone,
        redeem_by: Some(at("2026-01-31T00:00:00Z")),
        max_redemptions: Some(3),
        once_per_customer: true,
        plans: vec!["pro".to_owned()],
    }
}

#[test]
fn coupons_are_redeemed_in_time_in_number_and_for_their_plans() {
    for (moment, plan, currency, (all, own), expected) in [
        ("2026-01-31T00:00:00Z", "pro", Currency::USD, (2, 0), Ok(())),
        (
            "2026-01-31T00:00:00.001Z",
            "pro",
            Currency::USD,
            (2, 0),
            Err(NotRedeemable::Expired),
        ),
        (
            "2026-01-01T00:00:00Z",
            "pro",
            Currency::USD,
            (3, 0),
            Err(NotRedeemable::UsedUp),
        ),
        (
            "2026-01-01T00:00:00Z",
            "free",
            Currency::USD,
            (0, 0),
            Err(NotRedeemable::OtherPlan),
        ),
        (
            "2026-01-01T00:00:00Z",
            "pro",
            Currency::EUR,
            (0, 0),
            Err(NotRedeemable::OtherCurrency),
        ),
        (
            "2026-01-01T00:00:00Z",
            "pro",
            Currency::USD,
            (1, 1),
            Err(NotRedeemable::AlreadyRedeemed),
        ),
    ] {
        assert_eq!(
            coupon().redeemable(at(moment), plan, currency, Redemptions { all, own }),
            expected
        );
    }
}

#[test]
fn a_coupon_holds_for_so_many_invoices() {
    let held = |duration| {
        let coupon = Coupon { duration, ..coupon() };
        [0, 1, 2].map(|invoices| coupon.holds_after(invoices))
    };
    assert_eq!(held(CouponDuration::Once), [true, false, false]);
    assert_eq!(held(CouponDuration::Repeating(2)), [true, true, false]);
    assert_eq!(held(CouponDuration::Forever), [true, true, true]);
}

proptest! {
    #[test]
    fn no_line_becomes_negative_and_the_parts_are_the_whole(
        lines in prop::collection::vec(-1_000_000_i64..1_000_000, 0..10),
        by_percent in any::<bool>(),
        size in -100_i64..5_000_000,
    ) {
        let lines: Vec<Money> = lines.into_iter().map(usd).collect();
        let discount = if by_percent { Discount::Percent(Decimal::whole(size % 150)) } else { Discount::Amount(usd(size)) };
        let spread = discount.spread(&lines, Currency::USD).expect("spread");
        prop_assert_eq!(spread.len(), lines.len());
        for (line, off) in lines.iter().zip(&spread) {
            prop_assert!(!off.is_negative() && off.amount <= line.amount.max(0));
        }
        let positive = Money::sum(Currency::USD, lines.iter().copied().filter(|line| line.is_positive())).expect("a sum");
        prop_assert_eq!(Money::sum(Currency::USD, spread), discount.of(positive));
    }
}
