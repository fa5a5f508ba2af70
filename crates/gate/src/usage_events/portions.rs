//! A body of events in portions.

use std::collections::VecDeque;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::request::Parts;
use edge::IdempotencyKey;
use futures_util::StreamExt;
use kernel::Problem;
use metering::events::BATCH;
use sha2::{Digest, Sha256};

use super::ReadEvent;
use super::format::Format;
use super::lines::Lines;

/// The longest body that is not a stream.
const LONGEST_BATCH: usize = 32 << 20;
/// Bytes of lines after which a portion ends, however few events they are.
const LONGEST_PORTION: usize = 8 << 20;

/// Events that are counted together.
#[derive(Debug, Default)]
pub struct Portion {
    /// Events that came before.
    pub before: u64,
    /// The events, [`BATCH`] at most.
    pub events: Vec<ReadEvent>,
}

/// The events of a request.
#[derive(Debug)]
pub struct Portions {
    /// The request but for its body.
    pub parts: Parts,
    /// Whether the body is one event and no array.
    pub single: bool,
    digest: Option<Sha256>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// A stream of lines.
    Stream {
        /// None once it has ended.
        pieces: Option<BodyDataStream>,
        lines: Lines,
        ready: VecDeque<(ReadEvent, usize)>,
        before: u64,
    },
    /// What there is at once.
    Whole(Option<Vec<ReadEvent>>),
}

impl Portions {
    /// Begins to read.
    pub async fn of(parts: Parts, body: Body) -> Result<Self, Problem> {
        let format = Format::of(&parts.headers)?;
        let keyed = IdempotencyKey::from_headers(&parts.headers)?.is_some();
        if format == Format::Lines {
            return Self::streamed(parts, body, keyed);
        }
        let (parts, bytes) = edge::body::read(limited(parts, body, LONGEST_BATCH)).await?;
        let (reading, single) = format.read(&bytes)?;
        Ok(Self {
            parts,
            single,
            digest: keyed.then(|| Sha256::new_with_prefix(&bytes)),
            source: Source::Whole(Some(reading.0)),
        })
    }

    fn streamed(parts: Parts, body: Body, keyed: bool) -> Result<Self, Problem> {
        let (parts, body) = edge::body::stream(limited(parts, body, usize::MAX))?;
        Ok(Self {
            parts,
            single: false,
            digest: keyed.then(Sha256::new),
            source: Source::Stream {
                pieces: Some(body.into_data_stream()),
                lines: Lines::default(),
                ready: VecDeque::new(),
                before: 0,
            },
        })
    }

    /// What stands for the body under the caller's key, once it is read.
    pub fn digested(&self) -> Vec<u8> {
        let digest = self.digest.clone().map(|digest| digest.finalize().to_vec());
        digest.unwrap_or_default()
    }

    /// The next events; none at the end. An error says that the rest does not come.
    pub async fn next(&mut self) -> Result<Option<Portion>, Problem> {
        let (pieces, lines, ready, before) = match &mut self.source {
            Source::Whole(events) => {
                return Ok(events.take().map(|events| Portion { before: 0, events }));
            }
            Source::Stream {
                pieces,
                lines,
                ready,
                before,
            } => (pieces, lines, ready, before),
        };
        let mut size: usize = ready.iter().map(|(_, length)| length).sum();
        while let Some(stream) = pieces
            .as_mut()
            .filter(|_| ready.len() < BATCH && size < LONGEST_PORTION)
        {
            let mut keep = |event: ReadEvent, length: usize| {
                size += length;
                ready.push_back((event, length));
            };
            match stream.next().await {
                Some(Ok(piece)) => {
                    if let Some(digest) = &mut self.digest {
                        digest.update(&piece);
                    }
                    lines.push(&piece, &mut keep);
                }
                Some(Err(error)) => return Err(edge::body::read_error(&error)),
                None => {
                    lines.finish(&mut keep);
                    *pieces = None;
                }
            }
        }
        let events: Vec<ReadEvent> = ready
            .drain(..ready.len().min(BATCH))
            .map(|(event, _)| event)
            .collect();
        let portion = Portion {
            before: *before,
            events,
        };
        *before += portion.events.len() as u64;
        Ok((!portion.events.is_empty()).then_some(portion))
    }
}

/// The request under a limit of its own.
fn limited(mut parts: Parts, body: Body, most: usize) -> Request {
    let (limit, _) = edge::body::body_limit(most);
    parts.extensions.insert(limit.0);
    Request::from_parts(parts, body)
}
