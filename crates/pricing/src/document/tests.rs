#![expect(
    clippy::inconsistent_digit_grouping,
    reason = "cents stand apart: 215_00 is 215.00"
)]

use proptest::prelude::*;

use super::*;

fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}
fn vat(percent: i64) -> Tax {
    Tax {
        name: "VAT".to_owned(),
        place: "DE".parse().expect("a place"),
        percent: crate::Decimal::whole(percent),
    }
}
fn half_off() -> Discount {
    Discount::Percent(crate::Decimal::whole(50))
}

#[test]
fn coupons_come_off_one_after_another_and_not_off_what_they_do_not_apply_to() {
    let credit = Item {
        discountable: false,
        ..Item::fee(usd(-10_00), vec![vat(20)])
    };
    let items = [Item::fee(usd(100_00), vec![vat(20)]), credit];
    let coupons = [half_off(), Discount::Amount(usd(60_00))];
    let document = totals(Currency::USD, &items, &coupons, TaxBehaviour::Exclusive).expect("totals");
    assert_eq!(document.discounts, [usd(50_00), usd(50_00)]);
    assert_eq!((document.subtotal, document.discount), (usd(90_00), usd(100_00)));
    assert_eq!(
        (document.net, document.tax, document.total),
        (usd(-10_00), usd(-2_00), usd(-12_00))
    );
}

#[test]
fn a_document_without_lines_comes_to_nothing() {
    let document = totals(Currency::JPY, &[], &[half_off()], TaxBehaviour::Inclusive).expect("totals");
    assert_eq!(document.total, Money::zero(Currency::JPY));
}

#[test]
fn an_inclusive_price_is_the_total() {
    let items = [
        Item::fee(usd(29_00), vec![vat(19)]),
        Item::fee(usd(1_00), vec![vat(7)]),
    ];
    let document = totals(Currency::USD, &items, &[], TaxBehaviour::Inclusive).expect("totals");
    assert_eq!(
        (document.net, document.tax, document.total),
        (usd(25_30), usd(4_70), usd(30_00))
    );
}

#[test]
fn lines_of_another_currency_and_sums_that_do_not_fit_are_refused() {
    let euros = [Item::fee(Money::new(1, Currency::EUR), vec![])];
    assert!(totals(Currency::USD, &euros, &[], TaxBehaviour::Exclusive).is_err());
    let large = [Item::fee(usd(i64::MAX), vec![]), Item::fee(usd(1), vec![])];
    assert_eq!(
        totals(Currency::USD, &large, &[], TaxBehaviour::Exclusive),
        Err(MoneyError::Overflow)
    );
}

proptest! {
    #[test]
    fn whoever_adds_the_lines_up_gets_the_totals(
        fees in prop::collection::vec((-1_000_000_i64..1_000_000, prop::collection::vec(0_i64..30, 0..3), any::<bool>()), 0..8),
        coupons in prop::collection::vec((any::<bool>(), 0_i64..100), 0..3),
        inclusive in any::<bool>(),
    ) {
        let items: Vec<Item> = fees.into_iter().map(|(amount, percents, discountable)| Item {
            amount: usd(amount),
            taxes: percents.into_iter().map(vat).collect(),
            discountable,
        }).collect();
        let coupons: Vec<Discount> = coupons
            .into_iter()
            .map(|(percent, size)| {
                if percent {
                    Discount::Percent(crate::Decimal::whole(size))
                } else {
                    Discount::Amount(usd(size * 1000))
                }
            })
            .collect();
        let behaviour = if inclusive { TaxBehaviour::Inclusive } else { TaxBehaviour::Exclusive };
        let document = totals(Currency::USD, &items, &coupons, behaviour).expect("totals");
        let sum = |part: &dyn Fn(&LineTotals) -> i64| document.lines.iter().map(part).sum::<i64>();
        prop_assert_eq!(sum(&|line| line.amount.amount), document.subtotal.amount);
        prop_assert_eq!(sum(&|line| line.net.amount), document.net.amount);
        prop_assert_eq!(sum(&|line| line.gross.amount), document.total.amount);
        prop_assert_eq!(sum(&|line| line.taxes.iter().map(|tax| tax.amount).sum()), document.tax.amount);
        prop_assert_eq!(sum(&|line| line.discounts.iter().map(|off| off.amount).sum()), document.discount.amount);
        prop_assert_eq!(document.net.amount + document.tax.amount, document.total.amount);
        if !inclusive {
            prop_assert_eq!(document.subtotal.amount - document.discount.amount, document.net.amount);
        }
        for line in &document.lines {
            prop_assert!(line.amount.is_negative() || !line.gross.is_negative());
        }
    }
}
