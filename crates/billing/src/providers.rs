//! The seam to whoever collects money: nobody (the ledger: manual payments and bank transfers), or Stripe.
//!
//! Invariants: an operation that moves money is asked for with the idempotency key of something that was committed
//! before; a [`Failure`] says whether anything may have happened, and only [`Failure::Unknown`] leaves that open. What a
//! provider calls a thing is its `reference`.
//!
//! What may not enter: tables, and what a payment means to an invoice.

mod failure;
pub mod ledger;
mod model;
mod provider;

pub use failure::{Decline, Failure};
pub use model::{
    Charge, ChargeOrder, CheckoutLink, CheckoutOrder, Contact, Customer, MethodDetails, Outcome,
    ProviderKind, RefundOrder, RefundState, RefundStatus, Setup, TaxAnswer, TaxLine, TaxQuestion,
};
pub use provider::Provider;
