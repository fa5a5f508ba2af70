//! The server loop: connections in, limits on what a client may hold open, and an orderly end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Service};

use crate::layers::Limits;

/// How a shutdown ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections whose requests were still running when the time was over.
    pub cut_off: usize,
}

/// Serves until `shutdown`, then takes no more connections, lets running requests finish within
/// [`Limits::drain_time`] and cuts off the rest. Handlers get `ConnectInfo<SocketAddr>`.
///
/// For event streams the listener should set `TCP_NODELAY` (`axum::serve::ListenerExt::tap_io`).
pub async fn serve<L: Listener<Addr = SocketAddr>>(
    mut listener: L,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let stop = CancellationToken::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let door = Door {
        builder: builder(limits),
        head_time: limits.head_time,
        stop: stop.clone(),
    };
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        let (slot, (io, address)) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        let (door, visit) = (door.clone(), Visit::new(router.clone(), address));
        connections.spawn(async move {
            door.attend(io, visit).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    stop.cancel();
    drain(connections, limits.drain_time).await
}

async fn drain(mut connections: JoinSet<()>, time: Duration) -> Drained {
    let ended = async { while connections.join_next().await.is_some() {} };
    let cut_off = match tokio::time::timeout(time, ended).await {
        Ok(()) => 0,
        Err(_) => connections.len(),
    };
    connections.shutdown().await;
    Drained { cut_off }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes.max(8192))
        .max_headers(limits.head_fields);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head_time)
        .keep_alive_timeout(limits.head_time)
        .max_concurrent_streams(128)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    builder
}

/// What every connection is served with.
#[derive(Clone)]
struct Door {
    builder: Builder<TokioExecutor>,
    head_time: Duration,
    stop: CancellationToken,
}

impl Door {
    async fn attend<I>(&self, io: I, visit: Visit)
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let arrived = Arc::clone(&visit.arrived);
        let service = TowerToHyperService::new(visit);
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(io), service));
        let mut patience = pin!(tokio::time::sleep(self.head_time));
        let (mut waiting, mut stopping) = (true, false);
        loop {
            tokio::select! {
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        tracing::debug!(error, "connection ended early");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                // hyper's own limit starts only after the protocol is known, and a client may never say it.
                () = &mut patience, if waiting => {
                    if !arrived.load(Ordering::Relaxed) {
                        return;
                    }
                    waiting = false;
                }
            }
        }
    }
}

/// The router as one connection sees it.
#[derive(Clone)]
struct Visit {
    router: Router,
    address: SocketAddr,
    arrived: Arc<AtomicBool>,
}

impl Visit {
    fn new(router: Router, address: SocketAddr) -> Self {
        Self {
            router,
            address,
            arrived: Arc::default(),
        }
    }
}

impl<B> Service<Request<B>> for Visit
where
    B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        <Router as Service<Request<B>>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.arrived.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(self.address));
        self.router.call(request)
    }
}

#[cfg(test)]
mod tests;
