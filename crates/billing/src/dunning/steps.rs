//! One step of a case: it is tried again, or a try came to nothing and something follows. The account is locked.

use audit::{Event, EventType};
use isolation::ControlTx;
use kernel::Timestamp;
use pricing::catalogue::Dunning;

use super::actions::{self, Taken};
use super::error::DunningError;
use super::letters::{self, Letter};
use super::model::{Case, CaseStatus, Next};
use super::sql;
use crate::accounts::BillingAccount;
use crate::invoices::{Invoice, InvoiceStatus};
use crate::payments::attempts::{self, Attempt, AttemptStatus, Order};
use crate::payments::methods;
use crate::providers::ProviderKind;
use crate::subscriptions;
use crate::terms::Terms;

/// What a step is taken with.
pub(super) struct Place<'a> {
    pub(super) terms: &'a Terms,
    pub(super) account: &'a BillingAccount,
    pub(super) now: Timestamp,
}

/// What a try came to.
#[derive(Debug, Clone)]
pub(super) enum Setback {
    /// The method was refused, perhaps for good.
    Refused { reason: Option<String>, is_final: bool },
    /// The payer has to confirm.
    NeedsConfirmation,
    /// Nothing came, and nothing can be charged.
    NothingCame,
}

/// Whether anything of the invoice is to be paid.
pub(super) fn is_owed(invoice: &Invoice) -> bool {
    invoice.status == InvoiceStatus::Open && invoice.due.is_positive()
}

/// Everything that is due of it.
pub(super) fn order_of(invoice: &Invoice) -> Order {
    Order {
        tenant: invoice.tenant_id,
        invoice: invoice.id,
        amount: invoice.due,
        description: format!("Invoice {}", invoice.number.as_deref().unwrap_or_default()),
    }
}

/// The invoice's attempt that is open.
pub(super) async fn open_attempt(tx: &mut ControlTx, case: &Case) -> Result<Option<Attempt>, sqlx::Error> {
    let all = attempts::of_invoice(tx, case.tenant_id, case.invoice_id).await?;
    Ok(all.into_iter().find(|attempt| attempt.status.is_open()))
}

impl Place<'_> {
    /// Its time has come: it is tried, or waited for what is under way.
    pub(super) async fn try_again(
        &self,
        tx: &mut ControlTx,
        case: Case,
        invoice: &Invoice,
    ) -> Result<(), DunningError> {
        let open = open_attempt(tx, &case).await?;
        let waits = open
            .as_ref()
            .filter(|attempt| attempt.status != AttemptStatus::RequiresAction);
        if let Some(attempt) = waits {
            // Whoever began it, its end decides about this try.
            let case = if case.awaited == Some(attempt.id) {
                case
            } else {
                case.tried()
            };
            return Ok(sql::save(tx, &case.awaiting(attempt.id, self.now)).await?);
        }
        if case.awaited.is_some() && open.is_none() {
            let lost = Setback::Refused {
                reason: None,
                is_final: false,
            };
            return self.missed(tx, case, invoice, lost).await;
        }
        let case = case.tried();
        if open.is_some() {
            return self.missed(tx, case, invoice, Setback::NeedsConfirmation).await;
        }
        match self.charge(tx, &case, invoice).await? {
            Some(attempt) => Ok(sql::save(tx, &case.awaiting(attempt.id, self.now)).await?),
            None => self.missed(tx, case, invoice, Setback::NothingCame).await,
        }
    }

    /// Charges what is due to the default method, unless that was refused for good or there is none. No attempt is open.
    pub(super) async fn charge(
        &self,
        tx: &mut ControlTx,
        case: &Case,
        invoice: &Invoice,
    ) -> Result<Option<Attempt>, DunningError> {
        let provider = self.account.provider;
        if provider == ProviderKind::Ledger {
            return Ok(None);
        }
        let method = methods::default(tx, provider, case.tenant_id).await?;
        if method.is_none_or(|method| Some(method.id) == case.refused_method) {
            return Ok(None);
        }
        match attempts::collect(tx, provider, order_of(invoice)).await {
            Ok(attempt) => Ok(Some(attempt)),
            Err(attempts::CollectError::Uncollectible | attempts::CollectError::NoMethod) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// A try came to nothing: the subscription is past due, and the next one is set, or the final action taken.
    pub(super) async fn missed(
        &self,
        tx: &mut ControlTx,
        case: Case,
        invoice: &Invoice,
        setback: Setback,
    ) -> Result<(), DunningError> {
        if case.status == CaseStatus::Exhausted {
            // Something more was tried after everything was.
            sql::save(
                tx,
                &Case {
                    awaited: None,
                    next_at: None,
                    ..case
                },
            )
            .await?;
            return self
                .write(tx, invoice, Letter::Missed { setback, next: None })
                .await;
        }
        let is_for_subscription = self.is_for_subscription(tx, invoice).await?;
        if is_for_subscription {
            subscriptions::mark_past_due(tx, self.terms, case.tenant_id).await?;
        }
        let (case, next) = case.missed(&self.account.time_zone, self.now)?;
        sql::save(tx, &case).await?;
        let letter = match next {
            Next::Retry(next) => Letter::Missed {
                setback,
                next: Some(next),
            },
            Next::Final if is_for_subscription => {
                Letter::Exhausted(actions::take(tx, self, case.final_action).await?)
            }
            Next::Final => Letter::Exhausted(Taken::Nothing),
        };
        self.tell(tx, &case, next).await?;
        self.write(tx, invoice, letter).await
    }

    /// Whether the invoice is for the subscription that the tenant has now.
    async fn is_for_subscription(&self, tx: &mut ControlTx, invoice: &Invoice) -> Result<bool, sqlx::Error> {
        let live = subscriptions::live(tx, invoice.tenant_id).await?;
        Ok(live.is_some_and(|live| invoice.subscription_id == Some(live.id)))
    }

    pub(super) async fn write(
        &self,
        tx: &mut ControlTx,
        invoice: &Invoice,
        letter: Letter,
    ) -> Result<(), DunningError> {
        Ok(letters::write(tx, self.terms, self.account, invoice, &letter).await?)
    }

    async fn tell(&self, tx: &mut ControlTx, case: &Case, next: Next) -> Result<(), sqlx::Error> {
        let event = Event::new(EventType::DunningStep)
            .of_tenant(case.tenant_id)
            .resource(case.invoice_id, None)
            .meta("tries", i64::from(case.tries));
        let event = match next {
            Next::Retry(at) => event.meta("nextAt", at),
            Next::Final => event.meta("finalAction", sql::action(case.final_action)),
        };
        audit::record(tx, event).await
    }
}

/// How an invoice's plan has it collected: the plan that its tenant is on, at the edition of its subscription.
pub(super) async fn schedule(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: kernel::TenantId,
) -> Result<Dunning, sqlx::Error> {
    let live = subscriptions::live(tx, tenant).await?;
    let known = live.and_then(|subscription| {
        let edition = terms.catalogue.edition(subscription.edition)?;
        Some(edition.plan(subscription.plan.name())?.dunning.clone())
    });
    let first = || {
        terms
            .catalogue
            .latest()
            .plans
            .first()
            .map(|plan| plan.dunning.clone())
    };
    Ok(known.or_else(first).unwrap_or_default())
}
