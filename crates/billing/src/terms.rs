//! The terms on which this installation bills: who sells, what it costs, how tax and time are reckoned, who collects.

use std::sync::Arc;
use std::time::Duration;

use pricing::catalogue::Catalogue;
use pricing::tax::{Place, RateTable, TaxBehaviour};
use pricing::{Alignment, Currency, ProrationMode};

use crate::accounts::Address;
use crate::dunning::Letters;
use crate::invoices::Party;
use crate::providers::Provider;

/// The terms. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Terms(Arc<Inner>);

/// What they say.
#[derive(Debug, Clone)]
pub struct Inner {
    /// Who sells.
    pub seller: Seller,
    /// What it costs.
    pub catalogue: Catalogue,
    /// What tax there is where.
    pub rates: RateTable,
    /// Whether prices have the tax in them.
    pub tax_behaviour: TaxBehaviour,
    /// How parts of periods are measured.
    pub proration: ProrationMode,
    /// On which days periods begin.
    pub alignment: Alignment,
    /// What accounts pay in that say nothing else.
    pub currency: Currency,
    /// How long a draft waits for usage that comes late.
    pub grace: Duration,
    /// Days from an invoice to the day on which it is due.
    pub payment_days: u16,
    /// Who collects from accounts that are made from now on.
    pub provider: Provider,
    /// How letters about money leave.
    pub letters: Letters,
}

/// Who sells, as invoices say it.
#[derive(Debug, Clone)]
pub struct Seller {
    /// The short name under which documents are numbered.
    pub legal_entity: String,
    /// What invoices say.
    pub party: Party,
    /// What tax follows from.
    pub tax: pricing::tax::Seller,
    /// What the numbers of invoices begin with.
    pub invoice_prefix: String,
    /// And those of credit notes.
    pub credit_note_prefix: String,
}

impl Default for Inner {
    /// The catalogue that comes with the program, sold by nobody in particular, without a provider.
    fn default() -> Self {
        let place: Place = "US".parse().expect("a country");
        Self {
            seller: Seller {
                legal_entity: "default".to_owned(),
                party: Party {
                    name: "Tenantry".to_owned(),
                    email: None,
                    address: Address {
                        country: Some("US".to_owned()),
                        ..Address::default()
                    },
                    tax_number: None,
                },
                tax: pricing::tax::Seller {
                    place,
                    registrations: Vec::new(),
                    one_stop_shop: false,
                },
                invoice_prefix: "INV-".to_owned(),
                credit_note_prefix: "CN-".to_owned(),
            },
            catalogue: pricing::catalogue::catalogue().clone(),
            rates: pricing::tax::rates().clone(),
            tax_behaviour: TaxBehaviour::default(),
            proration: ProrationMode::default(),
            alignment: Alignment::default(),
            currency: Currency::USD,
            grace: Duration::from_hours(1),
            payment_days: 14,
            provider: Provider::Ledger,
            letters: Letters::default(),
        }
    }
}

impl Terms {
    /// These terms.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for Terms {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
