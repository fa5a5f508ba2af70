//! News for caches: which credential, tenant or domain changed, on every node within a second.
//!
//! - Who changes something announces it in the same transaction: `tx.announce("tenant", &id.to_string())`.
//! - One task of the process ([`Databases::spread_news`]) follows the database and tells all caches.
//! - A cache is a [`Listener`], made known once by [`Databases::tell`]: on [`News::One`] it forgets that thing, on
//!   [`News::Everything`] all it has, after [`News::Interrupted`] it trusts nothing it has and keeps nothing new until
//!   `Everything` comes. What it hears first is always one of the last two. So a cache that begins untrusted and does as
//!   it is told never serves what is more than a second old.
//! - Of what a transaction of this very process announced it hears before that commit is answered: whoever changed
//!   something and was told so never meets on the same node what was before.
//! - [`FreshCache`] is the memory of such a cache: it also refuses what was loaded before a piece of news and comes after.
//! - Whoever has to wait for something upon news holds a [`Subscription`] instead ([`Databases::subscribe`]).
//!
//! A change is announced as a NOTIFY and as a row. A node with a direct connection LISTENs; one that only reaches
//! the server through a transaction pooler polls the rows. What the topics mean is not known here.

mod cache;
mod feed;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::databases::Databases;
use crate::tx::{ControlTx, Tx};
pub use cache::{FreshCache, Ticket};
use feed::Feed;

const CHANNEL: &str = "tenantry_changes";
const RECONNECT_EVERY: Duration = Duration::from_millis(300);
/// Pieces of news that a subscriber may be behind before it is told to forget everything instead.
const BACKLOG: usize = 1024;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// From here on nothing is missed, but something may have been before: forget everything.
    Everything,
    /// This one thing changed.
    One {
        /// What kind of thing, e.g. `tenant`.
        topic: String,
        /// Which one.
        key: String,
    },
    /// The feed is interrupted: nothing cached may be trusted until [`News::Everything`].
    Interrupted,
}

impl News {
    /// What somebody who comes now hears first.
    fn first(flowing: bool) -> Self {
        if flowing {
            Self::Everything
        } else {
            Self::Interrupted
        }
    }
}

/// What is told the news as they come.
pub trait Listener: Send + Sync + 'static {
    /// Forgets what this says. Called by whoever brings the news, so it is quick and waits for nothing; the same news may
    /// come twice.
    fn hear(&self, news: &News);
}

/// One reader's view of the news. It never ends.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    first: Option<News>,
    receiver: broadcast::Receiver<News>,
}

impl Subscription {
    /// The next piece of news. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(first) = self.first.take() {
                return first;
            }
            match self.receiver.recv().await {
                Ok(news) => return news,
                // Too slow: begin again, with whatever holds now.
                Err(_) => *self = Hub::subscribe(&self.hub),
            }
        }
    }
}

/// Where the one feed of a process meets its caches.
pub(crate) struct Hub {
    /// Whether the feed flows. Held while sending, so that a new subscriber hears of everything after this.
    flowing: Mutex<bool>,
    sender: broadcast::Sender<News>,
    listeners: RwLock<Vec<Weak<dyn Listener>>>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("flowing", &self.flowing)
            .finish_non_exhaustive()
    }
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            flowing: Mutex::new(false),
            sender: broadcast::channel(BACKLOG).0,
            listeners: RwLock::default(),
        })
    }

    pub(crate) fn tell(&self, listener: &Arc<impl Listener>) {
        let flowing = self.flowing.lock().unwrap_or_else(PoisonError::into_inner);
        listener.hear(&News::first(*flowing));
        let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        let listener: Weak<dyn Listener> = Arc::downgrade(listener) as _;
        listeners.push(listener);
    }

    /// These were announced in a transaction of this process that is committed, or perhaps.
    pub(crate) fn committed_here(&self, announced: &[(String, String)]) {
        if announced.is_empty() {
            return;
        }
        for (topic, key) in announced {
            self.each_hears(&News::One {
                topic: topic.clone(),
                key: key.clone(),
            });
        }
    }

    fn each_hears(&self, news: &News) {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        listeners
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|listener| listener.hear(news));
    }

    pub(crate) fn subscribe(self: &Arc<Self>) -> Subscription {
        let flowing = self.flowing.lock().unwrap_or_else(PoisonError::into_inner);
        Subscription {
            hub: Arc::clone(self),
            first: Some(News::first(*flowing)),
            receiver: self.sender.subscribe(),
        }
    }

    fn publish(&self, news: News) {
        let mut flowing = self.flowing.lock().unwrap_or_else(PoisonError::into_inner);
        match news {
            News::Everything => *flowing = true,
            News::Interrupted => *flowing = false,
            News::One { .. } => {}
        }
        self.each_hears(&news);
        // Without subscribers there is nobody to tell.
        let _ = self.sender.send(news);
    }
}

/// However the task ends, the caches learn that nobody tells them any more.
struct Silence(Arc<Hub>);

impl Drop for Silence {
    fn drop(&mut self) {
        self.0.publish(News::Interrupted);
    }
}

pub(crate) async fn spread(databases: &Databases, stop: CancellationToken) {
    let silence = Silence(Arc::clone(databases.hub()));
    stop.run_until_cancelled(Box::pin(follow(databases, &silence.0)))
        .await;
}

async fn follow(databases: &Databases, hub: &Hub) {
    loop {
        let mut feed = match Feed::connect(databases).await {
            Ok(feed) => feed,
            Err(error) => {
                tracing::debug!(%error, "the feed of changes could not be opened");
                tokio::time::sleep(RECONNECT_EVERY).await;
                continue;
            }
        };
        hub.publish(News::Everything);
        let error = loop {
            match feed.next().await {
                Ok(news) => hub.publish(news),
                Err(error) => break error,
            }
        };
        hub.publish(News::Interrupted);
        tracing::warn!(%error, "the feed of changes was interrupted; caches stand aside until it is back");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn one(number: usize) -> News {
        News::One {
            topic: "tenant".to_owned(),
            key: number.to_string(),
        }
    }

    #[tokio::test]
    async fn begins_with_what_holds() {
        let hub = Hub::new();
        let mut early = hub.subscribe();
        assert_eq!(early.next().await, News::Interrupted);
        hub.publish(News::Everything);
        hub.publish(one(1));
        let mut late = hub.subscribe();
        hub.publish(one(2));
        assert_eq!(early.next().await, News::Everything);
        assert_eq!(early.next().await, one(1));
        assert_eq!(early.next().await, one(2));
        assert_eq!(late.next().await, News::Everything);
        assert_eq!(late.next().await, one(2));
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_what_holds_now() {
        let hub = Hub::new();
        hub.publish(News::Everything);
        let mut slow = hub.subscribe();
        for number in 0..=BACKLOG {
            hub.publish(one(number));
        }
        slow.next().await;
        assert_eq!(slow.next().await, News::Everything);
        for number in 0..=BACKLOG {
            hub.publish(one(number));
        }
        drop(Silence(Arc::clone(&hub)));
        assert_eq!(slow.next().await, News::Interrupted);
    }
}
