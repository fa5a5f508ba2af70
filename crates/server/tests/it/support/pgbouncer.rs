//! A real PgBouncer in transaction mode, with one connection to each database for each role.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::geteuid;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;
use url::Url;

use super::eventually;
use super::leash::Leash;

/// Runs until dropped.
pub(crate) struct PgBouncer {
    child: Child,
    port: u16,
    url: Url,
    _leash: Leash,
    _folder: TempDir,
}

impl PgBouncer {
    /// One in front of the server that this URL of a superuser leads to; nothing where it is not installed.
    pub(crate) async fn start(superuser: &str) -> Option<Self> {
        let program = program()?;
        let url: Url = superuser.parse().expect("a URL");
        let options: PgConnectOptions = superuser.parse().expect("a PostgreSQL URL");
        let open = Permissions::from_mode(0o711);
        let folder = tempfile::Builder::new()
            .permissions(open)
            .tempdir()
            .expect("a folder");
        let port = free_port();
        let ini = write_configuration(folder.path(), port, &url, &options);
        let log = fs::File::create(folder.path().join("pgbouncer.log")).expect("a log");
        let mut command = Command::new(program);
        command
            .arg("-q")
            .arg(ini)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if geteuid().is_root() {
            // Which it refuses to run as.
            let (uid, gid) = account(&options);
            own(folder.path(), uid, gid);
            command.uid(uid).gid(gid);
        }
        let child = command.spawn().expect("PgBouncer can be started");
        let leash = Leash::on(child.id());
        let mut bouncer = Self {
            child,
            port,
            url,
            _leash: leash,
            _folder: folder,
        };
        bouncer.ready().await;
        Some(bouncer)
    }

    /// The URL of a database through it; who logs in is put into it by others.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://127.0.0.1:{}/{database}", self.port)
    }

    /// How many transactions went through it.
    pub(crate) async fn transactions(&self) -> u64 {
        let rows = self.console("show stats").await;
        rows.iter().map(|row| number(row, "total_xact_count")).sum()
    }

    /// The largest number of connections that it has to one database for one role.
    pub(crate) async fn widest_pool(&self) -> u64 {
        let states = ["sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login"];
        let rows = self.console("show pools").await;
        let pools = rows.iter().filter(|row| text(row, "database") != "pgbouncer");
        pools
            .map(|row| states.map(|state| number(row, state)).into_iter().sum())
            .max()
            .unwrap_or(0)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test looks at the pooler from outside"
    )]
    async fn console(&self, statement: &'static str) -> Vec<PgRow> {
        let options: PgConnectOptions = self.console_url().parse().expect("a URL");
        let console = PgConnection::connect_with(&options.extra_float_digits(None)).await;
        let mut console = console.expect("its console answers");
        let rows = sqlx::raw_sql(statement).fetch_all(&mut console).await;
        rows.expect("its console answers")
    }

    fn console_url(&self) -> String {
        let password = self.url.password().expect("the superuser has one");
        format!(
            "postgres://{}:{password}@127.0.0.1:{}/pgbouncer",
            self.url.username(),
            self.port
        )
    }

    async fn ready(&mut self) {
        eventually("PgBouncer", async || {
            assert_eq!(self.child.try_wait().expect("a child"), None, "PgBouncer ended");
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        })
        .await;
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its console answers in text, whatever type it says that is.
fn text<'r>(row: &'r PgRow, column: &str) -> &'r str {
    row.try_get_unchecked(column).expect("its console has the column")
}

fn number(row: &PgRow, column: &str) -> u64 {
    text(row, column).parse().expect("a number")
}

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TEST_PGBOUNCER").filter(|path| !path.is_empty());
    let found = named.map_or_else(|| PathBuf::from("/usr/sbin/pgbouncer"), PathBuf::from);
    found.exists().then_some(found)
}

/// Who may enter the folder of the server's socket; over TCP, somebody without rights.
fn account(server: &PgConnectOptions) -> (u32, u32) {
    const NOBODY: u32 = 65_534;
    server.get_socket().map_or((NOBODY, NOBODY), |socket| {
        let owner = fs::metadata(socket).expect("the server's socket");
        (owner.uid(), owner.gid())
    })
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Roles come and go with tenants, so it asks the server for what their passwords are checked against, as its manual
/// recommends: auth_query.
fn write_configuration(folder: &Path, port: u16, url: &Url, server: &PgConnectOptions) -> PathBuf {
    let socket = server.get_socket().map(|path| path.display().to_string());
    let host = socket.unwrap_or_else(|| server.get_host().to_owned());
    let (user, password) = (
        server.get_username(),
        url.password().expect("the superuser has one"),
    );
    let users = folder.join("users.txt");
    fs::write(&users, format!("\"{user}\" \"{password}\"\n")).expect("a file");
    let ini = format!(
        "[databases]\n* = host={host} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\nauth_user = {user}\n\
         auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1\nadmin_users = {user}\n\
         pool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 1000\n",
        server.get_port(),
        users.display(),
    );
    let path = folder.join("pgbouncer.ini");
    fs::write(&path, ini).expect("a file");
    path
}

fn own(folder: &Path, uid: u32, gid: u32) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        chown(entry.path(), Some(uid), Some(gid)).expect("root may do this");
        fs::set_permissions(entry.path(), Permissions::from_mode(0o600)).expect("root may do this");
    }
}
