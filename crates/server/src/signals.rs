//! SIGINT and SIGTERM: the first asks for an orderly end, the second for an end.

use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Is cancelled by the first signal. Call it once.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    tokio::spawn(listen(interrupt, terminate, stop.clone()));
    Ok(stop)
}

async fn listen(mut interrupt: Signal, mut terminate: Signal, stop: CancellationToken) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.is_cancelled() {
            tracing::warn!("stopped by a second signal, without waiting for what was running");
            exit(INTERRUPTED);
        }
        tracing::info!("stopping; a second signal stops at once");
        stop.cancel();
    }
}
