//! Money that goes back: never more than came.

use pricing::{Currency, Money};
use testkit::Mishap;

use super::stand::Stand;
use crate::payments::attempts::AttemptId;
use crate::payments::refunds::{self, Refund, RefundError, RefundId};
use crate::providers::RefundStatus;

async fn ask(stand: &Stand, payment: AttemptId, amount: Money) -> Result<RefundId, RefundError> {
    stand.refund(payment, amount).await
}

const fn usd(amount: i64) -> Money {
    Money::new(amount, Currency::USD)
}

async fn all(stand: &Stand, payment: AttemptId) -> Vec<Refund> {
    refunds::of_payment(&mut stand.tx().await, payment)
        .await
        .expect("read")
}

#[tokio::test]
async fn parts_go_back_until_nothing_is_left() {
    let stand = Stand::with_method("pm_card_visa").await;
    let payment = stand.attempt().await.id;
    assert!(matches!(
        ask(&stand, payment, usd(1)).await,
        Err(RefundError::NotPaid)
    ));
    stand.work().await;
    for wrong in [usd(0), usd(-5), Money::new(5, Currency::EUR)] {
        assert!(matches!(
            ask(&stand, payment, wrong).await,
            Err(RefundError::Amount)
        ));
    }
    assert!(matches!(
        ask(&stand, payment, usd(1100)).await,
        Err(RefundError::AboveLeft { left: 1099 })
    ));
    ask(&stand, payment, usd(1000)).await.expect("a part");
    // What is on its way counts already.
    assert!(matches!(
        ask(&stand, payment, usd(100)).await,
        Err(RefundError::AboveLeft { left: 99 })
    ));
    ask(&stand, payment, usd(99)).await.expect("the rest");
    assert_eq!(stand.work().await, 0);
    let statuses: Vec<_> = all(&stand, payment)
        .await
        .iter()
        .map(|refund| refund.status)
        .collect();
    assert_eq!(statuses, [RefundStatus::Succeeded; 2]);
    assert!(matches!(
        ask(&stand, payment, usd(1)).await,
        Err(RefundError::AboveLeft { left: 0 })
    ));
}

#[tokio::test]
async fn two_who_refund_the_same_payment_at_once_never_send_back_more_than_came() {
    let stand = Stand::with_method("pm_card_visa").await;
    let payment = stand.attempt().await.id;
    stand.work().await;
    let asked = futures_util::future::join_all((0..6).map(|_| ask(&stand, payment, usd(700)))).await;
    assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1);
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.stripe.objects("refunds").len(), 1);
}

#[tokio::test]
async fn an_exchange_that_goes_wrong_never_sends_back_twice() {
    for mishap in [
        Mishap::LostAfter,
        Mishap::LostBefore,
        Mishap::BrokenAfter,
        Mishap::Busy(409),
    ] {
        let stand = Stand::with_method("pm_card_visa").await;
        let payment = stand.attempt().await.id;
        stand.work().await;
        for _ in 0..3 {
            stand.stripe.plan("/v1/refunds", mishap.clone());
        }
        ask(&stand, payment, usd(500)).await.expect("asked");
        assert_eq!(stand.work().await, 0, "{mishap:?}");
        let statuses: Vec<_> = all(&stand, payment)
            .await
            .iter()
            .map(|refund| refund.status)
            .collect();
        assert_eq!(statuses, [RefundStatus::Succeeded], "{mishap:?}");
        assert_eq!(stand.stripe.objects("refunds").len(), 1, "{mishap:?}");
    }
}
