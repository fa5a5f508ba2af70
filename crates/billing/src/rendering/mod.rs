//! Invoices and credit notes as documents: HTML and PDF, in the customer's language and the platform's branding. Pure.
//!
//! - [`InvoiceDocument`]: what a document says; it knows nothing of how invoices are kept.
//! - [`html`]: a page of its own, without script; everything that is not ours is escaped.
//! - [`pdf`]: A4, with text that can be searched and copied. Fonts are embedded: Latin, Greek and Cyrillic letters have their
//!   shapes, of others the text is there and the shape is a box.
//!
//! Invariants: the same document gives the same bytes; nothing is computed here, so that what is shown is what was booked.
//!
//! What may not enter: the database, tax and totals, and which invoice somebody may see.

mod document;
mod html;
mod pdf;
#[cfg(test)]
mod tests;
mod words;

pub use document::{
    Branding, Colour, Days, Discount, DocumentKind, InvalidColour, InvoiceDocument, Line, Note, Side, TaxRow,
};
pub use html::html;
pub use pdf::pdf;
pub use words::Language;
