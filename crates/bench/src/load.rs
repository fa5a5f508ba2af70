//! A caller that costs next to nothing, so that what is measured is the server: requests as prepared bytes over
//! connections that stay open, one after the other on each, on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Requests to one server, each as the bytes that are sent.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    address: SocketAddr,
    /// Sent in turns.
    requests: Arc<[Vec<u8>]>,
}

impl Load {
    /// `GET path`, with these keys in turns where there are some.
    pub(crate) fn get(address: SocketAddr, path: &str, keys: &[String]) -> Self {
        let request = |credential: String| {
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{credential}accept: */*\r\n\r\n").into_bytes()
        };
        let requests = match keys {
            [] => vec![request(String::new())],
            keys => keys
                .iter()
                .map(|key| request(format!("authorization: Bearer {key}\r\n")))
                .collect(),
        };
        Self {
            address,
            requests: requests.into(),
        }
    }

    /// One answer, head and body.
    pub(crate) async fn once(&self) -> Result<Vec<u8>> {
        let mut line = Line::open(self.address).await?;
        line.ask(&self.requests[0]).await?;
        Ok(line.answer)
    }

    /// Requests answered in a second, over so many connections for so long.
    pub(crate) async fn run(&self, connections: usize, time: Duration) -> Result<f64> {
        let load = self.clone();
        let thread = std::thread::Builder::new().name("load".to_owned());
        let (done, outcome) = tokio::sync::oneshot::channel();
        thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let counted = runtime
                .map_err(anyhow::Error::from)
                .and_then(|runtime| runtime.block_on(load.count(connections, time)));
            let _ = done.send(counted);
        })?;
        outcome.await.context("the load ended early")?
    }

    /// Sends each of the requests once.
    pub(crate) async fn each_once(&self, connections: usize) -> Result<()> {
        let turns = (0..connections).map(|first| async move {
            let mut line = Line::open(self.address).await?;
            for request in self.requests.iter().skip(first).step_by(connections) {
                line.ask(request).await?;
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(turns).await.map(drop)
    }

    async fn count(self, connections: usize, time: Duration) -> Result<f64> {
        let mut lines = Vec::new();
        for _ in 0..connections {
            lines.push(Line::open(self.address).await?);
        }
        let begun = Instant::now();
        let until = begun + time;
        let turns = lines.into_iter().enumerate().map(|(first, mut line)| {
            let requests = Arc::clone(&self.requests);
            async move {
                let (mut at, mut answered) = (first, 0_u32);
                while Instant::now() < until {
                    line.ask(&requests[at % requests.len()]).await?;
                    at += connections;
                    answered += 1;
                }
                anyhow::Ok(answered)
            }
        });
        let answered: u32 = futures_util::future::try_join_all(turns).await?.into_iter().sum();
        Ok(f64::from(answered) / begun.elapsed().as_secs_f64())
    }
}

/// One connection.
struct Line {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Line {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::with_capacity(4096),
        })
    }

    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed the connection");
            if is_whole(&self.answer)? {
                return Ok(());
            }
        }
    }
}

/// Whether all of a 200 is there.
fn is_whole(answer: &[u8]) -> Result<bool> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    ensure!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(answer)
    );
    let head_text = std::str::from_utf8(&answer[..head])?;
    let length = head_text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("an answer without a length")?;
    Ok(answer.len() >= head + 4 + length.trim().parse::<usize>()?)
}
