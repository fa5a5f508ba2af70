//! `tenantry dev`: what a developer does to it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{Server, outcome, tenantry};

/// A folder that PostgreSQL's account can enter.
fn scratch() -> TempDir {
    let open = Permissions::from_mode(0o711);
    tempfile::Builder::new().permissions(open).tempdir().unwrap()
}

/// The processes that work in a folder.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)))
        .collect()
}

async fn status_line(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn from_nothing_to_ready_and_again_with_the_same_credentials() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let first = Server::start(&data, &[]).await;
    assert_eq!(first.credentials["url"], first.url);
    assert_eq!(
        status_line(&first.url, "/no-such-page").await,
        "HTTP/1.1 404 Not Found"
    );
    for private in ["credentials.json", "master.key"] {
        let mode = fs::metadata(data.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    assert_ne!(
        processes_in(scratch.path()),
        [""; 0].map(PathBuf::from),
        "its PostgreSQL is in the folder"
    );
    let credentials = first.credentials.clone();
    first.signal(Signal::TERM);
    assert_eq!(first.end().await, Some(0));
    assert_eq!(processes_in(scratch.path()), [""; 0].map(PathBuf::from));

    let second = Server::start(&data, &[]).await;
    for (name, value) in credentials.as_object().unwrap() {
        assert!(
            name == "url" || second.credentials[name] == *value,
            "{name} changed"
        );
    }
    second.signal(Signal::INT);
    assert_eq!(second.end().await, Some(0));

    let key = fs::read(data.join("master.key")).unwrap();
    let third = Server::start(&data, &["--reset"]).await;
    assert_ne!(fs::read(data.join("master.key")).unwrap(), key);
    third.signal(Signal::INT);
    assert_eq!(third.end().await, Some(0));
}

#[tokio::test]
async fn what_cannot_be_had_is_said_before_anything_starts() {
    let scratch = scratch();
    let (data, other) = (scratch.path().join("data"), scratch.path().join("other"));
    let server = Server::start(&data, &[]).await;
    let port = server.url.rsplit(':').next().unwrap().to_owned();

    let folder_taken = outcome(tenantry([
        "dev",
        "--port",
        "0",
        "--reset",
        "--data",
        data.to_str().unwrap(),
    ]))
    .await;
    let said = String::from_utf8(folder_taken.stderr).unwrap();
    assert!(
        folder_taken.status.code() == Some(1) && said.contains("in use by another `tenantry dev`"),
        "{said}"
    );

    let port_taken = outcome(tenantry([
        "dev",
        "--port",
        &port,
        "--data",
        other.to_str().unwrap(),
    ]))
    .await;
    let said = String::from_utf8(port_taken.stderr).unwrap();
    assert!(
        port_taken.status.code() == Some(1) && said.contains("is in use by another process"),
        "{said}"
    );
    assert!(!other.join("postgres").exists());

    let mut open = tenantry(["dev", "--open", "--data", other.to_str().unwrap()]);
    open.env("TENANTRY_SERVER_LISTEN", "0.0.0.0:0");
    let said = String::from_utf8(outcome(open).await.stderr).unwrap();
    assert!(said.contains("--open makes every caller an admin"), "{said}");

    assert_eq!(
        status_line(&server.url, "/no-such-page").await,
        "HTTP/1.1 404 Not Found"
    );
    server.signal(Signal::INT);
    assert_eq!(server.end().await, Some(0));
}

#[tokio::test]
async fn the_server_does_not_outlive_its_postgresql_nor_the_other_way_round() {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let server = Server::start(&data, &[]).await;
    let pid_file = fs::read_to_string(data.join("postgres/cluster/data/postmaster.pid")).unwrap();
    let postmaster = pid_file
        .lines()
        .next()
        .and_then(|line| Pid::from_raw(line.parse().ok()?));
    kill_process(postmaster.unwrap(), Signal::QUIT).unwrap();
    assert_eq!(server.end().await, Some(1));

    let server = Server::start(&data, &[]).await;
    server.signal(Signal::KILL);
    assert_eq!(server.end().await, None);
    // It takes over, although what was killed may still be stopping.
    let server = Server::start(&data, &[]).await;
    server.signal(Signal::INT);
    assert_eq!(server.end().await, Some(0));
    assert_eq!(processes_in(scratch.path()), [""; 0].map(PathBuf::from));
}
