//! The provider's operations, said to Stripe: own invoices, paid by payment intents without the payer being there.

use serde_json::{Value, json};

use super::amounts;
use super::answer::decline;
use super::client::Client;
use super::objects::{self, List, PaymentIntent, PaymentMethod};
use crate::providers::{
    Charge, ChargeOrder, CheckoutLink, CheckoutOrder, Contact, Customer, Failure, MethodDetails, Outcome,
    RefundOrder, RefundState, RefundStatus, Setup, TaxAnswer, TaxLine, TaxQuestion,
};
use pricing::{Currency, Money};

/// Under which names our identifiers are in Stripe's metadata.
pub(crate) const ATTEMPT: &str = "tenantry_attempt";
pub(crate) const INVOICE: &str = "tenantry_invoice";
pub(crate) const TENANT: &str = "tenantry_tenant";
pub(crate) const REFUND: &str = "tenantry_refund";

/// Stripe's clock may be this far from ours.
const SKEW_SECONDS: i64 = 3600;

type Answer<T> = Result<T, Failure>;

pub(crate) async fn create_customer(client: &Client, contact: &Contact, key: &str) -> Answer<Customer> {
    let parameters = json!({
        "name": contact.name, "email": contact.email, "metadata": {TENANT: contact.tenant},
    });
    let made = client.create_customer(parameters, key).await?;
    Ok(customer_of(made.object))
}

pub(crate) async fn customer(client: &Client, id: &str) -> Answer<Customer> {
    let found = client.customer(id).await?.object;
    if found.deleted {
        Err(Failure::NotFound)
    } else {
        Ok(customer_of(found))
    }
}

pub(crate) async fn delete_customer(client: &Client, id: &str) -> Answer<()> {
    match client.delete_customer(id).await {
        Ok(_) | Err(Failure::NotFound) => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn customer_of(customer: objects::Customer) -> Customer {
    Customer {
        reference: customer.id,
        default_method: customer.invoice_settings.default_payment_method,
        livemode: customer.livemode,
    }
}

pub(crate) async fn methods(client: &Client, customer: &str) -> Answer<Vec<MethodDetails>> {
    let mut methods = Vec::new();
    let mut after = None;
    loop {
        let List { data, has_more } = client.customer_methods(customer, after.as_deref()).await?.object;
        after = data.last().map(|method| method.id.clone());
        methods.extend(data.into_iter().map(method_of));
        if !has_more || after.is_none() {
            return Ok(methods);
        }
    }
}

pub(crate) async fn method(client: &Client, id: &str) -> Answer<MethodDetails> {
    Ok(method_of(client.payment_method(id).await?.object))
}

pub(crate) async fn attach(client: &Client, customer: &str, id: &str, key: &str) -> Answer<MethodDetails> {
    Ok(method_of(client.attach(id, customer, key).await?.object))
}

pub(crate) async fn detach(client: &Client, id: &str, key: &str) -> Answer<()> {
    match client.detach(id, key).await {
        Ok(_) | Err(Failure::NotFound) => Ok(()),
        // Stripe says so of a method that has no customer any more.
        Err(Failure::Invalid { .. }) if client.payment_method(id).await?.object.customer.is_none() => Ok(()),
        Err(failure) => Err(failure),
    }
}

pub(crate) async fn set_default(client: &Client, customer: &str, id: &str, key: &str) -> Answer<()> {
    let parameters = json!({"invoice_settings": {"default_payment_method": id}});
    client.update_customer(customer, parameters, key).await.map(drop)
}

pub(crate) async fn set_up(client: &Client, customer: &str, tenant: &str, key: &str) -> Answer<Setup> {
    let parameters = json!({
        "customer": customer, "usage": "off_session", "automatic_payment_methods": {"enabled": true},
        "metadata": {TENANT: tenant},
    });
    let made = client.create_setup_intent(parameters, key).await?.object;
    secret(made.id, made.client_secret)
}

pub(crate) async fn confirmation(client: &Client, reference: &str) -> Answer<Setup> {
    let intent = client.payment_intent(reference).await?.object;
    secret(intent.id, intent.client_secret)
}

fn secret(reference: String, client_secret: Option<kernel::Secret<String>>) -> Answer<Setup> {
    let missing =
        || Failure::Configuration("Stripe gave no client secret: is the key a secret one?".to_owned());
    Ok(Setup {
        reference,
        client_secret: client_secret.ok_or_else(missing)?,
    })
}

fn method_of(method: PaymentMethod) -> MethodDetails {
    let card = method.card.as_ref();
    let bank = method.sepa_debit.as_ref().or(method.us_bank_account.as_ref());
    let brand = card
        .map(|card| card.brand.clone())
        .or(bank.and_then(|bank| bank.bank_name.clone()));
    let last4 = card
        .map(|card| card.last4.clone())
        .or(bank.and_then(|bank| bank.last4.clone()));
    let named = brand.clone().unwrap_or_else(|| method.kind.clone());
    let label = last4
        .as_ref()
        .map_or_else(|| named.clone(), |last4| format!("{named} •••• {last4}"));
    MethodDetails {
        label,
        brand,
        last4,
        exp_month: card.map(|card| card.exp_month),
        exp_year: card.map(|card| card.exp_year),
        reference: method.id,
        kind: method.kind,
        customer: method.customer,
    }
}

/// An amount in Stripe's units.
fn counted(amount: Money) -> Answer<i64> {
    amounts::theirs(amount.amount, amount.currency.code()).map_err(|error| Failure::Invalid {
        code: "amount_not_chargeable".to_owned(),
        message: error.to_string(),
    })
}

fn lower(currency: Currency) -> String {
    currency.code().to_ascii_lowercase()
}

pub(crate) async fn charge(client: &Client, order: &ChargeOrder) -> Answer<Charge> {
    let parameters = json!({
        "amount": counted(order.amount)?, "currency": lower(order.amount.currency),
        "customer": order.customer, "payment_method": order.method, "off_session": true, "confirm": true,
        "automatic_payment_methods": {"enabled": true, "allow_redirects": "never"},
        "description": order.description,
        "metadata": {ATTEMPT: order.attempt, INVOICE: order.invoice, TENANT: order.tenant},
    });
    match client
        .create_payment_intent(parameters, &order.idempotency_key)
        .await
    {
        Ok(said) => Ok(charge_of(said.object, said.request_id)),
        Err(Failure::Declined { decline, reference }) => Ok(refused(Outcome::Declined(decline), reference)),
        Err(Failure::RequiresAction { decline, reference }) => {
            Ok(refused(Outcome::RequiresAction(Some(decline)), reference))
        }
        Err(failure) => Err(failure),
    }
}

fn refused(outcome: Outcome, reference: Option<String>) -> Charge {
    Charge {
        reference,
        outcome,
        request_id: None,
        method: None,
    }
}

/// By listing, not by searching: Stripe's search lags behind, and what it does not find yet would be charged again.
pub(crate) async fn find_charge(client: &Client, order: &ChargeOrder) -> Answer<Option<Charge>> {
    let made_at = order.since.as_micros().div_euclid(1_000_000);
    let (since, until) = (made_at - SKEW_SECONDS, made_at + 30 * 86_400);
    let mut after: Option<String> = None;
    loop {
        let page = client.payment_intents(Some(&order.customer), since, until, after.as_deref());
        let said = page.await?;
        after = said.object.data.last().map(|intent| intent.id.clone());
        let is_it = |intent: &PaymentIntent| intent.metadata.get(ATTEMPT) == Some(&order.attempt);
        let more = said.object.has_more;
        if let Some(intent) = said.object.data.into_iter().find(is_it) {
            return Ok(Some(charge_of(intent, said.request_id)));
        }
        if !more || after.is_none() {
            return Ok(None);
        }
    }
}

pub(crate) async fn charge_state(client: &Client, reference: &str) -> Answer<Charge> {
    let said = client.payment_intent(reference).await?;
    Ok(charge_of(said.object, said.request_id))
}

pub(crate) async fn cancel_charge(client: &Client, reference: &str, key: &str) -> Answer<Charge> {
    match client.cancel_payment_intent(reference, key).await {
        Ok(said) => Ok(charge_of(said.object, said.request_id)),
        // It was paid or called off in the meantime.
        Err(Failure::Invalid { .. }) => charge_state(client, reference).await,
        Err(failure) => Err(failure),
    }
}

/// `https://docs.stripe.com/payments/paymentintents/lifecycle`.
pub(crate) fn charge_of(intent: PaymentIntent, request_id: Option<String>) -> Charge {
    let error = intent.last_payment_error;
    let decline = error.map(|error| decline(error.code, error.decline_code, error.message));
    let outcome = match (&*intent.status, decline) {
        ("succeeded", _) => Outcome::Succeeded,
        ("processing" | "requires_capture", _) => Outcome::Processing,
        ("canceled", _) => Outcome::Canceled,
        ("requires_payment_method", Some(decline)) if decline.code != "authentication_required" => {
            Outcome::Declined(decline)
        }
        (_, decline) => Outcome::RequiresAction(decline),
    };
    Charge {
        reference: Some(intent.id),
        outcome,
        request_id,
        method: intent.payment_method,
    }
}

pub(crate) async fn refund(client: &Client, order: &RefundOrder) -> Answer<RefundState> {
    let parameters = json!({
        "payment_intent": order.charge, "amount": counted(order.amount)?,
        "metadata": {REFUND: order.refund, TENANT: order.tenant},
    });
    let said = client.create_refund(parameters, &order.idempotency_key).await?;
    Ok(refund_of(said.object, said.request_id))
}

pub(crate) async fn find_refund(client: &Client, order: &RefundOrder) -> Answer<Option<RefundState>> {
    let mut after: Option<String> = None;
    loop {
        let said = client.refunds_of(&order.charge, after.as_deref()).await?;
        after = said.object.data.last().map(|refund| refund.id.clone());
        let more = said.object.has_more;
        let is_it = |refund: &objects::Refund| refund.metadata.get(REFUND) == Some(&order.refund);
        if let Some(refund) = said.object.data.into_iter().find(is_it) {
            return Ok(Some(refund_of(refund, said.request_id)));
        }
        if !more || after.is_none() {
            return Ok(None);
        }
    }
}

pub(crate) async fn refund_state(client: &Client, reference: &str) -> Answer<RefundState> {
    let said = client.refund(reference).await?;
    Ok(refund_of(said.object, said.request_id))
}

pub(crate) fn refund_of(refund: objects::Refund, request_id: Option<String>) -> RefundState {
    let status = match refund.status.as_deref() {
        Some("succeeded") => RefundStatus::Succeeded,
        Some("failed") => RefundStatus::Failed,
        Some("canceled") => RefundStatus::Canceled,
        Some("requires_action") => RefundStatus::RequiresAction,
        _ => RefundStatus::Pending,
    };
    RefundState {
        reference: refund.id,
        status,
        failure: refund.failure_reason,
        request_id,
    }
}

pub(crate) async fn checkout(client: &Client, order: &CheckoutOrder) -> Answer<CheckoutLink> {
    // A session that only adds a method has to say in which currency it will be used, or by what.
    let parameters = json!({
        "mode": "setup", "payment_method_types": ["card"], "customer": order.customer,
        "success_url": order.success_url, "cancel_url": order.cancel_url,
        "metadata": {TENANT: order.tenant}, "setup_intent_data": {"metadata": {TENANT: order.tenant}},
    });
    let made = client
        .create_checkout_session(parameters, &order.idempotency_key)
        .await?
        .object;
    let missing = || Failure::Configuration("Stripe gave no address of its page".to_owned());
    Ok(CheckoutLink {
        reference: made.id,
        url: made.url.ok_or_else(missing)?,
    })
}

pub(crate) async fn portal(
    client: &Client,
    customer: &str,
    return_url: &str,
    key: &str,
) -> Answer<CheckoutLink> {
    let parameters = json!({"customer": customer, "return_url": return_url});
    let made = client.create_portal_session(parameters, key).await?.object;
    Ok(CheckoutLink {
        reference: made.id,
        url: made.url,
    })
}

pub(crate) async fn tax(client: &Client, question: &TaxQuestion, key: &str) -> Answer<TaxAnswer> {
    let Some((_, first)) = question.lines.first() else {
        return Ok(TaxAnswer {
            reference: String::new(),
            lines: Vec::new(),
        });
    };
    let currency = first.currency;
    let mut lines: Vec<Value> = Vec::new();
    for (reference, amount) in &question.lines {
        lines.push(json!({"reference": reference, "amount": counted(*amount)?, "tax_behavior": "exclusive"}));
    }
    let parameters = json!({
        "currency": lower(currency), "customer": question.customer, "line_items": lines, "expand": ["line_items"],
    });
    let made = client.calculate_tax(parameters, key).await?.object;
    let taxed = made.line_items.map(|list| list.data).unwrap_or_default();
    let tax = |line: objects::TaxLineItem| TaxLine {
        line: line.reference,
        tax: Money::new(amounts::ours(line.amount_tax, currency.code()), currency),
    };
    Ok(TaxAnswer {
        reference: made.id.unwrap_or_default(),
        lines: taxed.into_iter().map(tax).collect(),
    })
}
