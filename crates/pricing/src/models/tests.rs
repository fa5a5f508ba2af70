#![expect(
    clippy::inconsistent_digit_grouping,
    reason = "cents stand apart: 215_00 is 215.00"
)]

use proptest::prelude::*;

use super::*;

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}
fn quantity(text: &str) -> Quantity {
    text.parse().expect("a quantity")
}
fn tier(up_to: Option<u32>, amount: &str, flat: &str) -> Tier {
    Tier {
        up_to: up_to.map(Quantity::from),
        amount: decimal(amount),
        flat: decimal(flat),
    }
}
fn cents(model: &PriceModel, units: &str) -> i64 {
    rate(model, quantity(units), Currency::USD)
        .expect("rated")
        .amount
        .amount
}
fn tiers() -> Vec<Tier> {
    vec![tier(Some(5), "10", "100"), tier(None, "5", "50")]
}

#[test]
fn nothing_costs_nothing_but_what_is_flat_or_committed() {
    let percentage = PriceModel::Percentage {
        percent: decimal("2.9"),
        fixed: decimal("0.30"),
        minimum: Some(decimal("1")),
        maximum: None,
    };
    let committed = PriceModel::MinimumCommitment {
        minimum: decimal("50"),
        of: Box::new(percentage.clone()),
    };
    for (model, expected) in [
        (
            PriceModel::Flat {
                amount: decimal("29"),
            },
            29_00,
        ),
        (PriceModel::Graduated { tiers: tiers() }, 0),
        (PriceModel::Volume { tiers: tiers() }, 0),
        (percentage, 0),
        (committed, 50_00),
    ] {
        assert_eq!(cents(&model, "0"), expected, "{model:?}");
    }
}

#[test]
fn tiers_end_with_their_bound_and_fractions_go_on_in_the_next() {
    let (graduated, volume) = (
        PriceModel::Graduated { tiers: tiers() },
        PriceModel::Volume { tiers: tiers() },
    );
    for (units, by_unit, all) in [
        ("5", 150_00, 150_00),
        ("5.5", 202_50, 77_50),
        ("6", 205_00, 80_00),
        ("0.001", 100_01, 100_01),
    ] {
        assert_eq!(
            (cents(&graduated, units), cents(&volume, units)),
            (by_unit, all),
            "{units}"
        );
    }
}

#[test]
fn units_can_cost_less_than_a_cent_and_are_rounded_once() {
    let unit = PriceModel::PerUnit {
        amount: decimal("0.00002"),
        free: quantity("1000"),
    };
    for (units, expected) in [
        ("1000", 0),
        ("1249", 0),
        ("1250", 1),
        ("1000000", 19_98),
        ("1749", 1),
        ("1750", 2),
    ] {
        assert_eq!(cents(&unit, units), expected, "{units}");
    }
    // Half a cent in each of two tiers is one cent, not two.
    let halves = PriceModel::Graduated {
        tiers: vec![tier(Some(1), "0.005", "0"), tier(None, "0.005", "0")],
    };
    let rated = rate(&halves, quantity("2"), Currency::USD).expect("rated");
    assert_eq!(rated.amount.amount, 1);
    assert_eq!(rated.lines.iter().map(|line| line.amount.amount).sum::<i64>(), 1);
}

#[test]
fn a_part_of_a_seat_is_a_seat_and_packages_that_were_begun_are_paid() {
    let seat = PriceModel::PerSeat {
        amount: decimal("3"),
        free: quantity("1"),
    };
    let package = PriceModel::Package {
        size: quantity("1000"),
        amount: decimal("0.50"),
        free: quantity("310000"),
    };
    for (model, units, expected) in [
        (&seat, "1", 0),
        (&seat, "1.2", 3_00),
        (&seat, "4", 9_00),
        (&package, "310000", 0),
        (&package, "310000.000001", 50),
        (&package, "311000", 50),
        (&package, "311001", 1_00),
    ] {
        assert_eq!(cents(model, units), expected, "{units}");
    }
}

#[test]
fn a_share_has_a_fixed_part_and_bounds() {
    let share = PriceModel::Percentage {
        percent: decimal("2.9"),
        fixed: decimal("0.30"),
        minimum: Some(decimal("1")),
        maximum: Some(decimal("20")),
    };
    for (amount, expected) in [
        ("100", 3_20),
        ("10", 1_00),
        ("10000", 20_00),
        ("24.13", 1_00),
        ("24.31", 1_00),
        ("24.32", 1_01),
    ] {
        assert_eq!(cents(&share, amount), expected, "{amount}");
    }
    let rated = rate(&share, quantity("10000"), Currency::USD).expect("rated");
    let lines: Vec<_> = rated
        .lines
        .iter()
        .map(|line| (line.kind, line.amount.amount))
        .collect();
    assert_eq!(
        lines,
        [
            (RatedKind::Share, 290_00),
            (RatedKind::Fixed, 30),
            (RatedKind::Limit, -270_30)
        ]
    );
}

#[test]
fn a_commitment_is_trued_up_and_credits_are_drawn() {
    let units = Box::new(PriceModel::PerUnit {
        amount: decimal("0.10"),
        free: Quantity::ZERO,
    });
    let committed = PriceModel::MinimumCommitment {
        minimum: decimal("50"),
        of: units.clone(),
    };
    let prepaid = PriceModel::Prepaid {
        credits: decimal("50"),
        of: units,
    };
    for (quantity, least, beyond) in [
        ("0", 50_00, 0),
        ("123", 50_00, 0),
        ("500", 50_00, 0),
        ("501", 50_10, 10),
        ("1000", 100_00, 50_00),
    ] {
        assert_eq!(
            (cents(&committed, quantity), cents(&prepaid, quantity)),
            (least, beyond),
            "{quantity}"
        );
    }
    let rated = rate(&committed, quantity("123"), Currency::USD).expect("rated");
    let true_up = rated.lines.last().expect("a line");
    assert_eq!((true_up.kind, true_up.amount.amount), (RatedKind::TrueUp, 37_70));
}

#[test]
fn a_balance_is_drawn_until_it_is_empty() {
    let usd = |amount| Money::new(amount, Currency::USD);
    for (balance, due, used) in [(100, 30, 30), (30, 100, 30), (0, 5, 0), (-7, 5, 0), (10, -5, 0)] {
        let drawn = draw(usd(balance), usd(due)).expect("drawn");
        assert_eq!(
            drawn,
            Drawn {
                used: usd(used),
                left: usd(balance - used),
                due: usd(due - used)
            }
        );
    }
}

#[test]
fn models_that_contradict_themselves_are_refused() {
    let wrapped = |of| PriceModel::Prepaid {
        credits: Decimal::ZERO,
        of: Box::new(of),
    };
    let flat = PriceModel::Flat {
        amount: Decimal::ZERO,
    };
    let graduated = |tiers| PriceModel::Graduated { tiers };
    let share = |minimum, maximum| PriceModel::Percentage {
        percent: decimal("1"),
        fixed: Decimal::ZERO,
        minimum: Some(decimal(minimum)),
        maximum: Some(decimal(maximum)),
    };
    let empty = PriceModel::Package {
        size: Quantity::ZERO,
        amount: decimal("1"),
        free: Quantity::ZERO,
    };
    for (model, why) in [
        (
            PriceModel::Flat {
                amount: decimal("-1"),
            },
            InvalidPrice::NegativeAmount,
        ),
        (graduated(vec![]), InvalidPrice::Tiers),
        (graduated(vec![tier(Some(5), "1", "0")]), InvalidPrice::Tiers),
        (
            graduated(vec![tier(None, "1", "0"), tier(None, "1", "0")]),
            InvalidPrice::Tiers,
        ),
        (
            graduated(vec![
                tier(Some(5), "1", "0"),
                tier(Some(5), "1", "0"),
                tier(None, "1", "0"),
            ]),
            InvalidPrice::Tiers,
        ),
        (
            graduated(vec![tier(None, "1", "-1")]),
            InvalidPrice::NegativeAmount,
        ),
        (empty, InvalidPrice::EmptyPackage),
        (share("2", "1"), InvalidPrice::Limits),
        (share("-1", "1"), InvalidPrice::NegativeAmount),
        (wrapped(wrapped(wrapped(flat.clone()))), InvalidPrice::TooDeep),
    ] {
        assert_eq!(model.check(), Err(why), "{model:?}");
        assert_eq!(
            rate(&model, Quantity::ONE, Currency::USD),
            Err(RateError::Price(why))
        );
    }
    assert_eq!(wrapped(wrapped(flat)).check(), Ok(()));
}

#[test]
fn a_price_is_read_and_written_and_misspelt_members_are_refused() {
    let json = serde_json::json!({"currency": "EUR", "model": "package", "size": "10", "amount": "1.5", "free": "5"});
    let price: Price = serde_json::from_value(json.clone()).expect("a price");
    assert_eq!(serde_json::to_value(&price).expect("JSON"), json);
    let wrong =
        serde_json::json!({"currency": "EUR", "model": "package", "size": "10", "amount": "1.5", "fre": "5"});
    assert!(serde_json::from_value::<Price>(wrong).is_err());
}

/// What is charged is what the model says, in steps that are small enough to be seen.
fn any_tiers() -> impl Strategy<Value = Vec<Tier>> {
    let bounds = prop::collection::btree_set(1_u32..10_000, 0..5);
    (
        bounds,
        prop::collection::vec((0_u32..1_000_000, 0_u32..10_000), 6),
    )
        .prop_map(|(bounds, amounts)| {
            let ends = bounds.into_iter().map(Some).chain([None]);
            ends.zip(amounts)
                .map(|(end, (amount, flat))| tier(end, &format!("0.{amount:06}"), &format!("{flat}")))
                .collect()
        })
}

fn any_model() -> impl Strategy<Value = PriceModel> {
    let amount = || "[0-9]{1,24}(\\.[0-9]{1,12})?".prop_map(|text| decimal(&text));
    let units = || "[0-9]{1,24}(\\.[0-9]{1,12})?".prop_map(|text| quantity(&text));
    let plain = prop_oneof![
        amount().prop_map(|amount| PriceModel::Flat { amount }),
        (amount(), units()).prop_map(|(amount, free)| PriceModel::PerSeat { amount, free }),
        (amount(), units()).prop_map(|(amount, free)| PriceModel::PerUnit { amount, free }),
        any_tiers().prop_map(|tiers| PriceModel::Graduated { tiers }),
        any_tiers().prop_map(|tiers| PriceModel::Volume { tiers }),
        (units(), amount(), units()).prop_map(|(size, amount, free)| PriceModel::Package {
            size,
            amount,
            free
        }),
        (
            amount(),
            amount(),
            prop::option::of(amount()),
            prop::option::of(amount())
        )
            .prop_map(|(percent, fixed, minimum, maximum)| PriceModel::Percentage {
                percent,
                fixed,
                minimum,
                maximum
            }),
    ];
    plain.prop_recursive(4, 4, 1, move |of| {
        prop_oneof![
            (amount(), of.clone()).prop_map(|(minimum, of)| PriceModel::MinimumCommitment {
                minimum,
                of: Box::new(of)
            }),
            (amount(), of).prop_map(|(credits, of)| PriceModel::Prepaid {
                credits,
                of: Box::new(of)
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_model_and_no_quantity_makes_it_panic(
        model in any_model(),
        units in "[0-9]{1,24}(\\.[0-9]{1,12})?",
        currency in prop::sample::select(Currency::all().collect::<Vec<_>>()),
    ) {
        if let Ok(rated) = rate(&model, quantity(&units), currency) {
            prop_assert!(!rated.amount.is_negative());
            let lines = Money::sum(currency, rated.lines.iter().map(|line| line.amount));
            prop_assert_eq!(lines, Ok(rated.amount));
        }
    }

    #[test]
    fn more_never_costs_less_when_graduated(tiers in any_tiers(), few in 0_u32..20_000, more in 0_u32..20_000) {
        let model = PriceModel::Graduated { tiers };
        let cost = |units: u32| cents(&model, &units.to_string());
        prop_assert!(cost(few) <= cost(few + more));
    }

    #[test]
    fn volume_is_graduated_with_one_tier(units in 0_u32..100_000, amount in 0_u32..1_000_000, flat in 0_u32..100) {
        let tiers = vec![tier(None, &format!("0.{amount:06}"), &flat.to_string())];
        let text = units.to_string();
        prop_assert_eq!(
            cents(&PriceModel::Graduated { tiers: tiers.clone() }, &text),
            cents(&PriceModel::Volume { tiers }, &text)
        );
    }

    /// With unit prices that fall and no flat parts, all at the last price is never dearer than each at its own.
    #[test]
    fn volume_is_never_dearer_than_graduated_when_prices_fall(
        bound in 1_u32..1000, first in 0_u32..1_000_000, off in 0_u32..1_000_000, units in 0_u32..5000,
    ) {
        let second = first.saturating_sub(off);
        let tiers = vec![
            tier(Some(bound), &format!("0.{first:06}"), "0"),
            tier(None, &format!("0.{second:06}"), "0"),
        ];
        let text = units.to_string();
        let (volume, graduated) = (PriceModel::Volume { tiers: tiers.clone() }, PriceModel::Graduated { tiers });
        prop_assert!(cents(&volume, &text) <= cents(&graduated, &text));
        if units <= bound {
            prop_assert_eq!(cents(&volume, &text), cents(&graduated, &text));
        }
    }
}
