//! What a bank decides, and decides otherwise later: the money is where the last word says.

use isolation::Tx;

use super::stand::{SECRET, Stand};
use crate::fixture::assert_sound;
use crate::ledger::{self, Account};
use crate::payments::inbox::receive;

/// Delivers what happened at Stripe since, and answers what is in cash, contested, and written off.
async fn after(stand: &Stand, seen: &mut usize) -> [i64; 3] {
    let events = stand.stripe.events().split_off(*seen);
    *seen += events.len();
    for event in events {
        let (body, header) = stand.stripe.signed(&event, &[SECRET]);
        receive(&stand.payments, Some(&header), body.as_bytes())
            .await
            .expect("taken");
    }
    assert_eq!(stand.work().await, 0);
    let mut tx = stand.tx().await;
    assert_sound(&mut tx).await;
    let mut stands = [Account::Cash, Account::Disputes, Account::WriteOff].map(|account| (account, 0));
    for (account, amount) in &mut stands {
        let balance = ledger::balance(&mut tx, stand.tenant, *account, pricing::Currency::USD).await;
        *amount = balance.expect("read").amount;
    }
    stands.map(|(_, amount)| amount)
}

#[tokio::test]
async fn a_dispute_that_was_won_and_is_lost_after_all_is_booked_as_lost() {
    let stand = Stand::with_method("pm_card_visa").await;
    let attempt = stand.attempt().await.id;
    stand.work().await;
    let payment = stand.read(attempt).await.reference.expect("a reference");
    let mut seen = 0;
    assert_eq!(after(&stand, &mut seen).await, [1099, 0, 0]);
    let dispute = stand.stripe.contest(&payment, "fraudulent");
    assert_eq!(after(&stand, &mut seen).await, [0, 1099, 0]);
    for (status, stands) in [
        ("won", [1099, 0, 0]),
        ("lost", [0, 0, 1099]),
        ("won", [1099, 0, 0]),
        ("lost", [0, 0, 1099]),
    ] {
        stand.stripe.decide(&dispute, status);
        assert_eq!(after(&stand, &mut seen).await, stands, "{status}");
    }
    // Another amount is another booking.
    stand
        .stripe
        .change("disputes", &dispute, "charge.dispute.updated", |dispute| {
            dispute["amount"] = 500.into();
        });
    assert_eq!(after(&stand, &mut seen).await, [599, 0, 500]);
    let closed: Option<kernel::Timestamp> = sqlx::query_scalar("select closed_at from control.disputes")
        .fetch_one(stand.tx().await.conn())
        .await
        .expect("read");
    assert!(closed.is_some());
}
