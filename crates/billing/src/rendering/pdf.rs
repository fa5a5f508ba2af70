//! The document as a PDF (A4), with text that can be searched and copied.

mod letters;
mod sheet;

use super::document::{InvoiceDocument, Line, Side};
use letters::{Face, Letters};
use sheet::{Pen, Sheets};

/// Points from the left edge to the text, and from the text to the right edge.
const LEFT: f32 = 56.0;
const RIGHT: f32 = 539.0;
/// The right edges of the columns of numbers; what they are of is left of them.
const QUANTITY: f32 = 375.0;
const UNIT_PRICE: f32 = 457.0;
/// How wide a description may be.
const DESCRIPTION: f32 = 250.0;
/// How wide one of the two sides may be.
const SIDE: f32 = 220.0;
/// What a number may be wide; a longer one is set smaller.
const NUMBER: f32 = 80.0;

/// The document as a PDF. The same document gives the same bytes.
pub fn pdf(document: &InvoiceDocument) -> Vec<u8> {
    let mut sheets = Sheets::new(document);
    head(&mut sheets, document);
    sides(&mut sheets, document);
    columns(&mut sheets, document);
    for line in &document.lines {
        row(&mut sheets, document, line);
    }
    sums(&mut sheets, document);
    notes(&mut sheets, document);
    sheets.finish()
}

fn head(sheets: &mut Sheets, document: &InvoiceDocument) {
    let accent = Pen::bold(14.0).accent();
    for line in sheets
        .letters
        .wrapped(&document.branding.logo_text, accent, RIGHT - LEFT)
    {
        sheets.advance(18.0);
        sheets.left(LEFT, &line, accent);
    }
    sheets.advance(14.0);
    for line in sheets
        .letters
        .wrapped(&document.title(), Pen::bold(20.0), RIGHT - LEFT)
    {
        sheets.advance(24.0);
        sheets.left(LEFT, &line, Pen::bold(20.0));
    }
    sheets.advance(6.0);
    for (name, fact) in document.facts() {
        for (index, line) in sheets
            .letters
            .wrapped(&fact, Pen::plain(9.5), 350.0)
            .into_iter()
            .enumerate()
        {
            sheets.advance(13.0);
            if index == 0 {
                sheets.left(LEFT, name, Pen::plain(9.5).grey());
            }
            sheets.left(LEFT + 110.0, &line, Pen::plain(9.5));
        }
    }
}

fn sides(sheets: &mut Sheets, document: &InvoiceDocument) {
    let words = document.language.words();
    sheets.advance(30.0);
    let (seller, buyer) = (
        side(sheets, &document.seller, document),
        side(sheets, &document.buyer, document),
    );
    let second = LEFT + SIDE + 30.0;
    sheets.left(LEFT, words.seller, Pen::bold(9.5).accent());
    sheets.left(second, words.buyer, Pen::bold(9.5).accent());
    for index in 0..seller.len().max(buyer.len()) {
        sheets.advance(13.0);
        for (x, side) in [(LEFT, &seller), (second, &buyer)] {
            if let Some((text, pen)) = side.get(index) {
                sheets.left(x, text, *pen);
            }
        }
    }
    sheets.advance(18.0);
}

fn side(sheets: &Sheets, side: &Side, document: &InvoiceDocument) -> Vec<(String, Pen)> {
    let name = std::iter::once((side.name.clone(), Pen::bold(9.5)));
    let details = side.details(document.language.words());
    let details = details.into_iter().map(|detail| (detail, Pen::plain(9.5)));
    name.chain(details)
        .flat_map(|(text, pen)| {
            let lines = sheets.letters.wrapped(&text, pen, SIDE);
            lines.into_iter().map(move |line| (line, pen))
        })
        .collect()
}

/// What the columns are, at the top of each page that has lines.
fn columns(sheets: &mut Sheets, document: &InvoiceDocument) {
    let words = document.language.words();
    let pen = Pen::bold(9.0);
    sheets.advance(18.0);
    sheets.left(LEFT, words.description, pen);
    sheets.right(QUANTITY, words.quantity, pen, NUMBER);
    sheets.right(UNIT_PRICE, words.unit_price, pen, NUMBER);
    sheets.right(RIGHT, words.amount, pen, NUMBER);
    sheets.advance(5.0);
    sheets.rule(LEFT, RIGHT, 1.2, true);
}

fn row(sheets: &mut Sheets, document: &InvoiceDocument, line: &Line) {
    let language = document.language;
    let mut texts: Vec<(String, Pen)> = sheets
        .letters
        .wrapped(&line.description, Pen::plain(9.0), DESCRIPTION)
        .into_iter()
        .map(|text| (text, Pen::plain(9.0)))
        .collect();
    if let Some(basis) = line.basis(language) {
        let pen = Pen::plain(8.0).grey();
        texts.extend(
            sheets
                .letters
                .wrapped(&basis, pen, DESCRIPTION)
                .into_iter()
                .map(|text| (text, pen)),
        );
    }
    // A description that is longer than a page goes on on the next one.
    for (index, (text, pen)) in texts.iter().enumerate() {
        let room = if index == 0 { texts.len().min(6) } else { 1 };
        if sheets.turn(12.0 * rows(room)) {
            columns(sheets, document);
        }
        sheets.advance(12.0);
        sheets.left(LEFT, text, *pen);
        if index == 0 {
            numbers(sheets, document, line);
        }
    }
    sheets.advance(4.0);
    sheets.rule(LEFT, RIGHT, 0.4, false);
}

fn numbers(sheets: &mut Sheets, document: &InvoiceDocument, line: &Line) {
    let (language, pen) = (document.language, Pen::plain(9.0));
    if let Some(quantity) = line.quantity {
        sheets.right(
            QUANTITY,
            &language.decimal(quantity.decimal()),
            pen,
            NUMBER - 10.0,
        );
    }
    if let Some(price) = line.unit_price {
        sheets.right(UNIT_PRICE, &language.money(price), pen, NUMBER - 4.0);
    }
    sheets.right(RIGHT, &language.money(line.amount), pen, NUMBER - 4.0);
}

fn sums(sheets: &mut Sheets, document: &InvoiceDocument) {
    let sums = document.sums();
    sheets.turn(15.0 * rows(sums.len()) + 14.0);
    sheets.advance(10.0);
    let last = sums.len().saturating_sub(1);
    for (index, (name, amount)) in sums.iter().enumerate() {
        let pen = if index == last {
            Pen::bold(10.5)
        } else {
            Pen::plain(9.5)
        };
        if index == last {
            sheets.advance(5.0);
            sheets.rule(RIGHT - 250.0, RIGHT, 1.2, true);
        }
        let lines = sheets.letters.wrapped(name, pen, 170.0);
        for (index, line) in lines.iter().enumerate() {
            sheets.turn(15.0);
            sheets.advance(15.0);
            sheets.left(RIGHT - 250.0, line, pen);
            if index == 0 {
                sheets.right(RIGHT, amount, pen, NUMBER);
            }
        }
    }
}

fn notes(sheets: &mut Sheets, document: &InvoiceDocument) {
    let pen = Pen::plain(8.5).grey();
    sheets.advance(16.0);
    for note in &document.notes {
        let text = document.language.note(note);
        for line in sheets.letters.wrapped(&text, pen, RIGHT - LEFT) {
            sheets.turn(12.0);
            sheets.advance(12.0);
            sheets.left(LEFT, &line, pen);
        }
        sheets.advance(4.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
fn rows(count: usize) -> f32 {
    count as f32
}

/// The faces that a document is set in.
fn faces() -> Letters {
    Letters::new(Face::REGULAR, Face::BOLD)
}
