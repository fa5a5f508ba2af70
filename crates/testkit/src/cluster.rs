//! One PostgreSQL for all tests of a process.

use std::path::{Path, PathBuf};

use local_postgres::{Binaries, Cluster, Durability, Settings};
use tokio::sync::OnceCell;

static SERVER: OnceCell<Server> = OnceCell::const_new();

/// The server that tests use.
enum Server {
    Given(String),
    Own(Box<Cluster>),
}

/// The administrative URL of `database` on the server that tests use.
pub async fn server_url(database: &str) -> String {
    match SERVER.get_or_init(start).await {
        Server::Given(base) => base.replace("{database}", database),
        Server::Own(cluster) => cluster.url(database),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test run has no other configuration than its environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn start() -> Server {
    if let Some(url) = environment("TENANTRY_TEST_DATABASE_URL") {
        return Server::Given(url);
    }
    let explicit = environment("TENANTRY_POSTGRES_BIN").map(PathBuf::from);
    let binaries = Binaries::find(explicit.as_deref()).expect("PostgreSQL is installed; bin/test does it");
    let extra = [
        ("max_connections", "400"),
        ("shared_buffers", "64MB"),
        ("max_locks_per_transaction", "256"),
    ];
    let settings = Settings {
        data_dir: data_dir(),
        binaries,
        durability: Durability::Fast,
        port: None,
        extra: extra
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    };
    Server::Own(Box::new(
        Cluster::start(settings)
            .await
            .expect("a private PostgreSQL starts"),
    ))
}

/// A folder of this process; those of processes that are gone are removed on the way.
fn data_dir() -> PathBuf {
    let parent = std::env::temp_dir().join("tenantry-tests");
    for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
        let alive = Path::new("/proc").join(entry.file_name()).exists();
        if !alive {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    parent.join(std::process::id().to_string())
}
