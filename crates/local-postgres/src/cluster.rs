//! A running private PostgreSQL, from the outside.

use std::fmt::{self, Write};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::binaries::Binaries;
use crate::error::{Doing, Error};
use crate::lock::Lock;
use crate::place::{Place, make_data_dir};
use crate::server::Server;
use crate::{initialisation, leftovers};

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut, as in production.
    Durable,
    /// A crash of the processes, not of the machine: for tests.
    Fast,
}

/// How to run the cluster.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder that it lives in; made when missing, and this crate's alone.
    pub data_dir: PathBuf,
    /// Which PostgreSQL runs it.
    pub binaries: Binaries,
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Listen on 127.0.0.1 too: on this port, or on a free one for 0.
    pub port: Option<u16>,
    /// More server settings, by name; they cannot weaken the durability.
    pub extra: Vec<(String, String)>,
}

/// A running cluster, ours alone. Dropped, it stops soon after; [`Cluster::stop`] waits for that.
pub struct Cluster {
    server: Server,
    socket: PathBuf,
    port: u16,
    tcp: bool,
    password: String,
    log: PathBuf,
    _lock: Lock, // last, so that it is released last
}

impl Cluster {
    /// Ends what is left of an earlier run, initialises the cluster if there is none, starts it, and returns when it
    /// takes connections.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        let data_dir = make_data_dir(&settings.data_dir)?;
        let lock = Lock::take(&data_dir).await?;
        let place = Place::settle(&data_dir)?;
        let postgres = settings.binaries.program("postgres");
        if !place.account.reaches(&postgres) {
            return Err(Error::Unreachable {
                path: postgres,
                uid: place.account.uid,
            });
        }
        leftovers::end(&place.pgdata()).await?;
        initialisation::ensure(&place, &settings.binaries, settings.durability).await?;
        let socket = place.fresh_socket_folder()?;
        let password = initialisation::password(&place.cluster())?;
        let log = fresh_log(&data_dir)?;
        let port = port(settings.port)?;
        let command = command(&settings, &place, &socket, port);
        let server = Server::start(command, place.account, place.pgdata(), log.clone()).await?;
        Ok(Self {
            server,
            socket,
            port,
            tcp: settings.port.is_some(),
            password,
            log,
            _lock: lock,
        })
    }

    /// Ends what is left of an earlier run and removes the data folder with everything in it, also where it was
    /// relocated to. A folder that another process runs is left alone.
    pub async fn remove(data_dir: &Path) -> Result<(), Error> {
        let Ok(data_dir) = fs::canonicalize(data_dir) else {
            return Ok(()); // nothing there
        };
        let _lock = Lock::take(&data_dir).await?;
        let home = fs::canonicalize(data_dir.join("relocated")).unwrap_or_else(|_| data_dir.clone());
        leftovers::end(&home.join("cluster/data")).await?;
        Place::remove(&data_dir)
    }

    /// A superuser's connection to a database, over the socket, in the form that libpq and sqlx read.
    pub fn url(&self, database: &str) -> String {
        let socket = self
            .socket
            .to_str()
            .expect("a socket folder is chosen to be text");
        self.url_at(&percent_encoded(socket), database)
    }

    /// The same over TCP, if the cluster listens there.
    pub fn tcp_url(&self, database: &str) -> Option<String> {
        self.tcp.then(|| self.url_at("127.0.0.1", database))
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.socket
    }

    /// The port in its socket's name, and on 127.0.0.1 if one was asked for.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The file that the server logs to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until the server has ended, which it should not by itself. May be dropped and called again.
    pub async fn exited(&mut self) -> Result<ExitStatus, Error> {
        self.server.exited().await
    }

    /// Stops the server (open transactions are rolled back) and waits until all its processes are gone.
    pub async fn stop(self) -> Result<(), Error> {
        let Self {
            server,
            socket,
            _lock,
            ..
        } = self;
        let stopped = server.stop().await;
        let _ = fs::remove_dir_all(&socket); // the next start would, but it may lie in /tmp
        stopped
    }

    fn url_at(&self, host: &str, database: &str) -> String {
        format!(
            "postgres://postgres:{}@{host}:{}/{}",
            self.password,
            self.port,
            percent_encoded(database)
        )
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("socket", &self.socket)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn command(settings: &Settings, place: &Place, socket: &Path, port: u16) -> Command {
    let mut command = place.account.command(&settings.binaries.program("postgres"));
    command.arg("-D").arg(place.pgdata());
    let sockets = format!("\"{}\"", socket.display().to_string().replace('"', "\"\""));
    let listen = if settings.port.is_some() { "127.0.0.1" } else { "" };
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    for (name, value) in [
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("log_checkpoints", "off"),
    ] {
        set(name, value);
    }
    for (name, value) in &settings.extra {
        set(name, value);
    }
    set("unix_socket_directories", &sockets);
    set("listen_addresses", listen);
    set("port", &port.to_string());
    let safe = if settings.durability == Durability::Durable {
        "on"
    } else {
        "off"
    };
    set("fsync", safe);
    set("full_page_writes", safe);
    set("synchronous_commit", "on"); // without fsync it costs nothing, and a killed server loses nothing
    command
}

fn port(asked: Option<u16>) -> Result<u16, Error> {
    match asked {
        None => Ok(5432), // only a part of the socket's name, in a folder of our own
        Some(0) => {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
            Ok(free
                .doing("finding a free port on", Path::new("127.0.0.1"))?
                .port())
        }
        Some(port) => Ok(port),
    }
}

/// Puts the earlier log aside, so that an error's last lines are of this start.
fn fresh_log(data_dir: &Path) -> Result<PathBuf, Error> {
    let log = data_dir.join("postgres.log");
    if log.exists() {
        fs::rename(&log, data_dir.join("postgres.log.1")).doing("renaming", &log)?;
    }
    Ok(log)
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string succeeds");
        }
        encoded
    })
}
