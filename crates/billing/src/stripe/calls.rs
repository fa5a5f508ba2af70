//! The calls, one function each. Those that change something take the idempotency key of what was committed before.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::{Call, Client, Said, segment};
use super::objects::{
    Charge, CheckoutSession, Customer, Dispute, Event, Foreign, List, PaymentIntent, PaymentMethod,
    PortalSession, Refund, SetupIntent, TaxCalculation,
};
use crate::providers::Failure;

type Answer<T> = Result<Said<T>, Failure>;

/// As many as Stripe puts on a page.
const PAGE: u32 = 100;

impl Client {
    async fn read<T: DeserializeOwned>(&self, path: String, parameters: Value) -> Answer<T> {
        self.call(Call {
            method: Method::GET,
            path,
            parameters,
            idempotency_key: None,
        })
        .await
    }

    async fn change<T: DeserializeOwned>(&self, path: String, parameters: Value, key: &str) -> Answer<T> {
        self.call(Call {
            method: Method::POST,
            path,
            parameters,
            idempotency_key: Some(key),
        })
        .await
    }

    async fn one<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Answer<T> {
        self.read(format!("/v1/{kind}/{}", segment(id)?), json!({})).await
    }

    /// A page of a list, the one after `after`.
    async fn page<T: DeserializeOwned>(
        &self,
        kind: &str,
        mut parameters: Value,
        after: Option<&str>,
    ) -> Answer<List<T>> {
        parameters["limit"] = json!(PAGE);
        parameters["starting_after"] = json!(after);
        self.read(format!("/v1/{kind}"), parameters).await
    }

    /// Makes a customer.
    pub async fn create_customer(&self, parameters: Value, key: &str) -> Answer<Customer> {
        self.change("/v1/customers".to_owned(), parameters, key).await
    }

    /// A customer, which may be deleted.
    pub async fn customer(&self, id: &str) -> Answer<Customer> {
        self.one("customers", id).await
    }

    /// Changes a customer.
    pub async fn update_customer(&self, id: &str, parameters: Value, key: &str) -> Answer<Customer> {
        self.change(format!("/v1/customers/{}", segment(id)?), parameters, key)
            .await
    }

    /// Deletes a customer with what he can pay with. Asked for twice it is done once, so it needs no key.
    pub async fn delete_customer(&self, id: &str) -> Answer<Customer> {
        self.call(Call {
            method: Method::DELETE,
            path: format!("/v1/customers/{}", segment(id)?),
            parameters: json!({}),
            idempotency_key: None,
        })
        .await
    }

    /// A page of customers made since, in seconds.
    pub async fn customers(&self, since: i64, until: i64, after: Option<&str>) -> Answer<List<Customer>> {
        self.page("customers", between(since, until), after).await
    }

    /// A page of what a customer can pay with.
    pub async fn customer_methods(&self, customer: &str, after: Option<&str>) -> Answer<List<PaymentMethod>> {
        let kind = format!("customers/{}/payment_methods", segment(customer)?);
        self.page(&kind, json!({}), after).await
    }

    /// Something to pay with.
    pub async fn payment_method(&self, id: &str) -> Answer<PaymentMethod> {
        self.one("payment_methods", id).await
    }

    /// Gives it to a customer.
    pub async fn attach(&self, id: &str, customer: &str, key: &str) -> Answer<PaymentMethod> {
        let path = format!("/v1/payment_methods/{}/attach", segment(id)?);
        self.change(path, json!({"customer": customer}), key).await
    }

    /// Takes it from its customer, for good.
    pub async fn detach(&self, id: &str, key: &str) -> Answer<PaymentMethod> {
        let path = format!("/v1/payment_methods/{}/detach", segment(id)?);
        self.change(path, json!({}), key).await
    }

    /// Begins to add one.
    pub async fn create_setup_intent(&self, parameters: Value, key: &str) -> Answer<SetupIntent> {
        self.change("/v1/setup_intents".to_owned(), parameters, key).await
    }

    /// One that is being added.
    pub async fn setup_intent(&self, id: &str) -> Answer<SetupIntent> {
        self.one("setup_intents", id).await
    }

    /// Pays, or begins to.
    pub async fn create_payment_intent(&self, parameters: Value, key: &str) -> Answer<PaymentIntent> {
        self.change("/v1/payment_intents".to_owned(), parameters, key)
            .await
    }

    /// A payment.
    pub async fn payment_intent(&self, id: &str) -> Answer<PaymentIntent> {
        self.one("payment_intents", id).await
    }

    /// Calls a payment off that has not been made.
    pub async fn cancel_payment_intent(&self, id: &str, key: &str) -> Answer<PaymentIntent> {
        let path = format!("/v1/payment_intents/{}/cancel", segment(id)?);
        self.change(path, json!({}), key).await
    }

    /// A page of payments made between two times, in seconds, of one customer or of all.
    pub async fn payment_intents(
        &self,
        customer: Option<&str>,
        since: i64,
        until: i64,
        after: Option<&str>,
    ) -> Answer<List<PaymentIntent>> {
        let mut parameters = between(since, until);
        parameters["customer"] = json!(customer);
        self.page("payment_intents", parameters, after).await
    }

    /// Payments by what we wrote into their metadata. Stripe's index lags a minute behind, so finding nothing says nothing.
    pub async fn search_payment_intents(&self, member: &str, value: &str) -> Answer<List<PaymentIntent>> {
        let query = format!("metadata[\"{member}\"]:\"{}\"", segment(value)?);
        let path = "/v1/payment_intents/search".to_owned();
        self.read(path, json!({"query": query, "limit": PAGE})).await
    }

    /// A charge.
    pub async fn charge(&self, id: &str) -> Answer<Charge> {
        self.one("charges", id).await
    }

    /// A page of charges made between two times, in seconds.
    pub async fn charges(&self, since: i64, until: i64, after: Option<&str>) -> Answer<List<Charge>> {
        self.page("charges", between(since, until), after).await
    }

    /// Sends money back.
    pub async fn create_refund(&self, parameters: Value, key: &str) -> Answer<Refund> {
        self.change("/v1/refunds".to_owned(), parameters, key).await
    }

    /// A refund.
    pub async fn refund(&self, id: &str) -> Answer<Refund> {
        self.one("refunds", id).await
    }

    /// A page of a payment's refunds.
    pub async fn refunds_of(&self, payment_intent: &str, after: Option<&str>) -> Answer<List<Refund>> {
        self.page("refunds", json!({"payment_intent": payment_intent}), after)
            .await
    }

    /// A page of refunds made between two times, in seconds.
    pub async fn refunds(&self, since: i64, until: i64, after: Option<&str>) -> Answer<List<Refund>> {
        self.page("refunds", between(since, until), after).await
    }

    /// A dispute.
    pub async fn dispute(&self, id: &str) -> Answer<Dispute> {
        self.one("disputes", id).await
    }

    /// A page of disputes made between two times, in seconds.
    pub async fn disputes(&self, since: i64, until: i64, after: Option<&str>) -> Answer<List<Dispute>> {
        self.page("disputes", between(since, until), after).await
    }

    /// Makes a page of Stripe's to pay or to add a method at.
    pub async fn create_checkout_session(&self, parameters: Value, key: &str) -> Answer<CheckoutSession> {
        self.change("/v1/checkout/sessions".to_owned(), parameters, key)
            .await
    }

    /// Such a page.
    pub async fn checkout_session(&self, id: &str) -> Answer<CheckoutSession> {
        self.one("checkout/sessions", id).await
    }

    /// Makes a page of Stripe's for a customer.
    pub async fn create_portal_session(&self, parameters: Value, key: &str) -> Answer<PortalSession> {
        self.change("/v1/billing_portal/sessions".to_owned(), parameters, key)
            .await
    }

    /// A subscription that somebody made at Stripe.
    pub async fn subscription(&self, id: &str) -> Answer<Foreign> {
        self.one("subscriptions", id).await
    }

    /// An invoice that somebody made at Stripe.
    pub async fn invoice(&self, id: &str) -> Answer<Foreign> {
        self.one("invoices", id).await
    }

    /// What tax falls due.
    pub async fn calculate_tax(&self, parameters: Value, key: &str) -> Answer<TaxCalculation> {
        self.change("/v1/tax/calculations".to_owned(), parameters, key)
            .await
    }

    /// An event, as Stripe has it.
    pub async fn event(&self, id: &str) -> Answer<Event> {
        self.one("events", id).await
    }

    /// Whether the key is accepted.
    pub async fn probe(&self) -> Result<(), Failure> {
        self.read::<List<Value>>("/v1/customers".to_owned(), json!({"limit": 1}))
            .await
            .map(drop)
    }
}

fn between(since: i64, until: i64) -> Value {
    json!({"created": {"gte": since, "lt": until}})
}
