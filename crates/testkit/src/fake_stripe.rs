//! Stripe, played in this process: the objects that the product uses, in the shape of Stripe's OpenAPI description of the
//! version 2026-08-26.dahlia, with its idempotency, its declines, its lists, its search, and its signed webhooks.
//!
//! A test makes it misbehave ([`Mishap`]), plays the payer ([`FakeStripe::confirm`]) and his bank
//! ([`FakeStripe::contest`]), and delivers what it would deliver ([`FakeStripe::events`], [`FakeStripe::signed`]) in any
//! order. Unlike Stripe it does not lag, and what it is not asked for it does not have.

mod books;
mod form;
mod mishaps;
mod routes;
mod serving;
mod templates;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::hmac;
use serde_json::Value;
use tokio::task::JoinHandle;

use books::Books;
pub use books::{Behaviour, Request};
pub use mishaps::Mishap;

/// A server that answers like Stripe.
#[derive(Debug)]
pub struct FakeStripe {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    serving: JoinHandle<()>,
}

impl FakeStripe {
    /// On a free port, with empty books.
    pub async fn start() -> Self {
        let books = Arc::new(Mutex::new(Books::default()));
        let (address, serving) = serving::start(Arc::clone(&books)).await;
        Self {
            address,
            books,
            serving,
        }
    }

    /// Where it is.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request below this path goes wrong like this.
    pub fn plan(&self, path: &str, mishap: Mishap) {
        self.books().mishaps.push((path.to_owned(), mishap));
    }

    /// What happens when this method is charged.
    pub fn behave(&self, method: &str, behaviour: Behaviour) {
        self.books().behaviours.insert(method.to_owned(), behaviour);
    }

    /// The payer confirms a payment in his browser.
    pub fn confirm(&self, payment_intent: &str) {
        self.books().pay(payment_intent);
    }

    /// The bank of a payment that was under way says no.
    pub fn bounce(&self, payment_intent: &str) {
        self.books().bounce(payment_intent);
    }

    /// The payer's bank contests a payment; answers what Stripe calls the dispute.
    pub fn contest(&self, payment_intent: &str, reason: &str) -> String {
        self.books().contest(payment_intent, reason)
    }

    /// A dispute ends: `won` or `lost`.
    pub fn decide(&self, dispute: &str, status: &str) {
        self.books()
            .change("disputes", dispute, "charge.dispute.closed", |object| {
                object["status"] = status.into();
            });
    }

    /// The payer goes through a Checkout page and pays, or gives, this method.
    pub fn complete_checkout(&self, session: &str, token: &str) {
        self.books().complete_checkout(session, token);
    }

    /// A Checkout page runs out.
    pub fn expire_checkout(&self, session: &str) {
        self.books().change(
            "checkout/sessions",
            session,
            "checkout.session.expired",
            |object| {
                object["status"] = "expired".into();
                object["url"] = Value::Null;
            },
        );
    }

    /// An object changes at Stripe without our asking, and an event of this type tells of it.
    pub fn change(&self, kind: &str, id: &str, event: &str, change: impl FnOnce(&mut Value)) {
        self.books().change(kind, id, event, change);
    }

    /// Somebody makes an object at Stripe that we did not ask for.
    pub fn put(&self, kind: &str, object: Value) {
        self.books().put(kind, object);
    }

    /// An object is lost at Stripe.
    pub fn forget(&self, kind: &str, id: &str) {
        self.books().forget(kind, id);
    }

    /// Objects of a kind (`payment_intents`, `refunds`, …), oldest first.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        self.books().all(kind)
    }

    /// One object.
    pub fn object(&self, kind: &str, id: &str) -> Value {
        self.books().get(kind, id).expect("Stripe has it").clone()
    }

    /// A day passes: it forgets which keys were used.
    pub fn forget_keys(&self) {
        self.books().kept.clear();
    }

    /// What was taken from payers by now, in its minor units.
    pub fn taken(&self) -> i64 {
        let intents = self.objects("payment_intents");
        intents
            .iter()
            .filter_map(|intent| intent["amount_received"].as_i64())
            .sum()
    }

    /// What it was asked, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.books().requests.clone()
    }

    /// What it answered, oldest first.
    pub fn answers(&self) -> Vec<Value> {
        self.books().answers.clone()
    }

    /// What happened, oldest first, as its webhooks tell it.
    pub fn events(&self) -> Vec<Value> {
        self.books().all("events")
    }

    /// A webhook of an event: its body and its signature header, made now with each of these secrets.
    pub fn signed(&self, event: &Value, secrets: &[&str]) -> (String, String) {
        let body = event.to_string();
        let header = signature(&body, secrets, books::now());
        (body, header)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no test panics with the books open")
    }
}

/// The header `Stripe-Signature` of a body, as made at this time, in seconds.
pub fn signature(body: &str, secrets: &[&str], time: i64) -> String {
    let mut header = format!("t={time}");
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
        let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        header.push_str(",v1=");
        header.push_str(&digits);
    }
    header
}

impl Drop for FakeStripe {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
