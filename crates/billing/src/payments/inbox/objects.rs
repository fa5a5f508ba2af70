//! Asking the provider for what an event is about.

use super::store::Stored;
use crate::payments::Payments;
use crate::providers::{Charge, Failure, MethodDetails, RefundState};
use crate::stripe::objects::{Dispute, Metadata, PaymentIntent};
use crate::stripe::provider::{charge_of, method, refund_of};
use crate::stripe::{Client, objects};

/// What an event is about, as it is now.
#[derive(Debug)]
pub(super) enum Found {
    /// A payment: with the identifier that we gave it, and how much it is in the provider's units.
    Payment {
        ours: Metadata,
        amount: i64,
        currency: String,
        charge: Charge,
    },
    /// Refunds of a payment.
    Refunds(Vec<FoundRefund>),
    /// A dispute.
    Dispute(Dispute),
    /// A method that a customer has now.
    Method(MethodDetails),
    /// A method that no customer has any more.
    Detached(String),
    /// A subscription, an invoice or a session: with its kind, its customer and its status.
    Kept {
        kind: &'static str,
        reference: String,
        customer: Option<String>,
        status: String,
        /// A method that was added there.
        method: Option<MethodDetails>,
    },
    /// Nothing that matters here, and why.
    Nothing(&'static str),
}

/// A refund as the provider has it.
#[derive(Debug)]
pub(super) struct FoundRefund {
    pub(super) ours: Metadata,
    pub(super) payment: Option<String>,
    pub(super) amount: i64,
    pub(super) state: RefundState,
}

/// Asks for what the event is about. Money is driven from payments alone, never from charges, so that none counts twice.
pub(super) async fn fetch(payments: &Payments, event: &Stored) -> Result<Found, Failure> {
    let client = payments.provider().stripe()?;
    if event.livemode != client.livemode() {
        return Ok(Found::Nothing("it is of the other mode: test or live"));
    }
    let Some(id) = event.object.as_deref() else {
        return Ok(Found::Nothing("it is about nothing that has an identifier"));
    };
    let kind = &*event.kind;
    match kind.split_once('.').map_or(kind, |(object, _)| object) {
        "payment_intent" => Ok(payment(client.payment_intent(id).await?.object)),
        "refund" => Ok(Found::Refunds(vec![found_refund(
            client.refund(id).await?.object,
        )])),
        "setup_intent" => setup(client, id).await,
        "payment_method" => added(client, id).await,
        "charge" => of_charge(client, kind, id).await,
        "checkout" => session(client, id).await,
        "customer" if kind.starts_with("customer.subscription.") => {
            Ok(kept("subscription", client.subscription(id).await?.object))
        }
        "invoice" => Ok(kept("invoice", client.invoice(id).await?.object)),
        _ => Ok(Found::Nothing("nothing here knows this type")),
    }
}

fn payment(intent: PaymentIntent) -> Found {
    Found::Payment {
        ours: intent.metadata.clone(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        charge: charge_of(intent, None),
    }
}

fn found_refund(refund: objects::Refund) -> FoundRefund {
    FoundRefund {
        ours: refund.metadata.clone(),
        payment: refund.payment_intent.clone(),
        amount: refund.amount,
        state: refund_of(refund, None),
    }
}

async fn of_charge(client: &Client, kind: &str, id: &str) -> Result<Found, Failure> {
    if kind.starts_with("charge.dispute.") {
        return Ok(Found::Dispute(client.dispute(id).await?.object));
    }
    if kind == "charge.refund.updated" {
        return Ok(Found::Refunds(vec![found_refund(
            client.refund(id).await?.object,
        )]));
    }
    if kind != "charge.refunded" {
        return Ok(Found::Nothing("the payment's own events tell it"));
    }
    let Some(payment) = client.charge(id).await?.object.payment_intent else {
        return Ok(Found::Nothing("it is none of ours"));
    };
    let (mut refunds, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = client.refunds_of(&payment, after.as_deref()).await?.object;
        after = page.data.last().map(|refund| refund.id.clone());
        refunds.extend(page.data.into_iter().map(found_refund));
        if !page.has_more || after.is_none() {
            return Ok(Found::Refunds(refunds));
        }
    }
}

async fn setup(client: &Client, id: &str) -> Result<Found, Failure> {
    let intent = client.setup_intent(id).await?.object;
    match intent.payment_method {
        Some(added) if intent.status == "succeeded" => Ok(Found::Method(method(client, &added).await?)),
        _ => Ok(Found::Nothing("nothing was added")),
    }
}

async fn added(client: &Client, id: &str) -> Result<Found, Failure> {
    let method = match method(client, id).await {
        Err(Failure::NotFound) => return Ok(Found::Detached(id.to_owned())),
        found => found?,
    };
    if method.customer.is_some() {
        Ok(Found::Method(method))
    } else {
        Ok(Found::Detached(method.reference))
    }
}

async fn session(client: &Client, id: &str) -> Result<Found, Failure> {
    let session = client.checkout_session(id).await?.object;
    let status = session.status.unwrap_or_default();
    let added = match (&session.setup_intent, &*status) {
        (Some(intent), "complete") => client.setup_intent(intent).await?.object.payment_method,
        _ => None,
    };
    let added = match added {
        Some(added) => Some(method(client, &added).await?),
        None => None,
    };
    Ok(Found::Kept {
        kind: "checkout_session",
        reference: session.id,
        customer: session.customer,
        status,
        method: added,
    })
}

fn kept(kind: &'static str, object: objects::Foreign) -> Found {
    Found::Kept {
        kind,
        reference: object.id,
        customer: object.customer,
        status: object.status.unwrap_or_default(),
        method: None,
    }
}
