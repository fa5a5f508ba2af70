//! Disputes: what Stripe tells of a payer's bank.

use isolation::{ControlTx, Tx};
use kernel::Timestamp;
use pricing::Money;

use crate::invoices::{Invoice, Payment};
use crate::payments::disputes;
use crate::stripe::objects;

/// Stripe tells of a dispute over the payment, as it is now.
pub(super) async fn contest(
    tx: &mut ControlTx,
    invoice: &Invoice,
    payment: &Payment,
    (amount, status): (Money, &str),
) -> bool {
    if !amount.is_positive() {
        return false;
    }
    let reference = format!("pi_{}", payment.id);
    let of_stripe = sqlx::query(
        "insert into control.payment_attempts
             (id, tenant_id, invoice_id, provider, amount, currency, description, idempotency_key, status, reference,
              created_at, looked_at, settled_at)
         values ($1, $2, $3, 'stripe', $4, 'USD', 'Of Stripe', $5, 'succeeded', $5, now(), now(), now())
         on conflict do nothing",
    );
    of_stripe
        .bind(payment.id.uuid())
        .bind(invoice.tenant_id.uuid())
        .bind(invoice.id.uuid())
        .bind(payment.amount().amount)
        .bind(&reference)
        .execute(tx.conn())
        .await
        .expect("it is written down");
    let dispute = objects::Dispute {
        id: format!("du_{}", payment.id),
        amount: amount.amount,
        currency: "usd".to_owned(),
        status: status.to_owned(),
        reason: "general".to_owned(),
        payment_intent: Some(reference),
        evidence_details: objects::EvidenceDetails::default(),
        created: 1_767_225_600,
    };
    let now: Timestamp = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(tx.conn())
        .await
        .expect("it is read");
    disputes::refresh(tx, &dispute, now)
        .await
        .expect("it is written down");
    true
}
