//! The document as a page.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::document::{InvoiceDocument, Line, Side};

/// Without the colour, which is a variable.
const STYLE: &str = include_str!("invoice.css");

/// The document as a page of its own: no script, nothing loaded from elsewhere. Everything that is not ours is escaped.
pub fn html(document: &InvoiceDocument) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang=(document.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.title()) }
                style { (PreEscaped(format!(":root {{ --accent: {}; }}\n", document.branding.accent))) (PreEscaped(STYLE)) }
            }
            body { main { (head(document)) (lines(document)) (sums(document)) (notes(document)) } }
        }
    };
    page.into_string()
}

fn head(document: &InvoiceDocument) -> Markup {
    let words = document.language.words();
    markup! {
        header {
            p.logo { (document.branding.logo_text) }
            h1 { (document.title()) }
            dl { @for (name, fact) in document.facts() { dt { (name) } dd { (fact) } } }
        }
        section.sides {
            (side(words.seller, &document.seller, document))
            (side(words.buyer, &document.buyer, document))
        }
    }
}

fn side(title: &str, side: &Side, document: &InvoiceDocument) -> Markup {
    markup! {
        div {
            h2 { (title) }
            p {
                strong { (side.name) }
                @for detail in side.details(document.language.words()) { br; (detail) }
            }
        }
    }
}

fn lines(document: &InvoiceDocument) -> Markup {
    let words = document.language.words();
    markup! {
        table.lines {
            thead {
                tr {
                    th { (words.description) }
                    th.number { (words.quantity) }
                    th.number { (words.unit_price) }
                    th.number { (words.amount) }
                }
            }
            tbody { @for line in &document.lines { (row(line, document)) } }
        }
    }
}

fn row(line: &Line, document: &InvoiceDocument) -> Markup {
    let language = document.language;
    markup! {
        tr {
            td { (line.description) @if let Some(basis) = line.basis(language) { br; small { (basis) } } }
            td.number { @if let Some(quantity) = line.quantity { (language.decimal(quantity.decimal())) } }
            td.number { @if let Some(price) = line.unit_price { (language.money(price)) } }
            td.number { (language.money(line.amount)) }
        }
    }
}

fn sums(document: &InvoiceDocument) -> Markup {
    let sums = document.sums();
    let last = sums.len().saturating_sub(1);
    markup! {
        table.sums {
            tbody {
                @for (index, (name, amount)) in sums.iter().enumerate() {
                    tr.strong[index == last] { th scope="row" { (name) } td.number { (amount) } }
                }
            }
        }
    }
}

fn notes(document: &InvoiceDocument) -> Markup {
    markup! {
        @if !document.notes.is_empty() {
            footer { @for note in &document.notes { p { (document.language.note(note)) } } }
        }
    }
}
