//! Numbers of documents: one series for invoices and one for credit notes in each legal entity, without gaps.
//!
//! The row of the series is locked from the number's giving to the transaction's end, so that a transaction that is rolled
//! back gives its number back. Whoever needs a number takes it last, for the sake of those who wait.

use isolation::{ControlTx, Tx};

use crate::terms::Seller;

/// Which series.
#[derive(Debug, Clone, Copy)]
pub(super) enum Series {
    Invoice,
    CreditNote,
}

/// The next number of the series, and how it is written.
pub(super) async fn next(
    tx: &mut ControlTx,
    seller: &Seller,
    series: Series,
) -> Result<(i64, String), sqlx::Error> {
    let (name, prefix) = match series {
        Series::Invoice => ("invoice", &seller.invoice_prefix),
        Series::CreditNote => ("credit_note", &seller.credit_note_prefix),
    };
    let number = sqlx::query_scalar!(
        "insert into control.document_numbers as n (legal_entity, series, last) values ($1, $2, 1)
         on conflict (legal_entity, series) do update set last = n.last + 1 returning last",
        seller.legal_entity,
        name
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((number, format!("{prefix}{number:06}")))
}
