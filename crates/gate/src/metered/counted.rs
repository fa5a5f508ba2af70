//! Bodies whose bytes are counted as they pass.

use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::{Tab, Visit};

/// Where the bytes of a body are added up.
#[derive(Debug)]
pub(super) enum Side {
    Request(Tab),
    Answer(Visit),
}

/// A body whose bytes are counted as they pass.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    side: Side,
}

impl Counted {
    pub(super) fn request(body: Body, tab: Tab) -> Self {
        Self {
            body,
            side: Side::Request(tab),
        }
    }

    /// Settles the visit when it is dropped, which is after its last byte.
    pub(super) fn answer(body: Body, visit: Visit) -> Self {
        Self {
            body,
            side: Side::Answer(visit),
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Self { body, side } = self.get_mut();
        let frame = ready!(Pin::new(body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = data.len() as u64;
            match side {
                Side::Request(tab) => drop(tab.0.received.fetch_add(bytes, Relaxed)),
                Side::Answer(visit) => visit.sent += bytes,
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
