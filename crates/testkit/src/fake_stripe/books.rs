//! What Stripe has written down.

use std::collections::HashMap;

use kernel::Seams;
use serde_json::{Value, json};

use super::mishaps::Mishap;
use super::templates;

/// What happens when a method is charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It pays.
    Pays,
    /// The bank refuses, and says why.
    Declines(String),
    /// The payer has to confirm.
    NeedsAction,
    /// The bank takes its time.
    TakesTime,
}

/// What it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// GET, POST or DELETE.
    pub method: String,
    /// With `/v1/`.
    pub path: String,
    /// What follows the path.
    pub query: String,
    /// As it was sent.
    pub body: String,
    /// What makes asking twice the same as asking once.
    pub idempotency_key: Option<String>,
    /// The version that the caller was written against.
    pub version: Option<String>,
}

/// An answer that is repeated to whoever asks the same under the same key.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Kept {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body }
    }
}

#[derive(Debug, Default)]
pub(super) struct Books {
    objects: HashMap<String, Vec<Value>>,
    pub(super) kept: HashMap<String, (String, Kept)>,
    pub(super) mishaps: Vec<(String, Mishap)>,
    pub(super) behaviours: HashMap<String, Behaviour>,
    pub(super) requests: Vec<Request>,
    pub(super) answers: Vec<Value>,
    number: u64,
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    Seams::real().now().as_micros().div_euclid(1_000_000)
}

impl Books {
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.number += 1;
        format!("{prefix}_Fake{:08}", self.number)
    }

    pub(super) fn mishap(&mut self, path: &str) -> Option<Mishap> {
        let place = self
            .mishaps
            .iter()
            .position(|(prefix, _)| path.starts_with(prefix))?;
        Some(self.mishaps.remove(place).1)
    }

    pub(super) fn all(&self, kind: &str) -> Vec<Value> {
        self.objects.get(kind).cloned().unwrap_or_default()
    }

    pub(super) fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.objects.get(kind)?.iter().find(|object| object["id"] == id)
    }

    pub(super) fn get_mut(&mut self, kind: &str, id: &str) -> Option<&mut Value> {
        self.objects
            .get_mut(kind)?
            .iter_mut()
            .find(|object| object["id"] == id)
    }

    pub(super) fn put(&mut self, kind: &str, object: Value) -> Value {
        self.objects
            .entry(kind.to_owned())
            .or_default()
            .push(object.clone());
        object
    }

    pub(super) fn forget(&mut self, kind: &str, id: &str) {
        if let Some(objects) = self.objects.get_mut(kind) {
            objects.retain(|object| object["id"] != id);
        }
    }

    /// Changes an object, and tells of it.
    pub(super) fn change(
        &mut self,
        kind: &str,
        id: &str,
        event: &str,
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let object = self.get_mut(kind, id).expect("Stripe has it");
        change(object);
        let object = object.clone();
        self.tell(event, &object);
        object
    }

    /// Writes an event down.
    pub(super) fn tell(&mut self, event: &str, object: &Value) {
        let id = self.new_id("evt");
        self.put("events", templates::event(&id, event, object));
    }

    /// A method that a token stands for, or the method itself.
    pub(super) fn method(&mut self, reference: &str) -> Option<Value> {
        if let Some(method) = self.get("payment_methods", reference) {
            return Some(method.clone());
        }
        let behaviour = match reference {
            "pm_card_visa" | "pm_card_mastercard" => Behaviour::Pays,
            "pm_card_chargeCustomerFail" => Behaviour::Declines("generic_decline".to_owned()),
            "pm_card_authenticationRequired" => Behaviour::NeedsAction,
            "pm_sepa_debit" => Behaviour::TakesTime,
            _ => return None,
        };
        let id = self.new_id("pm");
        self.behaviours.insert(id.clone(), behaviour);
        Some(self.put("payment_methods", templates::payment_method(&id, reference)))
    }

    /// Money arrives.
    pub(super) fn pay(&mut self, id: &str) {
        let charge = self.new_id("ch");
        let intent = self.change("payment_intents", id, "payment_intent.succeeded", |intent| {
            intent["status"] = "succeeded".into();
            intent["amount_received"] = intent["amount"].clone();
            intent["latest_charge"] = charge.clone().into();
            intent["last_payment_error"] = Value::Null;
            intent["next_action"] = Value::Null;
        });
        let charge = self.put("charges", templates::charge(&charge, &intent));
        self.tell("charge.succeeded", &charge);
    }

    pub(super) fn bounce(&mut self, id: &str) {
        self.change("payment_intents", id, "payment_intent.payment_failed", |intent| {
            intent["status"] = "requires_payment_method".into();
            intent["last_payment_error"] = json!({
                "type": "card_error", "code": "payment_intent_payment_attempt_failed", "message": "The bank refused the debit.",
            });
        });
    }

    pub(super) fn contest(&mut self, payment_intent: &str, reason: &str) -> String {
        let intent = self
            .get("payment_intents", payment_intent)
            .expect("Stripe has it")
            .clone();
        let id = self.new_id("du");
        let dispute = self.put("disputes", templates::dispute(&id, &intent, reason));
        self.tell("charge.dispute.created", &dispute);
        id
    }

    pub(super) fn complete_checkout(&mut self, session: &str, token: &str) {
        let method = self.method(token).expect("a method")["id"].clone();
        let found = self
            .get("checkout/sessions", session)
            .expect("Stripe has it")
            .clone();
        let method_id = method.as_str().expect("an identifier").to_owned();
        let customer = found["customer"].clone();
        if let Some(method) = self.get_mut("payment_methods", &method_id) {
            method["customer"] = customer;
        }
        if let Some(intent) = found["payment_intent"].as_str() {
            if let Some(object) = self.get_mut("payment_intents", intent) {
                object["payment_method"] = method.clone();
            }
            self.pay(intent);
        }
        if let Some(intent) = found["setup_intent"].as_str() {
            self.change("setup_intents", intent, "setup_intent.succeeded", |intent| {
                intent["status"] = "succeeded".into();
                intent["payment_method"] = method;
            });
        }
        self.change(
            "checkout/sessions",
            session,
            "checkout.session.completed",
            |session| {
                session["status"] = "complete".into();
                session["payment_status"] = "paid".into();
                session["url"] = Value::Null;
            },
        );
    }
}
