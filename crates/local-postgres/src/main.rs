//! Runs a private PostgreSQL until Ctrl-C or SIGTERM, for scripts and tests that need one without the product.
//! Its first line of output is the superuser's URL.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use local_postgres::{Binaries, Cluster, Durability, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// Run a private PostgreSQL in a folder of its own until Ctrl-C, and print the URL to connect with.
#[derive(Parser)]
struct Arguments {
    /// The folder it lives in; made when missing.
    data_dir: PathBuf,
    /// The folder of PostgreSQL's programs [default: those on the PATH, or the newest installed].
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Do not wait for the disk: for tests.
    #[arg(long)]
    fast: bool,
    /// Listen on 127.0.0.1 too (0: on any free port); the URL is then that one.
    #[arg(long)]
    port: Option<u16>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut cluster = Cluster::start(Settings {
        data_dir: arguments.data_dir,
        binaries: Binaries::find(arguments.binaries.as_deref())?,
        durability: if arguments.fast {
            Durability::Fast
        } else {
            Durability::Durable
        },
        port: arguments.port,
        extra: vec![],
    })
    .await?;
    println!(
        "{}",
        cluster
            .tcp_url("postgres")
            .unwrap_or_else(|| cluster.url("postgres"))
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        status = cluster.exited() => return Err(format!("PostgreSQL ended: {}", status?).into()),
    }
    Ok(cluster.stop().await?)
}
