//! A tiny SMTP server that answers as it is told and remembers what it got.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What it saw.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) connections: usize,
    pub(super) commands: Vec<String>,
    pub(super) mails: Vec<String>,
}

/// Runs until it is dropped.
pub(super) struct Responder {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
    _serving: JoinSet<()>,
}

/// The answer to a command (or `GREETING`, `CONTENT`) instead of the usual one. An empty answer is silence.
type Script = HashMap<&'static str, &'static str>;

impl Responder {
    pub(super) async fn start(script: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let seen = Arc::<Mutex<Seen>>::default();
        let (script, shared) = (
            Arc::new(script.into_iter().collect::<Script>()),
            Arc::clone(&seen),
        );
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().expect("not poisoned").connections += 1;
                connections.spawn(converse(stream, Arc::clone(&script), Arc::clone(&shared)));
            }
        });
        Self {
            port,
            seen,
            _serving: serving,
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().expect("not poisoned").clone()
    }
}

fn usual(verb: &str) -> &'static str {
    match verb {
        "GREETING" => "220 responder.test ready",
        "EHLO" => "250-responder.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
        "AUTH" => "235 welcome",
        "DATA" => "354 go on",
        "CONTENT" => "250 queued as 42",
        "QUIT" => "221 bye",
        _ => "250 fine",
    }
}

async fn converse(stream: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Seen>>) {
    let mut stream = BufReader::new(stream);
    let answer = |verb: &str| script.get(verb).copied().unwrap_or_else(|| usual(verb));
    let mut next = answer("GREETING");
    loop {
        if next.is_empty() {
            // Silence until the client hangs up.
            let mut rest = String::new();
            while stream.read_line(&mut rest).await.is_ok_and(|read| read > 0) {}
            return;
        }
        if stream.write_all(format!("{next}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let mut line = String::new();
        if next.starts_with("354") {
            while !line.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            seen.lock().expect("not poisoned").mails.push(line);
            next = answer("CONTENT");
            continue;
        }
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        next = answer(line.split([' ', ':']).next().unwrap_or_default());
        seen.lock().expect("not poisoned").commands.push(line);
    }
}
