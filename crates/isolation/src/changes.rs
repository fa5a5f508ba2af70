//! News for caches: which credential, tenant or domain changed, on every node within a second.
//!
//! A change is announced in the transaction that makes it, as a NOTIFY and as a row. A node with a direct
//! connection LISTENs; one that only reaches the server through a transaction pooler polls the rows. Whenever
//! the feed may have missed something (it has just connected, or connected again) it says so, and caches empty.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::postgres::PgListener;

use crate::databases::{Databases, pool_options};
use crate::tx::{ControlTx, Tx};

const CHANNEL: &str = "tenantry_changes";
const POLL_EVERY: Duration = Duration::from_millis(300);
/// Rows are read again for so long, because one that was inserted earlier can be committed later.
const POLL_WINDOW_SECONDS: f64 = 30.0;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something may have been missed: forget everything.
    Everything,
    /// This one thing changed.
    One {
        /// What kind of thing, e.g. `tenant`.
        topic: String,
        /// Which one.
        key: String,
    },
}

/// The stream of news. It reconnects by itself and never ends.
#[derive(Debug)]
pub struct ChangeFeed {
    databases: Databases,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Disconnected,
    Listening(Box<PgListener>),
    Polling { seen: HashSet<i64>, ready: Vec<Change> },
}

pub(crate) async fn announce(tx: &mut ControlTx, topic: &str, key: &str) -> Result<(), sqlx::Error> {
    let payload = format!("{topic}:{key}");
    sqlx::query!(
        "with row as (insert into control.changes (topic, key) values ($1, $2))
         select pg_notify($3, $4)",
        topic,
        key,
        CHANNEL,
        payload
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

impl ChangeFeed {
    pub(crate) fn new(databases: Databases) -> Self {
        Self {
            databases,
            source: Source::Disconnected,
        }
    }

    /// The next piece of news, or the error that interrupted the feed. After an error the feed knows nothing until
    /// it answers [`Change::Everything`]; caches must not be trusted in between.
    pub async fn next(&mut self) -> Result<Change, sqlx::Error> {
        match self.advance().await {
            Ok(change) => Ok(change),
            Err(error) => {
                self.source = Source::Disconnected;
                Err(error)
            }
        }
    }

    async fn advance(&mut self) -> Result<Change, sqlx::Error> {
        match &mut self.source {
            Source::Disconnected => {
                self.source = self.connect().await?;
                Ok(Change::Everything)
            }
            Source::Listening(listener) => match listener.try_recv().await? {
                Some(notification) => Ok(parse(notification.payload())),
                None => Err(sqlx::Error::WorkerCrashed),
            },
            Source::Polling { seen, ready } => {
                while ready.is_empty() {
                    tokio::time::sleep(POLL_EVERY).await;
                    *ready = poll(&self.databases, seen).await?;
                }
                Ok(ready.pop().unwrap_or(Change::Everything))
            }
        }
    }

    async fn connect(&self) -> Result<Source, sqlx::Error> {
        if !self.databases.settings().listen {
            let mut seen = HashSet::new();
            poll(&self.databases, &mut seen).await?;
            return Ok(Source::Polling {
                seen,
                ready: Vec::new(),
            });
        }
        let pool = pool_options(1).connect_lazy_with(self.databases.direct_options());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Source::Listening(Box::new(listener)))
    }
}

async fn poll(databases: &Databases, seen: &mut HashSet<i64>) -> Result<Vec<Change>, sqlx::Error> {
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
        .map(|row| Change::One {
            topic: row.topic,
            key: row.key,
        })
        .collect();
    *seen = current;
    Ok(news)
}

fn parse(payload: &str) -> Change {
    match payload.split_once(':') {
        Some((topic, key)) => Change::One {
            topic: topic.to_owned(),
            key: key.to_owned(),
        },
        None => Change::Everything,
    }
}
