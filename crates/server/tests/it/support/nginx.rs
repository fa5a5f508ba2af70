//! A real nginx.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::eventually;
use super::leash::Leash;

/// Runs until dropped.
pub(crate) struct Nginx {
    /// Where it listens.
    pub(crate) url: String,
    child: Child,
    address: String,
    folder: TempDir,
    _leash: Leash,
}

impl Nginx {
    /// One with this text in its `http` block, in which `{listen}` stands for where it is to listen; nothing where it
    /// is not installed.
    pub(crate) async fn start(http: &str) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("a folder");
        let address = free_address();
        let configuration = write_configuration(folder.path(), &http.replace("{listen}", &address));
        let child = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(configuration)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx can be started");
        let mut nginx = Self {
            url: format!("http://{address}"),
            _leash: Leash::on(child.id()),
            child,
            address,
            folder,
        };
        nginx.ready().await;
        Some(nginx)
    }

    async fn ready(&mut self) {
        eventually("nginx", async || {
            let ended = self.child.try_wait().expect("a child");
            assert_eq!(ended, None, "nginx ended: {}", self.log());
            std::net::TcpStream::connect(&self.address).ok()
        })
        .await;
    }

    /// What it complained about.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TEST_NGINX").filter(|path| !path.is_empty());
    let found = named.map_or_else(|| PathBuf::from("/usr/sbin/nginx"), PathBuf::from);
    found.exists().then_some(found)
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// One process, so that who kills it leaves nothing behind.
fn write_configuration(folder: &Path, http: &str) -> PathBuf {
    let path = |name: &str| folder.join(name).display().to_string();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String = kinds
        .iter()
        .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
        .collect();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{http}\n}}\n",
        path("nginx.pid"),
    );
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, text).expect("a file");
    configuration
}
