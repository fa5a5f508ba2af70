//! The link to Redis, and what happens when it breaks.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use kernel::Secret;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often the link is tried, whether it works or not.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// How long making it may take; nobody waits for that.
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// Where Redis is, and how long a request waits for it.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://`, with user and password if it wants them.
    pub url: Secret<String>,
    /// What it does not answer within that is decided without it, and it is not asked again until it answers.
    pub patience: Duration,
}

/// Why Redis cannot be used. Says nothing of the URL's secrets.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RedisError(#[from] redis::RedisError);

/// One connection that all requests of this process share: what they ask at one time travels together.
pub struct Redis {
    client: Client,
    patience: Duration,
    connection: RwLock<Option<MultiplexedConnection>>,
    /// Whether somebody found it broken and nobody has mended it.
    broken: Notify,
    /// Whether its being away was said.
    told: AtomicBool,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// Not connected until [`connect`](Self::connect) or `run`.
    pub fn new(settings: &RedisSettings) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(settings.url.expose().as_str())?,
            patience: settings.patience,
            connection: RwLock::new(None),
            broken: Notify::new(),
            told: AtomicBool::new(false),
        })
    }

    /// Whether it answered when it was asked last.
    pub fn is_connected(&self) -> bool {
        self.connection().is_some()
    }

    /// The connection, unless it is broken.
    pub(super) fn connection(&self) -> Option<MultiplexedConnection> {
        let connection = self.connection.read().unwrap_or_else(PoisonError::into_inner);
        connection.clone()
    }

    /// It did not answer in time, or not as it should: from here on it is not asked, until it answers again.
    pub(super) fn broke(&self, error: &redis::RedisError) {
        self.set(None);
        if !self.told.swap(true, AcqRel) {
            tracing::warn!(%error, "Redis does not answer: every node holds its callers to the rate limits alone");
        }
        self.broken.notify_one();
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        *self.connection.write().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// Connects, and asks something that is answered within the patience.
    pub async fn connect(&self) -> Result<(), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME))
            .set_response_timeout(Some(self.patience.max(CONNECT_TIME)));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        // Making the connection may take longer than an answer over it may.
        connection.set_response_timeout(self.patience);
        ping(&mut connection).await?;
        self.set(Some(connection));
        if self.told.swap(false, AcqRel) {
            tracing::info!("Redis answers again: the nodes share their rate limits");
        }
        Ok(())
    }

    /// The same at the start, where nobody is kept from anything when it does not answer.
    pub async fn try_connect(&self) {
        if let Err(error) = self.connect().await {
            self.broke(&error.0);
        }
    }

    /// Mends the link whenever it is broken, until told to stop.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.look_after().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TRY_EVERY) => {}
                () = self.broken.notified(), if self.is_connected() => {}
            }
        }
    }

    async fn look_after(&self) {
        let Some(mut connection) = self.connection() else {
            return self.try_connect().await;
        };
        if let Err(error) = ping(&mut connection).await {
            self.broke(&error);
        }
    }

    /// What it says of itself, for whoever looks.
    pub async fn version(&self) -> Result<String, RedisError> {
        self.connect().await?;
        let Some(mut connection) = self.connection() else {
            return Ok(String::new());
        };
        let about: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let field = |name: &str| {
            about
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        Ok(field("redis_version:").unwrap_or_default())
    }
}

async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(connection).await
}
