//! What the server says to the database, while somebody listens.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Every statement of this thread from its making on. A test and the servers it started share one thread.
pub(crate) struct Statements {
    heard: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
    _second: Dispatch,
}

impl Statements {
    /// As long as a process has one subscriber, a place that logs for the first time asks only its own thread's
    /// whether anybody listens, and remembers the answer for all threads. Other tests run on other threads, so there
    /// is a second one, which hears nothing: with two, all of them are asked.
    pub(crate) fn listen() -> Self {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let ear = Ear(Arc::clone(&heard));
        let target = Targets::new().with_target("sqlx::query", tracing::Level::TRACE);
        let subscriber = tracing_subscriber::registry().with(ear.with_filter(target));
        Self {
            heard,
            _second: Dispatch::new(NoSubscriber::new()),
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// What was heard since this was asked last.
    pub(crate) fn heard(&self) -> Vec<String> {
        // For a place that asked its own thread while this one began to listen.
        tracing::callsite::rebuild_interest_cache();
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Ear(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if ["summary", "db.statement"].contains(&field.name()) {
            self.0.extend([format!("{value:?} ")]);
        }
    }
}
