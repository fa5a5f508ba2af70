use proptest::prelude::*;

use super::*;

fn exact(text: &str) -> Exact {
    text.parse::<Decimal>().expect("a decimal").into()
}

#[test]
fn money_is_shown_with_the_decimals_of_its_currency() {
    let kwd = "kwd".parse::<Currency>().expect("a currency");
    for (amount, currency, shown) in [
        (1234, Currency::USD, "12.34 USD"),
        (-5, Currency::USD, "-0.05 USD"),
        (1001, Currency::JPY, "1001 JPY"),
        (1250, kwd, "1.250 KWD"),
        (i64::MIN, Currency::USD, "-92233720368547758.08 USD"),
    ] {
        assert_eq!(Money::new(amount, currency).to_string(), shown);
    }
}

#[test]
fn money_is_an_integer_and_a_code_in_json() {
    let json = serde_json::json!({"amount": 1234, "currency": "USD"});
    let money = Money::new(1234, Currency::USD);
    assert_eq!(serde_json::to_value(money).expect("JSON"), json);
    assert_eq!(serde_json::from_value::<Money>(json).expect("money"), money);
    for wrong in [
        r#"{"amount": 12.5, "currency": "USD"}"#,
        r#"{"amount": 1, "currency": "XXX"}"#,
        r#"{"amount": "1", "currency": "USD"}"#,
    ] {
        assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn currencies_have_the_decimals_of_iso_4217_and_are_there_once() {
    for (code, exponent) in [
        ("USD", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("ISK", 0),
        ("BHD", 3),
        ("TND", 3),
        ("CLF", 4),
    ] {
        assert_eq!(
            code.parse::<Currency>().expect(code).exponent(),
            exponent,
            "{code}"
        );
    }
    let mut codes: Vec<_> = Currency::all().map(Currency::code).collect();
    codes.sort_unstable();
    let count = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), count);
    assert!(codes.iter().all(|code| code.len() == 3));
    for constant in [Currency::USD, Currency::EUR, Currency::JPY, Currency::KWD] {
        assert_eq!(constant.code().parse(), Ok(constant));
    }
    assert_eq!("US".parse::<Currency>(), Err(UnknownCurrency));
}

#[test]
fn what_does_not_fit_or_go_together_is_an_error() {
    let (most, one) = (Money::new(i64::MAX, Currency::USD), Money::new(1, Currency::USD));
    assert_eq!(most.checked_add(one), Err(MoneyError::Overflow));
    assert_eq!(
        Money::new(i64::MIN, Currency::USD).checked_neg(),
        Err(MoneyError::Overflow)
    );
    assert_eq!(most.times(&exact("2")), Err(MoneyError::Overflow));
    let mixed = MoneyError::CurrencyMismatch(Currency::USD, Currency::EUR);
    assert_eq!(one.checked_add(Money::new(1, Currency::EUR)), Err(mixed));
}

#[test]
fn decimals_are_read_strictly() {
    for (given, shown) in [
        ("0", "0"),
        ("-0", "0"),
        ("007.500", "7.5"),
        ("0.000000000001", "0.000000000001"),
        ("0.10000000000000000000", "0.1"),
        (
            "999999999999999999999999.999999999999",
            "999999999999999999999999.999999999999",
        ),
    ] {
        assert_eq!(given.parse::<Decimal>().expect(given).to_string(), shown);
    }
    for refused in [
        "",
        "-",
        ".5",
        "5.",
        "+1",
        "1e3",
        "1,5",
        " 1",
        "0.0000000000001",
        "1000000000000000000000000",
        "--1",
        "1.-5",
        "٣",
    ] {
        assert!(refused.parse::<Decimal>().is_err(), "{refused}");
    }
    assert!("-1".parse::<Quantity>().is_err());
}

#[test]
fn shares_go_by_the_largest_remainder() {
    let thirds = [exact("1"), exact("1"), exact("1")];
    assert_eq!(apportion(100, &thirds), Some(vec![34, 33, 33]));
    assert_eq!(apportion(-100, &thirds), Some(vec![-34, -33, -33]));
    assert_eq!(
        apportion(7, &[exact("0"), exact("2.5"), exact("1")]),
        Some(vec![0, 5, 2])
    );
    assert_eq!(apportion(1, &[exact("0")]), None);
    assert_eq!(apportion(1, &[exact("2"), exact("-1")]), None);
    assert_eq!(apportion(0, &[]), None);
}

proptest! {
    #[test]
    fn what_is_printed_is_read(whole in -1_000_000_000_000_i64..1_000_000_000_000, decimals in 0_u64..1_000_000_000_000) {
        let text = format!("{whole}.{decimals:012}");
        let decimal: Decimal = text.parse().expect("a decimal");
        prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
    }

    #[test]
    fn rounding_is_to_the_nearest_and_mirrors_negatives(amount in any::<i32>(), divisor in 1_i64..10_000) {
        let exact = Exact::ratio(i64::from(amount), divisor).expect("a fraction");
        let rounded = exact.rounded().expect("it fits");
        prop_assert_eq!((-&exact).rounded(), Some(-rounded));
        // Twice the distance is at most one whole.
        let (twice, whole) = ((i64::from(amount) - rounded * divisor) * 2, divisor);
        prop_assert!(twice.abs() <= whole);
        if twice.abs() == whole {
            prop_assert_eq!(twice.signum(), -i64::from(amount.signum()), "halves go away from zero");
        }
    }

    #[test]
    fn shares_sum_to_what_is_shared_and_are_within_one_of_exact(
        total in any::<i64>(),
        weights in prop::collection::vec(0_i64..1_000_000, 1..12),
    ) {
        let sum: i64 = weights.iter().sum();
        prop_assume!(sum > 0);
        let exact: Vec<Exact> = weights.iter().map(|weight| Exact::from(*weight)).collect();
        let parts = apportion(total, &exact).expect("weights");
        prop_assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(total));
        for (part, weight) in parts.iter().zip(&weights) {
            let off = i128::from(*part) * i128::from(sum) - i128::from(total) * i128::from(*weight);
            prop_assert!(off.abs() < i128::from(sum));
            prop_assert!(*weight > 0 || *part == 0);
        }
    }
}
