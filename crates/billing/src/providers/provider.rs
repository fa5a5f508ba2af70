//! The seam itself: one function an operation, for either kind.

use super::failure::Failure;
use super::model::{
    Charge, ChargeOrder, CheckoutLink, CheckoutOrder, Contact, Customer, MethodDetails, ProviderKind,
    RefundOrder, RefundState, Setup, TaxAnswer, TaxQuestion,
};
use crate::stripe::{self, provider as theirs};

type Answer<T> = Result<T, Failure>;

/// Whoever collects money for this installation. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Nobody: payments are recorded by hand.
    Ledger,
    /// Stripe.
    Stripe(stripe::Client),
}

impl Provider {
    /// Which it is.
    pub const fn kind(&self) -> ProviderKind {
        match self {
            Self::Ledger => ProviderKind::Ledger,
            Self::Stripe(_) => ProviderKind::Stripe,
        }
    }

    /// The client of Stripe, where that is the provider.
    pub fn stripe(&self) -> Answer<&stripe::Client> {
        match self {
            Self::Ledger => Err(Failure::Unsupported),
            Self::Stripe(client) => Ok(client),
        }
    }

    /// Makes a customer.
    pub async fn create_customer(&self, contact: &Contact, key: &str) -> Answer<Customer> {
        theirs::create_customer(self.stripe()?, contact, key).await
    }

    /// What the customer can pay with, and what is charged by default.
    pub async fn methods(&self, customer: &str) -> Answer<Vec<MethodDetails>> {
        theirs::methods(self.stripe()?, customer).await
    }

    /// Has the provider forget a customer, and all that he can pay with. One that it does not have is forgotten already.
    pub async fn delete_customer(&self, customer: &str) -> Answer<()> {
        theirs::delete_customer(self.stripe()?, customer).await
    }

    /// The customer as the provider has it.
    pub async fn customer(&self, customer: &str) -> Answer<Customer> {
        theirs::customer(self.stripe()?, customer).await
    }

    /// Something to pay with.
    pub async fn method(&self, method: &str) -> Answer<MethodDetails> {
        theirs::method(self.stripe()?, method).await
    }

    /// Gives it to the customer.
    pub async fn attach(&self, customer: &str, method: &str, key: &str) -> Answer<MethodDetails> {
        theirs::attach(self.stripe()?, customer, method, key).await
    }

    /// Takes it from its customer; what is gone already is gone.
    pub async fn detach(&self, method: &str, key: &str) -> Answer<()> {
        theirs::detach(self.stripe()?, method, key).await
    }

    /// Has the customer's payments taken from it.
    pub async fn set_default(&self, customer: &str, method: &str, key: &str) -> Answer<()> {
        theirs::set_default(self.stripe()?, customer, method, key).await
    }

    /// Begins to add a method in the payer's browser.
    pub async fn set_up(&self, customer: &str, tenant: &str, key: &str) -> Answer<Setup> {
        theirs::set_up(self.stripe()?, customer, tenant, key).await
    }

    /// Charges without the payer being there.
    pub async fn charge(&self, order: &ChargeOrder) -> Answer<Charge> {
        theirs::charge(self.stripe()?, order).await
    }

    /// Looks for the charge of an order whose outcome is not known; none where the provider never got it.
    pub async fn find_charge(&self, order: &ChargeOrder) -> Answer<Option<Charge>> {
        theirs::find_charge(self.stripe()?, order).await
    }

    /// Where a charge stands now.
    pub async fn charge_state(&self, reference: &str) -> Answer<Charge> {
        theirs::charge_state(self.stripe()?, reference).await
    }

    /// What lets the payer's browser confirm a charge that waits for him.
    pub async fn confirmation(&self, reference: &str) -> Answer<Setup> {
        theirs::confirmation(self.stripe()?, reference).await
    }

    /// Calls a charge off that was not made.
    pub async fn cancel_charge(&self, reference: &str, key: &str) -> Answer<Charge> {
        theirs::cancel_charge(self.stripe()?, reference, key).await
    }

    /// Sends money back.
    pub async fn refund(&self, order: &RefundOrder) -> Answer<RefundState> {
        theirs::refund(self.stripe()?, order).await
    }

    /// Looks for the refund of an order whose outcome is not known; none where the provider never got it.
    pub async fn find_refund(&self, order: &RefundOrder) -> Answer<Option<RefundState>> {
        theirs::find_refund(self.stripe()?, order).await
    }

    /// Where a refund stands now.
    pub async fn refund_state(&self, reference: &str) -> Answer<RefundState> {
        theirs::refund_state(self.stripe()?, reference).await
    }

    /// A page of the provider's to add a method at.
    pub async fn checkout(&self, order: &CheckoutOrder) -> Answer<CheckoutLink> {
        theirs::checkout(self.stripe()?, order).await
    }

    /// A page of the provider's for what the customer may do himself.
    pub async fn portal(&self, customer: &str, return_url: &str, key: &str) -> Answer<CheckoutLink> {
        theirs::portal(self.stripe()?, customer, return_url, key).await
    }

    /// What tax falls due, where the provider knows; it does not for the ledger, which has a table of its own.
    pub async fn tax(&self, question: &TaxQuestion, key: &str) -> Answer<TaxAnswer> {
        theirs::tax(self.stripe()?, question, key).await
    }
}
