//! Ends what a test has started when the test's own process is killed, which runs no destructor.

use std::process::{Child, Command, Stdio};

/// A shell that kills the process when our end of its pipe closes. Dropped, it lets go.
pub(super) struct Leash(Child);

impl Leash {
    /// On this process, which is our child and not waited for before the leash is dropped.
    pub(super) fn on(pid: u32) -> Self {
        let shell = Command::new("/bin/sh")
            .args(["-c", "read -r _; kill -9 \"$0\""])
            .arg(pid.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(shell.expect("a shell"))
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
