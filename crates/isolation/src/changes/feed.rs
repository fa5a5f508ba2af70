//! One connection to the news: by LISTEN, or by polling where only a transaction pooler is reachable.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio::time::timeout;

use super::{CHANNEL, News};
use crate::databases::{Databases, pool_options};
use crate::tx::{ControlTx, Tx};

const POLL_EVERY: Duration = Duration::from_millis(300);
/// Rows are read again for so long, because one that was inserted earlier can be committed later.
const POLL_WINDOW_SECONDS: f64 = 30.0;
/// A listening connection that was silent for so long is asked whether it lives.
const SILENCE: Duration = Duration::from_millis(400);
/// The server answers within this time, or else the feed is taken to be broken: caches may be a second behind, so
/// whoever is cut off without a word must know within a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// News from the moment of connecting on, until an error.
pub(super) enum Feed<'d> {
    Listening(Box<PgListener>),
    Polling {
        databases: &'d Databases,
        seen: HashSet<i64>,
        ready: Vec<News>,
    },
}

impl<'d> Feed<'d> {
    pub(super) async fn connect(databases: &'d Databases) -> Result<Self, sqlx::Error> {
        if databases.settings().listen {
            return Ok(Self::Listening(Box::new(listen(databases).await?)));
        }
        let mut seen = HashSet::new();
        poll(databases, &mut seen).await?;
        Ok(Self::Polling {
            databases,
            seen,
            ready: Vec::new(),
        })
    }

    pub(super) async fn next(&mut self) -> Result<News, sqlx::Error> {
        match self {
            Self::Listening(listener) => hear(listener).await,
            Self::Polling {
                databases,
                seen,
                ready,
            } => loop {
                if let Some(news) = ready.pop() {
                    return Ok(news);
                }
                tokio::time::sleep(POLL_EVERY).await;
                *ready = in_time(poll(databases, seen)).await?;
            },
        }
    }
}

async fn listen(databases: &Databases) -> Result<PgListener, sqlx::Error> {
    let pool = pool_options(1).connect_lazy_with(databases.direct_options());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn hear(listener: &mut PgListener) -> Result<News, sqlx::Error> {
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => return Ok(parse(notification.payload())),
            Ok(Ok(None)) => return Err(sqlx::Error::WorkerCrashed),
            Ok(Err(error)) => return Err(error),
            // A peer that vanished without a word would otherwise be listened to for ever.
            Err(_) => {
                in_time(listener.execute("select")).await?;
            }
        }
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(PATIENCE, answer)
        .await
        .map_err(|elapsed| sqlx::Error::Io(elapsed.into()))?
}

async fn poll(databases: &Databases, seen: &mut HashSet<i64>) -> Result<Vec<News>, sqlx::Error> {
    let mut tx = ControlTx::begin_as_platform(databases, &databases.system("changes")).await?;
    let rows = sqlx::query!(
        "select id, topic, key from control.changes where at > clock_timestamp() - make_interval(secs => $1)",
        POLL_WINDOW_SECONDS
    )
    .fetch_all(tx.conn())
    .await?;
    let current: HashSet<i64> = rows.iter().map(|row| row.id).collect();
    let news = rows
        .into_iter()
        .filter(|row| !seen.contains(&row.id))
        .map(|row| News::One {
            topic: row.topic,
            key: row.key,
        })
        .collect();
    *seen = current;
    Ok(news)
}

fn parse(payload: &str) -> News {
    match payload.split_once(':') {
        Some((topic, key)) => News::One {
            topic: topic.to_owned(),
            key: key.to_owned(),
        },
        None => News::Everything,
    }
}
