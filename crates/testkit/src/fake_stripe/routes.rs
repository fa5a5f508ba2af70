//! The calls.

use serde_json::{Value, json};

use super::books::{Behaviour, Books, Kept};
use super::form::{listed, number};
use super::serving::error;
use super::templates;

pub(super) fn act(books: &mut Books, method: &str, path: &str, sent: &Value) -> Kept {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, &*parts) {
        ("POST", ["customers"]) => make(books, "customers", "cus", "customer.created", |id| {
            templates::customer(id, sent)
        }),
        ("POST", ["customers", id]) => update_customer(books, id, sent),
        ("DELETE", ["customers", id]) => delete_customer(books, id),
        ("GET", ["customers", id, "payment_methods"]) => {
            let of = json!({"customer": id});
            list(books, "payment_methods", &of)
        }
        ("POST", ["payment_methods", id, "attach"]) => attach(books, id, sent),
        ("POST", ["payment_methods", id, "detach"]) => detach(books, id),
        ("POST", ["setup_intents"]) => make(books, "setup_intents", "seti", "setup_intent.created", |id| {
            templates::setup_intent(id, sent)
        }),
        ("POST", ["payment_intents"]) => pay(books, sent),
        ("POST", ["payment_intents", id, "cancel"]) => cancel(books, id),
        ("GET", ["payment_intents", "search"]) => search(books, sent),
        ("POST", ["refunds"]) => refund(books, sent),
        ("POST", ["checkout", "sessions"]) => checkout(books, sent),
        ("GET", ["checkout", "sessions", id]) => get(books, "checkout/sessions", id),
        ("POST", ["billing_portal", "sessions"]) => {
            let id = books.new_id("bps");
            Kept::new(200, templates::portal_session(&id, sent))
        }
        ("POST", ["tax", "calculations"]) => tax(books, sent),
        ("GET", [kind]) => list(books, kind, sent),
        ("GET", [kind, id]) => get(books, kind, id),
        _ => Kept::new(
            404,
            error("invalid_request_error", None, "Unrecognized request URL."),
        ),
    }
}

fn make(
    books: &mut Books,
    kind: &str,
    prefix: &str,
    event: &str,
    template: impl FnOnce(&str) -> Value,
) -> Kept {
    let id = books.new_id(prefix);
    let object = books.put(kind, template(&id));
    books.tell(event, &object);
    Kept::new(200, object)
}

fn get(books: &Books, kind: &str, id: &str) -> Kept {
    books
        .get(kind, id)
        .map_or_else(|| missing(id), |object| Kept::new(200, object.clone()))
}

fn missing(id: &str) -> Kept {
    let message = format!("No such object: '{id}'");
    Kept::new(
        404,
        error("invalid_request_error", Some("resource_missing"), &message),
    )
}

fn refused(message: &str) -> Kept {
    Kept::new(
        400,
        error("invalid_request_error", Some("parameter_invalid"), message),
    )
}

/// Newest first, by what is asked for, a page at a time.
fn list(books: &Books, kind: &str, sent: &Value) -> Kept {
    let mut objects = books.all(kind);
    objects.reverse();
    objects.retain(|object| object["deleted"] != true);
    for member in ["customer", "payment_intent", "charge", "type"] {
        if let Some(wanted) = sent[member].as_str() {
            objects.retain(|object| object[member] == wanted);
        }
    }
    let created = |object: &Value| object["created"].as_i64().unwrap_or_default();
    if let Some(since) = number(&sent["created"]["gte"]) {
        objects.retain(|object| created(object) >= since);
    }
    if let Some(until) = number(&sent["created"]["lt"]) {
        objects.retain(|object| created(object) < until);
    }
    if let Some(after) = sent["starting_after"].as_str() {
        let place = objects.iter().position(|object| object["id"] == after);
        objects.drain(..place.map_or(0, |place| place + 1));
    }
    let limit = number(&sent["limit"])
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(10);
    let has_more = objects.len() > limit;
    objects.truncate(limit);
    Kept::new(
        200,
        json!({"object": "list", "data": objects, "has_more": has_more, "url": format!("/v1/{kind}")}),
    )
}

/// `metadata["name"]:"value"`.
fn search(books: &Books, sent: &Value) -> Kept {
    let query = sent["query"].as_str().unwrap_or_default();
    let quoted: Vec<&str> = query.split('"').collect();
    let [_, name, _, value, ..] = &*quoted else {
        return refused("The query is not understood.");
    };
    let found: Vec<Value> = books
        .all("payment_intents")
        .into_iter()
        .filter(|intent| intent["metadata"][name] == **value)
        .collect();
    Kept::new(
        200,
        json!({"object": "search_result", "data": found, "has_more": false, "next_page": null, "url": "/v1/search"}),
    )
}

fn update_customer(books: &mut Books, id: &str, sent: &Value) -> Kept {
    if books.get("customers", id).is_none() {
        return missing(id);
    }
    let object = books.change("customers", id, "customer.updated", |customer| {
        if let Some(method) = sent["invoice_settings"]["default_payment_method"].as_str() {
            customer["invoice_settings"]["default_payment_method"] = method.into();
        }
    });
    Kept::new(200, object)
}

/// With what he can pay with.
fn delete_customer(books: &mut Books, id: &str) -> Kept {
    if books
        .get("customers", id)
        .is_none_or(|customer| customer["deleted"] == true)
    {
        return missing(id);
    }
    for method in books.all("payment_methods") {
        if method["customer"] == id {
            let method = method["id"].as_str().expect("an identifier").to_owned();
            detach(books, &method);
        }
    }
    let gone = json!({"id": id, "object": "customer", "deleted": true});
    let object = books.change("customers", id, "customer.deleted", |customer| *customer = gone);
    Kept::new(200, object)
}

fn attach(books: &mut Books, reference: &str, sent: &Value) -> Kept {
    let Some(method) = books.method(reference) else {
        return missing(reference);
    };
    let id = method["id"].as_str().expect("an identifier").to_owned();
    let object = books.change("payment_methods", &id, "payment_method.attached", |method| {
        method["customer"] = sent["customer"].clone();
    });
    Kept::new(200, object)
}

fn detach(books: &mut Books, id: &str) -> Kept {
    match books.get("payment_methods", id) {
        None => missing(id),
        Some(method) if method["customer"].is_null() => refused("The method is not attached to a customer."),
        Some(_) => Kept::new(
            200,
            books.change("payment_methods", id, "payment_method.detached", |method| {
                method["customer"] = Value::Null;
            }),
        ),
    }
}

fn pay(books: &mut Books, sent: &Value) -> Kept {
    let method = sent["payment_method"].as_str().unwrap_or_default().to_owned();
    if books.get("payment_methods", &method).is_none() {
        return missing(&method);
    }
    let id = books.new_id("pi");
    let intent = books.put("payment_intents", templates::payment_intent(&id, sent));
    books.tell("payment_intent.created", &intent);
    match books.behaviours.get(&method).cloned().unwrap_or(Behaviour::Pays) {
        Behaviour::Pays => books.pay(&id),
        Behaviour::TakesTime => {
            books.change("payment_intents", &id, "payment_intent.processing", |intent| {
                intent["status"] = "processing".into();
            });
        }
        Behaviour::NeedsAction => {
            return decline(books, &id, "authentication_required", "authentication_required");
        }
        Behaviour::Declines(reason) => return decline(books, &id, "card_declined", &reason),
    }
    get(books, "payment_intents", &id)
}

fn decline(books: &mut Books, id: &str, code: &str, decline_code: &str) -> Kept {
    let message = format!("Your card was declined ({decline_code}).");
    let said = json!({"type": "card_error", "code": code, "decline_code": decline_code, "message": message});
    let intent = books.change("payment_intents", id, "payment_intent.payment_failed", |intent| {
        intent["last_payment_error"] = said.clone();
    });
    let mut error = said;
    error["payment_intent"] = intent;
    Kept::new(402, json!({"error": error}))
}

fn cancel(books: &mut Books, id: &str) -> Kept {
    match books
        .get("payment_intents", id)
        .map(|intent| intent["status"].clone())
    {
        None => missing(id),
        Some(status) if status == "succeeded" || status == "canceled" || status == "processing" => {
            refused("You cannot cancel this PaymentIntent.")
        }
        Some(_) => Kept::new(
            200,
            books.change("payment_intents", id, "payment_intent.canceled", |intent| {
                intent["status"] = "canceled".into();
            }),
        ),
    }
}

fn refund(books: &mut Books, sent: &Value) -> Kept {
    let payment = sent["payment_intent"].as_str().unwrap_or_default().to_owned();
    let Some(intent) = books.get("payment_intents", &payment).cloned() else {
        return missing(&payment);
    };
    let gone: i64 = books
        .all("refunds")
        .iter()
        .filter(|refund| refund["payment_intent"] == payment && refund["status"] != "failed")
        .filter_map(|refund| refund["amount"].as_i64())
        .sum();
    let left = intent["amount_received"].as_i64().unwrap_or_default() - gone;
    let amount = number(&sent["amount"]).unwrap_or(left);
    if amount > left {
        return Kept::new(
            400,
            error(
                "invalid_request_error",
                Some("charge_already_refunded"),
                "More than was paid.",
            ),
        );
    }
    let id = books.new_id("re");
    let refund = books.put("refunds", templates::refund(&id, &intent, amount, sent));
    let charge = intent["latest_charge"].as_str().unwrap_or_default().to_owned();
    books.change("charges", &charge, "charge.refunded", |charge| {
        charge["amount_refunded"] = (gone + amount).into();
        charge["refunded"] = (amount == left).into();
    });
    books.tell("refund.created", &refund);
    Kept::new(200, refund)
}

fn checkout(books: &mut Books, sent: &Value) -> Kept {
    let id = books.new_id("cs_test");
    let mut session = templates::checkout_session(&id, sent);
    if sent["mode"] == "setup" {
        let intent = books.new_id("seti");
        let object = templates::setup_intent(
            &intent,
            &json!({"customer": sent["customer"], "metadata": sent["setup_intent_data"]["metadata"]}),
        );
        books.put("setup_intents", object);
        session["setup_intent"] = intent.into();
    } else {
        let item = listed(&sent["line_items"]).first().cloned().unwrap_or_default();
        let intent = books.new_id("pi");
        let object = templates::payment_intent(
            &intent,
            &json!({
                "amount": item["price_data"]["unit_amount"], "currency": item["price_data"]["currency"], "customer": sent["customer"],
                "metadata": sent["payment_intent_data"]["metadata"],
            }),
        );
        books.put("payment_intents", object);
        session["payment_intent"] = intent.into();
    }
    Kept::new(200, books.put("checkout/sessions", session))
}

fn tax(books: &mut Books, sent: &Value) -> Kept {
    let lines: Vec<(String, i64)> = listed(&sent["line_items"])
        .iter()
        .map(|line| {
            (
                line["reference"].as_str().unwrap_or_default().to_owned(),
                number(&line["amount"]).unwrap_or_default(),
            )
        })
        .collect();
    let id = books.new_id("taxcalc");
    Kept::new(200, templates::tax_calculation(&id, sent, &lines))
}
