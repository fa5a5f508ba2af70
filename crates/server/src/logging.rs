//! Log lines, to standard error: JSON for machines, a readable form for people. Once per process.

mod line;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;

use self::line::{Line, Members};
use crate::config::Config;

/// From here on everything that happens is logged as configured. A second call changes nothing.
pub fn start(config: &Config) {
    start_to(config, stderr, stderr().is_terminal());
}

/// The same, written elsewhere.
pub fn start_to<W>(config: &Config, writer: W, ansi: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt()
        .with_env_filter(config.logging.filter.directives())
        .with_writer(writer)
        .with_ansi(ansi);
    let _ = if config.logs_json() {
        lines.event_format(Line).fmt_fields(Members).try_init()
    } else {
        lines.try_init()
    };
}
