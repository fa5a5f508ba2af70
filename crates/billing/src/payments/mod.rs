//! Collecting: what tenants pay with, attempts to be paid, refunds, disputes, and what the provider tells of them.
//!
//! - [`attempts`]: one charge of one invoice, from before the provider is asked until its end is known.
//! - [`refunds`]: the same for money that goes back. [`disputes`]: what payers contest.
//! - [`methods`]: what a tenant can pay with. [`customers`]: who it is at the provider. [`links`]: the provider's pages.
//! - [`inbox`]: the provider's webhooks, each stored once and applied once.
//! - [`by_hand`]: what operators do to final invoices.
//! - [`effects`]: what each of these means to invoices and subscriptions.
//!
//! Invariants: what moves money is committed with its idempotency key before the provider hears of it ([`attempts`],
//! [`refunds`], module `calls` for everything else), and an outcome that is not known is looked up, never asked for again under
//! another key. An invoice has one open attempt at most. What the provider said when overwrites only what it said before
//! (module `freshness`). An effect is part of the transaction that writes its cause down.
//!
//! What may not enter: what is owed and why (invoices), whether to try again (dunning).

pub mod attempts;
pub mod by_hand;
mod calls;
pub mod customers;
pub mod disputes;
pub mod effects;
mod freshness;
pub mod inbox;
pub mod links;
pub mod methods;
pub mod refunds;
mod sweep;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use isolation::{Databases, PlatformCtx};
use jobs::Handlers;
use jobs::schedule::Schedule;

use crate::providers::{Failure, Provider};
use crate::stripe::Secrets;
use crate::{Terms, dunning, reconciliation};

/// What collecting stands on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Payments(Arc<Means>);

#[derive(Debug)]
struct Means {
    terms: Terms,
    webhook_secrets: Secrets,
    databases: Databases,
}

/// An operation that asks the provider did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// The provider did not do it.
    #[error(transparent)]
    Provider(#[from] Failure),
    /// The database did not.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Payments {
    /// Collecting on these terms, by their provider, whose webhooks are signed with these secrets.
    pub fn new(databases: Databases, terms: Terms, webhook_secrets: Secrets) -> Self {
        Self(Arc::new(Means {
            terms,
            webhook_secrets,
            databases,
        }))
    }

    /// Who collects.
    pub fn provider(&self) -> &Provider {
        &self.0.terms.provider
    }

    /// On which terms is billed.
    pub fn terms(&self) -> &Terms {
        &self.0.terms
    }

    fn secrets(&self) -> &Secrets {
        &self.0.webhook_secrets
    }

    /// The product itself, writing down what it asked the provider.
    fn system(&self) -> PlatformCtx {
        self.0.databases.system("billing")
    }

    /// With the jobs of this room.
    #[must_use]
    pub fn handlers(&self, handlers: Handlers) -> Handlers {
        let handlers = attempts::handlers(self, handlers);
        let handlers = refunds::handlers(self, handlers);
        let handlers = inbox::handlers(self, handlers);
        let handlers = customers::handlers(self, handlers);
        let handlers = dunning::handlers(self, handlers);
        reconciliation::handlers(self, handlers)
    }

    /// With what recurs in this room.
    #[must_use]
    pub fn scheduled(&self, schedule: Schedule) -> Schedule {
        let schedule = sweep::scheduled(schedule);
        reconciliation::scheduled(self, schedule)
    }
}
