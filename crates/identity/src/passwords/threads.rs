//! The threads that hash. They are few, and on Linux the scheduler prefers everybody else: who logs in can wait a
//! little, who works should not notice.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type Work = Box<dyn FnOnce() + Send>;

/// So many threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads(Sender<Work>);

impl Threads {
    pub(super) fn start(count: usize) -> Self {
        let (sender, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..count {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name("password-hash".to_owned())
                .spawn(move || work_through(&receiver))
                .expect("a thread can be started");
        }
        Self(sender)
    }

    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) {
        // The threads live as long as the sender.
        let _ = self.0.send(Box::new(work));
    }
}

fn work_through(receiver: &Mutex<Receiver<Work>>) {
    yield_to_others();
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(work) => work(),
            Err(_) => return,
        }
    }
}

/// On Linux the nice value is a thread's own (setpriority(2), "C library/kernel differences"); elsewhere it would be the
/// whole process's.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::debug!(%error, "passwords are hashed at normal priority");
    }
}
