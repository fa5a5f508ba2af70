use jiff::civil::date;
use pricing::{Currency, Money, ProrationMode, Quantity};

use super::*;

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

fn line(description: &str, amount: i64) -> Line {
    Line {
        description: description.to_owned(),
        period: None,
        proration: None,
        quantity: Some(Quantity::from(2)),
        unit_price: Some(eur(amount / 2)),
        amount: eur(amount),
    }
}

fn document(language: Language) -> InvoiceDocument {
    let march = Days {
        first: date(2024, 3, 1),
        last: date(2024, 3, 31),
    };
    InvoiceDocument {
        kind: DocumentKind::Invoice,
        number: Some("RE-2024-0007".to_owned()),
        about: None,
        issued_on: Some(date(2024, 3, 5)),
        due_on: Some(date(2024, 3, 19)),
        period: Some(march),
        seller: Side {
            name: "Übersee & Söhne GmbH".to_owned(),
            address: vec!["Straße 1".to_owned(), String::new(), "10115 Berlin".to_owned()],
            email: Some("billing@example.com".to_owned()),
            tax_number: Some("DE123456788".to_owned()),
        },
        buyer: Side {
            name: "<script>alert('x')</script> Łukasz".to_owned(),
            ..Side::default()
        },
        lines: vec![
            Line {
                period: Some(march),
                proration: Some(ProrationMode::Day),
                ..line("Pro, monthly", 198_000)
            },
            line("Größe > 5 \"GB\"", 1_234),
        ],
        subtotal: eur(199_234),
        discounts: vec![Discount {
            name: "Welcome".to_owned(),
            amount: eur(1_000),
        }],
        taxes: vec![TaxRow {
            name: "VAT".to_owned(),
            percent: "19".parse().expect("a decimal"),
            net: eur(198_234),
            amount: eur(37_664),
        }],
        total: eur(235_898),
        paid: eur(35_898),
        due: eur(200_000),
        notes: vec![Note::ReverseCharge, Note::Text("Thanks & <b>bye</b>".to_owned())],
        language,
        branding: Branding {
            logo_text: "ACME ®".to_owned(),
            accent: "#AB12cd".parse().expect("a colour"),
        },
    }
}

/// The file is what this prints when it fails, once somebody has looked at it.
#[test]
fn the_page_is_as_it_was_agreed_on() {
    let page = html(&document(Language::German));
    assert_eq!(
        page.trim_end(),
        include_str!("invoice.golden.html").trim_end(),
        "{page}"
    );
}

#[test]
fn what_is_not_ours_is_escaped() {
    let page = html(&document(Language::English));
    for hostile in ["<script>alert", "<b>bye", "\"GB\""] {
        assert!(!page.contains(hostile), "{hostile} in {page}");
    }
    assert!(page.contains("&lt;script&gt;alert") && page.contains("Thanks &amp; &lt;b&gt;bye"));
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[test]
fn money_and_days_are_written_in_the_language() {
    let shown = |amount, currency: &str, language: Language| {
        let currency = currency.parse().expect("a currency");
        language.money(Money::new(amount, currency))
    };
    for (amount, currency, english, german) in [
        (123_450, "EUR", "€1,234.50", "1.234,50\u{a0}€"),
        (-5, "USD", "\u{2212}$0.05", "\u{2212}0,05\u{a0}$"),
        (1_001, "JPY", "¥1,001", "1.001\u{a0}¥"),
        (1_234_500, "KWD", "KWD\u{a0}1,234.500", "1.234,500\u{a0}KWD"),
        (
            i64::MIN,
            "CHF",
            "\u{2212}CHF\u{a0}92,233,720,368,547,758.08",
            "\u{2212}92.233.720.368.547.758,08\u{a0}CHF",
        ),
    ] {
        assert_eq!(shown(amount, currency, Language::English), english);
        assert_eq!(shown(amount, currency, Language::German), german);
    }
    let decimal = |text: &str| Language::German.decimal(text.parse().expect("a decimal"));
    assert_eq!([decimal("12345.0005"), decimal("12")], ["12.345,0005", "12"]);
    assert_eq!(Language::English.date(date(2024, 3, 5)), "5 March 2024");
    assert_eq!(Language::German.date(date(2024, 3, 5)), "5. März 2024");
    for (locale, language) in [
        ("de-AT", Language::German),
        ("DE", Language::German),
        ("fr", Language::English),
    ] {
        assert_eq!(Language::of_locale(locale), language);
    }
}

#[test]
fn a_credit_note_and_a_draft_say_what_they_are() {
    let note = InvoiceDocument {
        kind: DocumentKind::CreditNote,
        about: Some("RE-2024-0007".to_owned()),
        ..document(Language::English)
    };
    let page = html(&note);
    assert!(page.contains("Credit note RE-2024-0007") && page.contains("For invoice"));
    assert!(!page.contains("Amount due"));
    let draft = InvoiceDocument {
        number: None,
        ..document(Language::English)
    };
    assert!(html(&draft).contains("Invoice (Draft)"));
}

#[test]
fn colours_are_read_or_refused() {
    assert_eq!(
        "#AB12cd".parse::<Colour>().expect("a colour").to_string(),
        "#ab12cd"
    );
    for wrong in [
        "",
        "red",
        "#12345",
        "#1234567",
        "#+12345",
        "#12345g",
        "#fff; } body { x: y",
    ] {
        assert_eq!(wrong.parse::<Colour>(), Err(InvalidColour), "{wrong}");
    }
}

/// The number of pages, as the page tree says.
fn pages(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.matches("/Type /Page\n").count() + text.matches("/Type/Page/").count()
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(b"%PDF-1.") && bytes.trim_ascii_end().ends_with(b"%%EOF")
}

#[test]
fn the_same_document_is_the_same_bytes() {
    let document = document(Language::German);
    let once = pdf(&document);
    assert!(is_whole(&once), "{} bytes", once.len());
    assert!(once == pdf(&document.clone()));
    let other = InvoiceDocument {
        number: Some("RE-2024-0008".to_owned()),
        ..document
    };
    assert!(once != pdf(&other));
    assert!(
        once.len() < 100_000,
        "only the letters that are used are embedded: {}",
        once.len()
    );
}

#[test]
fn five_hundred_lines_take_their_pages() {
    let document = InvoiceDocument {
        lines: (0..500)
            .map(|index| line(&format!("Position {index}"), 100))
            .collect(),
        ..document(Language::German)
    };
    let bytes = pdf(&document);
    assert!(is_whole(&bytes));
    let count = pages(&bytes);
    assert!((9..=20).contains(&count), "{count} pages");
    assert!(searched(&bytes).is_none_or(|text| {
        (0..500).all(|index| {
            text.contains(&format!("Position {index}\n")) || text.contains(&format!("Position {index} "))
        })
    }));
}

/// What a reader finds in it, where `pdftotext` is installed.
fn searched(bytes: &[u8]) -> Option<String> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut reader = Command::new("pdftotext")
        .args(["-layout", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = reader.stdin.take().expect("it reads");
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = reader.wait_with_output().expect("it ends");
    writing.join().expect("it writes").expect("it reads everything");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn text_is_found_in_it() {
    let Some(text) = searched(&pdf(&document(Language::German))) else {
        return;
    };
    for words in [
        "Rechnung RE-2024-0007",
        "Übersee & Söhne GmbH",
        "Łukasz",
        "1.980,00\u{a0}€",
        "5. März 2024",
        "Seite 1 von 1",
    ] {
        let plain = |text: &str| text.replace('\u{a0}', " ");
        assert!(plain(&text).contains(&plain(words)), "{words} in {text}");
    }
}

#[test]
fn hostile_lengths_and_letters_do_no_harm() {
    let mut document = document(Language::English);
    document.branding.logo_text = "W".repeat(5_000);
    document.buyer.name = "請求書\u{202e}\u{0}\u{1F600}".repeat(500);
    document.lines.push(line(&"x".repeat(20_000), i64::MAX));
    document.lines.push(line("", i64::MIN));
    document.notes.push(Note::Text("y ".repeat(20_000)));
    document.number = Some("9".repeat(500));
    let bytes = pdf(&document);
    assert!(is_whole(&bytes) && pages(&bytes) > 1);
    assert!(is_whole(&pdf(&InvoiceDocument {
        lines: Vec::new(),
        notes: Vec::new(),
        ..document
    })));
}
