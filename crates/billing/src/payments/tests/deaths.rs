//! The process dying at each point of a charge or a refund, and another taking over.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jobs::{Handlers, Worker};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::stand::{Stand, collecting};
use crate::fixture::usd;
use crate::payments::attempts::AttemptStatus;
use crate::payments::refunds;
use crate::providers::RefundStatus;

/// What the process that is to die is told by.
const DATABASE: &str = "TENANTRY_TEST_DOOMED_DATABASE";
const STRIPE: &str = "TENANTRY_TEST_DOOMED_STRIPE";
const FAULTS: &str = "TENANTRY_TEST_DOOMED_FAULTS";

#[expect(
    clippy::disallowed_methods,
    reason = "how a test tells the process that it starts what to do"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Does nothing by itself: [`die_at`] starts it in a process of its own.
#[tokio::test]
async fn the_process_that_is_to_die() {
    let (Some(database), Some(stripe), Some(faults)) = (told(DATABASE), told(STRIPE), told(FAULTS)) else {
        return;
    };
    let db = Stand::node(&database, &faults).await;
    let handlers = collecting(&db, &stripe).handlers(Handlers::default());
    let worker = Worker::new(db.system(), handlers).run(CancellationToken::new());
    let outlived = tokio::time::timeout(Duration::from_secs(30), worker).await;
    panic!("nobody reached the fault: {outlived:?}");
}

/// Also where somebody has built a newer one in its place.
fn this_program() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return running.to_owned();
    }
    std::env::current_exe().expect("this program")
}

/// Has another process work, die at this point as by `kill -9`, and its lease run out.
async fn die_at(stand: &Stand, point: &str) {
    let child = Command::new(this_program())
        .args([
            "--exact",
            "payments::tests::deaths::the_process_that_is_to_die",
            "--nocapture",
        ])
        .env(DATABASE, stand.db.url())
        .env(STRIPE, stand.stripe.base())
        .env(FAULTS, format!("{point}=abort"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let ended = child.wait_with_output().await.expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(
        ended.status.code(),
        None,
        "{point}: it died of something else: {said}"
    );
    let mut superuser = stand.db.superuser().await;
    sqlx::query("update control.jobs set lease_until = clock_timestamp() where status = 'running'")
        .execute(&mut superuser)
        .await
        .expect("time passes");
}

#[tokio::test]
async fn a_charge_survives_the_death_of_its_process_at_every_point() {
    for point in [
        "charge.created",
        "charge.sent",
        "charge.answered",
        "charge.settled",
    ] {
        let stand = Stand::with_method("pm_card_visa").await;
        let attempt = stand.attempt().await;
        die_at(&stand, point).await;
        let between = stand.read(attempt.id).await.status;
        let expected = match point {
            "charge.created" => AttemptStatus::Created,
            "charge.settled" => AttemptStatus::Succeeded,
            _ => AttemptStatus::Sent,
        };
        assert_eq!(between, expected, "{point}");
        assert_eq!(stand.work().await, 0, "{point}");
        assert_eq!(
            stand.read(attempt.id).await.status,
            AttemptStatus::Succeeded,
            "{point}"
        );
        assert_eq!(stand.charged(), (1, 1099), "{point}");
        assert_eq!(stand.due(attempt.invoice_id).await, 0, "{point}");
    }
}

#[tokio::test]
async fn a_refund_survives_the_death_of_its_process_at_every_point() {
    for point in [
        "refund.created",
        "refund.sent",
        "refund.answered",
        "refund.settled",
    ] {
        let stand = Stand::with_method("pm_card_visa").await;
        let attempt = stand.attempt().await;
        assert_eq!(stand.work().await, 0, "{point}");
        let id = stand.refund(attempt.id, usd(400)).await.expect("asked");
        die_at(&stand, point).await;
        assert_eq!(stand.work().await, 0, "{point}");
        let refund = refunds::get(&mut stand.tx().await, id)
            .await
            .expect("read")
            .expect("there is one");
        assert_eq!(refund.status, RefundStatus::Succeeded, "{point}");
        let sent: Vec<_> = stand
            .stripe
            .objects("refunds")
            .iter()
            .map(|refund| refund["amount"].clone())
            .collect();
        assert_eq!(sent, [400], "{point}");
    }
}
