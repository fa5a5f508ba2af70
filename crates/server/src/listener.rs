//! The address to serve on, taken before anything else starts.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context as _, Result, anyhow};

/// Listens there, not blocking.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = match TcpListener::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(anyhow!(
            "{address} is in use by another process: stop that first, or use another port"
        )),
        other => other.with_context(|| format!("listening on {address}")),
    }?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
