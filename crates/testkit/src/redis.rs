//! A real Redis that a test may kill, stop and start again.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs until dropped, or until this process ends, however that ends.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    port: u16,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    server: Child,
    /// A shell that kills the server when our end of its pipe closes.
    leash: Child,
}

impl RedisServer {
    /// One with nothing in it; nothing where it is not installed, which it says.
    pub async fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!(
                "NOTE: Redis is NOT INSTALLED, so nothing is proved about several nodes with it (Debian: redis-server)"
            );
            return None;
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut server = Self {
            program,
            port,
            running: None,
        };
        server.restart().await;
        Some(server)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Starts it, with nothing in it. It is there when this returns.
    pub async fn restart(&mut self) {
        self.kill();
        let server = Command::new(&self.program)
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                "/",
                "--port",
            ])
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Redis can be started");
        let leash = Command::new("/bin/sh")
            .args(["-c", "read -r _; kill -9 \"$0\""])
            .arg(server.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        self.running = Some(Running { server, leash });
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "Redis does not listen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.leash.kill();
            let _ = running.leash.wait();
            let _ = running.server.kill();
            let _ = running.server.wait();
        }
    }

    /// It keeps its connections and does not answer, until [`go_on`](Self::go_on).
    pub fn halt(&self) {
        self.signal("-STOP");
    }

    /// It answers again.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let running = self.running.as_ref().expect("it runs");
        let sent = Command::new("kill")
            .arg(signal)
            .arg(running.server.id().to_string())
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{signal} could not be sent"
        );
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("TEST_REDIS").filter(|path| !path.is_empty());
    let found = named.map_or_else(|| PathBuf::from("/usr/bin/redis-server"), PathBuf::from);
    found.exists().then_some(found)
}
