//! The program `tenantry`.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::run()
}
