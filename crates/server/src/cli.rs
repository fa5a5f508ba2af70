//! The command line. Exit status: 0 done, 1 it failed, 2 the command line was not understood.

mod admin_commands;
mod config_commands;

use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use isolation::Databases;

use crate::config::{Config, Layers, Loaded};
use crate::dev::{self, DevArguments};
use crate::doctor::{self, Outcome};
use crate::wiring::{self, ServeOptions};
use crate::{listener, logging, signals};

/// A multi-tenant SaaS backend: tenants, identity, usage, billing and audit beside your own application.
#[derive(Debug, Parser)]
#[command(
    name = "tenantry",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit status: 0 done, 1 it failed, 2 the command line was not understood."
)]
struct CommandLine {
    /// The configuration file [default: ./tenantry.toml if there is one].
    #[arg(long, global = true, value_name = "FILE", env = "TENANTRY_CONFIG")]
    config: Option<PathBuf>,
    /// An option of the configuration, such as logging.filter=debug; may be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    settings: Vec<(String, String)>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the product.
    Serve {
        /// The address and port to listen on.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Runs everything on this machine for development, with a PostgreSQL of its own.
    Dev(DevArguments),
    /// Creates or updates what the product needs in the database, and ends. Changes nothing when all is there.
    Migrate,
    /// Manages the operators of the installation.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Shows and checks the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Looks at everything the product needs and says what to do about what is wrong.
    Doctor {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Adds an operator, and prints his password and his API key this once.
    Create(admin_commands::NewOperator),
    /// Takes an operator's second factors away who lost them and has nobody above him. His sessions end.
    ResetSecondFactors {
        /// The address he logs in with.
        #[arg(long)]
        email: String,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints every effective value and where it came from; fails when something is wrong.
    Check {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints a file with every option, its documentation and its default.
    Default,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("it is written KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Does what the command line of this process says.
pub fn run() -> ExitCode {
    let CommandLine {
        config,
        mut settings,
        command,
    } = CommandLine::parse();
    if let Command::Serve { listen: Some(listen) } = &command {
        settings.push(("server.listen".into(), listen.to_string()));
    }
    match execute(command, Layers::of_process(config, settings)) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command, layers: Layers) -> Result<ExitCode> {
    match command {
        Command::Serve { .. } => done(wait_for(serve(configured(&layers)?))?),
        Command::Dev(arguments) => done(wait_for(dev::run(arguments, layers))?),
        Command::Migrate => done(wait_for(migrate(configured(&layers)?))?),
        Command::Admin(AdminCommand::Create(new)) => {
            wait_for(admin_commands::create(configured(&layers)?, new))
        }
        Command::Admin(AdminCommand::ResetSecondFactors { email }) => {
            wait_for(admin_commands::reset_second_factors(configured(&layers)?, &email))
        }
        Command::Config(ConfigCommand::Check { json }) => config_commands::check(&Loaded::of(&layers), json),
        Command::Config(ConfigCommand::Default) => done(print(&crate::config::default_file())?),
        Command::Doctor { json } => wait_for(examine(Loaded::of(&layers), json)),
        Command::Openapi => done(print(&wiring::openapi())?),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "tenantry", &mut script);
            done(print(&String::from_utf8_lossy(&script))?)
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it ends the arms of a match that can fail"
)]
fn done((): ()) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}

/// Prints to standard output; a reader that has gone away (`| head`) is none of our business.
fn print(text: &str) -> Result<()> {
    match stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// The valid configuration, with its warnings logged.
fn configured(layers: &Layers) -> Result<Config> {
    let mut loaded = Loaded::of(layers);
    let warnings = std::mem::take(&mut loaded.warnings);
    let config = loaded.valid()?;
    logging::start(&config);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

async fn serve(config: Config) -> Result<()> {
    let stop = signals::stop_on_signal()?;
    let listener = listener::bind(config.server.listen)?;
    let options = ServeOptions {
        listener,
        stop,
        development: None,
    };
    wiring::serve(config, options).await
}

async fn migrate(config: Config) -> Result<()> {
    let (databases, _hints) = Databases::open(config.databases()?, config.seams()).await?;
    let stores = databases.migrate_stores().await?;
    databases.close().await;
    tracing::info!(stores, "the database is prepared");
    Ok(())
}

async fn examine(loaded: Loaded, json: bool) -> Result<ExitCode> {
    let checks = doctor::examine(loaded).await;
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&checks)?))?;
    } else {
        let lines: String = checks.iter().map(|check| format!("{check}\n")).collect();
        print(&lines)?;
    }
    let failed = checks.iter().any(|check| check.outcome == Outcome::Failed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
