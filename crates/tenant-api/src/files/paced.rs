//! A body that hands out one piece at a time.
//!
//! The form reader takes whatever is ready before it hands anything on, so that a fast sender and a slow store would
//! fill the memory; and it keeps what stands between two files as long as that goes on. Here it gets one piece each
//! time it is woken, and only so much that belongs to no file.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::Stream;

/// What a form may hold besides its file.
const BESIDES: u64 = 64 * 1024;
const UNLIMITED: u64 = u64::MAX;

/// More came besides the file than a form needs.
#[derive(Debug)]
pub(super) struct TooMuchBesides;

impl std::fmt::Display for TooMuchBesides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a form may have at most {BESIDES} bytes besides its file")
    }
}
impl std::error::Error for TooMuchBesides {}

/// The body as the form reader gets it.
pub(super) struct Paced {
    body: BodyDataStream,
    allowed: Allowance,
    rests: bool,
}

/// How many bytes may still come; whoever reads the form says when a file begins and ends.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// From here on the bytes are a file's, whose size is limited elsewhere.
    pub(super) fn file_begins(&self) {
        self.0.store(UNLIMITED, Ordering::Relaxed);
    }

    /// From here on they are not.
    pub(super) fn file_ended(&self) {
        self.0.store(BESIDES, Ordering::Relaxed);
    }

    /// Whether a piece may still be asked for.
    fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn take(&self, bytes: usize) {
        let left = self.0.load(Ordering::Relaxed);
        if left != UNLIMITED {
            self.0.store(left.saturating_sub(bytes as u64), Ordering::Relaxed);
        }
    }
}

impl Paced {
    /// The body, and how to say where its file is.
    pub(super) fn new(body: BodyDataStream) -> (Self, Allowance) {
        let allowed = Allowance(Arc::new(AtomicU64::new(BESIDES)));
        (
            Self {
                body,
                allowed: allowed.clone(),
                rests: false,
            },
            allowed,
        )
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.allowed.is_left() {
            return Poll::Ready(Some(Err(TooMuchBesides.into())));
        }
        let next = Pin::new(&mut self.body).poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.allowed.take(piece.len());
            self.rests = true;
        }
        next.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::task::noop_waker;
    use futures_util::{StreamExt, stream};

    use super::*;

    /// A body that always has another piece ready.
    fn endless() -> BodyDataStream {
        let piece = || Ok::<_, std::convert::Infallible>(Bytes::from_static(&[0; 1024]));
        Body::from_stream(stream::repeat_with(piece)).into_data_stream()
    }

    #[test]
    fn rests_after_each_piece() {
        let (mut paced, allowance) = Paced::new(endless());
        allowance.file_begins();
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let ready: Vec<bool> = (0..6)
            .map(|_| paced.poll_next_unpin(&mut context).is_ready())
            .collect();
        assert_eq!(ready, [true, false, true, false, true, false]);
    }

    #[tokio::test]
    async fn only_a_file_is_as_long_as_it_likes() {
        let (mut paced, allowance) = Paced::new(endless());
        allowance.file_begins();
        for _ in 0..1000 {
            assert!(paced.next().await.expect("endless").is_ok());
        }
        allowance.file_ended();
        let taken = paced
            .by_ref()
            .take_while(|piece| std::future::ready(piece.is_ok()))
            .count()
            .await;
        assert_eq!(taken, 64);
    }
}
