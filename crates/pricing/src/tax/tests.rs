#![expect(
    clippy::inconsistent_digit_grouping,
    reason = "cents stand apart: 215_00 is 215.00"
)]

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::money::{Currency, Money};

fn place(text: &str) -> Place {
    text.parse().expect("a place")
}
fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}
fn percents(place_: &str, day: Date) -> Vec<String> {
    let taxes = rates().at(&place(place_), day);
    taxes.iter().map(|tax| tax.percent.to_string()).collect()
}
fn levied(percents: &[&str]) -> Vec<Tax> {
    let tax = |percent: &&str| Tax {
        name: "Tax".to_owned(),
        place: place("CA"),
        percent: percent.parse().expect("a decimal"),
    };
    percents.iter().map(tax).collect()
}

#[test]
fn rates_are_those_of_their_day() {
    for (at, day, expected) in [
        ("DE", date(2020, 6, 30), vec!["19"]),
        ("DE", date(2020, 7, 1), vec!["16"]),
        ("DE", date(2020, 12, 31), vec!["16"]),
        ("DE", date(2021, 1, 1), vec!["19"]),
        ("DE-BY", date(2026, 1, 1), vec!["19"]),
        ("FI", date(2024, 9, 1), vec!["25.5"]),
        ("EE", date(2025, 7, 1), vec!["24"]),
        ("SK", date(2025, 1, 1), vec!["23"]),
        ("RO", date(2025, 8, 1), vec!["21"]),
        ("CH", date(2023, 12, 31), vec!["7.7"]),
        ("CH", date(2024, 1, 1), vec!["8.1"]),
        ("CA-QC", date(2026, 1, 1), vec!["5", "9.975"]),
        ("CA-ON", date(2026, 1, 1), vec!["13"]),
        ("CA-AB", date(2026, 1, 1), vec!["5"]),
        ("US-NY", date(2026, 1, 1), vec!["4"]),
        ("US-CA", date(2026, 1, 1), vec![]),
        ("US", date(2026, 1, 1), vec![]),
        ("ES", date(2026, 1, 1), vec!["21"]),
        ("ES-CN", date(2026, 1, 1), vec!["7"]),
        ("ES-CE", date(2026, 1, 1), vec![]),
        ("BR", date(2026, 1, 1), vec![]),
    ] {
        assert_eq!(percents(at, day), expected, "{at} {day}");
    }
}

#[test]
fn the_table_is_complete_for_the_union_and_never_says_two_things_at_once() {
    for member in
        "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(' ')
    {
        assert!(place(member).in_european_union());
        for year in 2019..2030 {
            assert_eq!(percents(member, date(year, 1, 1)).len(), 1, "{member} {year}");
        }
    }
    for rate in &rates().rates {
        let of_place = rates().rates.iter().filter(|other| other.place == rate.place);
        let from = rate.from.unwrap_or(Date::MIN);
        let same = of_place.filter(|other| {
            other.from.unwrap_or(Date::MIN) <= from && from <= other.until.unwrap_or(Date::MAX)
        });
        assert_eq!(same.count(), 1, "{} from {from}", rate.place);
    }
}

#[test]
fn vat_numbers_have_the_form_of_their_country() {
    for valid in [
        "ATU12345678",
        "BE0123456789",
        "BE1123456789",
        "BG123456789",
        "CY12345678L",
        "CZ1234567890",
        "de 123.456-789",
        "DK12345678",
        "EE123456789",
        "EL123456789",
        "ESA1234567B",
        "ES12345678A",
        "ESA12345678",
        "FI12345678",
        "FRXX123456789",
        "FR12123456789",
        "HR12345678901",
        "HU12345678",
        "IE1234567A",
        "IE1234567AB",
        "IE1A23456B",
        "IE1+23456B",
        "IT12345678901",
        "LT123456789012",
        "LU12345678",
        "LV12345678901",
        "MT12345678",
        "NL123456789B01",
        "PL1234567890",
        "PT123456789",
        "RO12",
        "SE123456789012",
        "SI12345678",
        "SK1234567890",
        "XIGD123",
    ] {
        assert!(valid.parse::<VatId>().is_ok(), "{valid}");
    }
}

#[test]
fn what_has_no_form_of_a_vat_number_is_none() {
    for invalid in [
        "",
        "D",
        "DE",
        "DE12345678",
        "DE1234567890",
        "AT12345678",
        "BE2123456789",
        "GB123456789",
        "GR123456789",
        "ES123456789",
        "NL123456789A01",
        "US123456789",
        "DEÄ23456789",
        "ÄÖ123456789",
        "RO1",
        "de123456789x",
    ] {
        assert_eq!(invalid.parse::<VatId>(), Err(InvalidVatId), "{invalid}");
    }
    assert_eq!(
        "el123456789".parse::<VatId>().map(|id| id.country().to_owned()),
        Ok("GR".to_owned())
    );
}

#[test]
fn places_are_countries_and_regions() {
    for invalid in ["", "D", "de", "DEU", "DE-", "DE-abcd", "DE-ABCD", "ÄÖ"] {
        assert_eq!(invalid.parse::<Place>(), Err(InvalidPlace), "{invalid}");
    }
    assert!(place("US").covers(&place("US-NY")) && !place("US-NY").covers(&place("US")));
}

#[test]
fn who_owes_the_tax_depends_on_who_sells_what_to_whom() {
    let seller = |at: &str, registrations: &[&str], one_stop_shop| Seller {
        place: place(at),
        registrations: registrations.iter().map(|text| place(text)).collect(),
        one_stop_shop,
    };
    let german = || seller("DE", &[], true);
    for (seller, buyer, vat_id, expected) in [
        (german(), "DE", Some("DE123456789"), "19"),
        (german(), "DE", None, "19"),
        (german(), "FR", Some("FR12123456789"), "reverse charge"),
        (german(), "FR", None, "20"),
        (german(), "GR", Some("EL123456789"), "reverse charge"),
        // A number of another country than the buyer's says nothing about him.
        (german(), "FR", Some("IT12345678901"), "20"),
        (german(), "US-NY", None, "not collected"),
        (german(), "GB", None, "not collected"),
        (german(), "ES-CN", None, "not collected"),
        (seller("DE", &[], false), "FR", None, "19"),
        (seller("DE", &["CH"], false), "CH", None, "8.1"),
        (seller("ES", &[], false), "ES-CN", None, "not collected"),
        (seller("US-DE", &["US-NY"], false), "US-NY", None, "4"),
        (seller("US-DE", &["US-NY"], false), "US-TX", None, "not collected"),
        (seller("US-NY", &[], false), "US-NY", None, "4"),
        (seller("US-NY", &[], true), "DE", None, "19"),
        (seller("US-NY", &[], false), "DE", None, "not collected"),
        (
            seller("US-NY", &[], false),
            "DE",
            Some("DE123456789"),
            "reverse charge",
        ),
        (seller("CA-ON", &[], false), "CA-QC", None, "5+9.975"),
    ] {
        let buyer = Buyer {
            place: place(buyer),
            vat_id: vat_id.map(|id| id.parse().expect(id)),
            exempt: false,
        };
        let treatment = Treatment::of(&seller, &buyer, date(2026, 3, 1), rates());
        let shown = match &treatment {
            Treatment::Taxed { taxes } => taxes
                .iter()
                .map(|tax| tax.percent.to_string())
                .collect::<Vec<_>>()
                .join("+"),
            Treatment::ReverseCharge => "reverse charge".to_owned(),
            Treatment::Exempt => "exempt".to_owned(),
            Treatment::NotCollected => "not collected".to_owned(),
        };
        assert_eq!(shown, expected, "{seller:?} {buyer:?}");
        let exempt = Buyer {
            exempt: true,
            ..buyer
        };
        assert_eq!(
            Treatment::of(&seller, &exempt, date(2026, 3, 1), rates()),
            Treatment::Exempt
        );
    }
}

#[test]
fn taxes_are_added_to_a_price_or_are_in_it() {
    use TaxBehaviour::{Exclusive, Inclusive};
    for (amount, percents, behaviour, net, taxes) in [
        (29_00, vec!["19"], Exclusive, 29_00, vec![5_51]),
        (29_00, vec!["19"], Inclusive, 24_37, vec![4_63]),
        (-29_00, vec!["19"], Inclusive, -24_37, vec![-4_63]),
        (100_00, vec!["5", "9.975"], Exclusive, 100_00, vec![5_00, 9_98]),
        (114_98, vec!["5", "9.975"], Inclusive, 100_00, vec![5_00, 9_98]),
        (10_00, vec![], Inclusive, 10_00, vec![]),
        (10_00, vec!["0"], Inclusive, 10_00, vec![0]),
        (1, vec!["20"], Exclusive, 1, vec![0]),
        (i64::MAX, vec!["0"], Inclusive, i64::MAX, vec![0]),
    ] {
        let taxed = tax(usd(amount), &levied(&percents), behaviour).expect("taxed");
        let shown: Vec<_> = taxed.taxes.iter().map(|tax| tax.amount).collect();
        assert_eq!((taxed.net.amount, shown), (net, taxes), "{amount} {percents:?}");
    }
    assert!(tax(usd(i64::MAX), &levied(&["20"]), Exclusive).is_err());
}

proptest! {
    #[test]
    fn what_is_added_is_what_is_in_it(net in -1_000_000_000_000_i64..1_000_000_000_000, thousandths in 0_u32..40_000) {
        let taxes = levied(&[&format!("{}.{:03}", thousandths / 1000, thousandths % 1000)]);
        let added = tax(usd(net), &taxes, TaxBehaviour::Exclusive).expect("taxed");
        let within = tax(added.gross, &taxes, TaxBehaviour::Inclusive).expect("taxed");
        prop_assert_eq!(added, within);
    }

    #[test]
    fn net_and_taxes_are_the_gross_amount(
        amount in any::<i64>(), first in 0_u32..100, second in 0_u32..100, inclusive in any::<bool>(),
    ) {
        let behaviour = if inclusive { TaxBehaviour::Inclusive } else { TaxBehaviour::Exclusive };
        if let Ok(taxed) = tax(usd(amount), &levied(&[&first.to_string(), &second.to_string()]), behaviour) {
            let sum = Money::sum(Currency::USD, taxed.taxes).and_then(|taxes| taxed.net.checked_add(taxes));
            prop_assert_eq!(sum, Ok(taxed.gross));
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,20}") {
        let _ = (text.parse::<VatId>(), text.parse::<Place>());
    }
}
