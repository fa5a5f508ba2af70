//! Going through both books.

use std::collections::{HashMap, HashSet};

use isolation::PlatformCtx;
use kernel::Timestamp;

use super::compare::{Theirs, compare, missing_here, missing_there, payments_agree, refunded, refunds_agree};
use super::model::{Difference, DifferenceKind, ObjectKind, ReconciliationId};
use super::sql;
use crate::payments::{Payments, PaymentsError};
use crate::providers::{Failure, Outcome};
use crate::stripe::provider::{ATTEMPT, REFUND, TENANT, charge_of, refund_of};
use crate::stripe::{Client, objects};

/// One comparison under way.
pub(super) struct Run<'a> {
    pub(super) ctx: &'a PlatformCtx,
    pub(super) payments: &'a Payments,
    pub(super) id: ReconciliationId,
    pub(super) between: (Timestamp, Timestamp),
}

/// Goes through every page of a list.
macro_rules! pages {
    ($run:ident, $client:ident, $list:ident, |$page:ident| $work:expr) => {{
        let mut after: Option<String> = None;
        loop {
            let (since, until) = $run.seconds();
            let list = $client.$list(since, until, after.as_deref()).await?.object;
            after = list.data.last().map(|object| object.id.clone());
            let (more, $page) = (list.has_more, list.data);
            $work;
            if !more || after.is_none() {
                break;
            }
        }
    }};
}

impl Run<'_> {
    pub(super) async fn whole(&self) -> Result<(), PaymentsError> {
        let client = self.payments.provider().stripe()?;
        let payments = self.payments(client).await?;
        self.unlisted_payments(client, &payments).await?;
        let refunds = self.refunds(client).await?;
        self.unlisted_refunds(client, &refunds).await?;
        pages!(self, client, charges, |page| self.charges(page).await?);
        pages!(self, client, disputes, |page| self.disputes(page).await?);
        pages!(self, client, customers, |page| self.customers(page).await?);
        Ok(())
    }

    fn seconds(&self) -> (i64, i64) {
        let seconds = |at: Timestamp| at.as_micros().div_euclid(1_000_000);
        (seconds(self.between.0), seconds(self.between.1))
    }

    async fn add(&self, compared: usize, differences: &[Difference]) -> Result<(), sqlx::Error> {
        let mut tx = self.ctx.control().await?;
        sql::add(
            &mut tx,
            self.id,
            i64::try_from(compared).unwrap_or(i64::MAX),
            differences,
        )
        .await?;
        tx.commit().await
    }

    async fn payments(&self, client: &Client) -> Result<HashSet<String>, PaymentsError> {
        let mut listed = HashSet::new();
        let (since, until) = self.seconds();
        let mut after: Option<String> = None;
        loop {
            let page = client
                .payment_intents(None, since, until, after.as_deref())
                .await?
                .object;
            after = page.data.last().map(|intent| intent.id.clone());
            listed.extend(page.data.iter().map(|intent| intent.id.clone()));
            self.payments_page(page.data).await?;
            if !page.has_more || after.is_none() {
                return Ok(listed);
            }
        }
    }

    async fn payments_page(&self, page: Vec<objects::PaymentIntent>) -> Result<(), sqlx::Error> {
        let references: Vec<String> = page.iter().map(|intent| intent.id.clone()).collect();
        let ids: Vec<_> = page
            .iter()
            .filter_map(|intent| intent.metadata.get(ATTEMPT)?.parse().ok())
            .collect();
        let mut tx = self.ctx.control().await?;
        let ours = sql::attempts(&mut tx, &references, &ids).await?;
        drop(tx);
        let (count, mut differences) = (page.len(), Vec::new());
        for intent in page {
            let named = intent.metadata.get(ATTEMPT).cloned();
            let theirs = theirs(&intent);
            let is_it = |reference: Option<&String>, id: &String| {
                reference == Some(&theirs.reference) || reference.is_none() && Some(id) == named.as_ref()
            };
            match ours.iter().find(|ours| is_it(ours.reference.as_ref(), &ours.id)) {
                Some(ours) => {
                    let agree = (payments_agree(ours.status, &theirs.status), ours.status.name());
                    differences.extend(compare(ObjectKind::Payment, ours, &theirs, agree));
                }
                None if theirs.status == Outcome::Succeeded => {
                    let amount = format!("{} {}", theirs.amount, theirs.currency.to_ascii_uppercase());
                    differences.push(missing_here(ObjectKind::Payment, &theirs.reference, amount));
                }
                None => {}
            }
        }
        self.add(count, &differences).await
    }

    /// What we have of this time and was on no page: made at the edge of it by another clock, or not there at all.
    async fn unlisted_payments(
        &self,
        client: &Client,
        listed: &HashSet<String>,
    ) -> Result<(), PaymentsError> {
        let mut after = None;
        loop {
            let mut tx = self.ctx.control().await?;
            let rows = sql::attempts_between(&mut tx, self.between, after).await?;
            drop(tx);
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(*last);
            for (_, ours) in rows {
                let gone = match &ours.reference {
                    Some(reference) if listed.contains(reference) => false,
                    Some(reference) => is_gone(client.payment_intent(reference).await)?,
                    None => true,
                };
                if gone {
                    self.add(1, &[missing_there(ObjectKind::Payment, &ours)]).await?;
                }
            }
        }
    }

    async fn refunds(&self, client: &Client) -> Result<HashSet<String>, PaymentsError> {
        let mut listed = HashSet::new();
        pages!(self, client, refunds, |page| {
            listed.extend(page.iter().map(|refund| refund.id.clone()));
            self.refunds_page(page).await?;
        });
        Ok(listed)
    }

    async fn refunds_page(&self, page: Vec<objects::Refund>) -> Result<(), sqlx::Error> {
        let references: Vec<String> = page.iter().map(|refund| refund.id.clone()).collect();
        let ids: Vec<_> = page
            .iter()
            .filter_map(|refund| refund.metadata.get(REFUND)?.parse().ok())
            .collect();
        let mut tx = self.ctx.control().await?;
        let ours = sql::refunds(&mut tx, &references, &ids).await?;
        drop(tx);
        let (count, mut differences) = (page.len(), Vec::new());
        for refund in page {
            let named = refund.metadata.get(REFUND).cloned();
            let theirs = Theirs {
                reference: refund.id.clone(),
                amount: refund.amount,
                currency: refund.currency.clone(),
                word: refund.status.clone().unwrap_or_default(),
                status: refund_of(refund, None).status,
            };
            let is_it = |reference: Option<&String>, id: &String| {
                reference == Some(&theirs.reference) || reference.is_none() && Some(id) == named.as_ref()
            };
            let ours = ours.iter().find(|ours| is_it(ours.reference.as_ref(), &ours.id));
            if let Some(ours) = ours {
                let agree = (refunds_agree(ours.status, theirs.status), ours.status.name());
                differences.extend(compare(ObjectKind::Refund, ours, &theirs, agree));
            } else {
                let amount = format!("{} {}", theirs.amount, theirs.currency.to_ascii_uppercase());
                differences.push(missing_here(ObjectKind::Refund, &theirs.reference, amount));
            }
        }
        self.add(count, &differences).await
    }

    async fn unlisted_refunds(&self, client: &Client, listed: &HashSet<String>) -> Result<(), PaymentsError> {
        let mut after = None;
        loop {
            let mut tx = self.ctx.control().await?;
            let rows = sql::refunds_between(&mut tx, self.between, after).await?;
            drop(tx);
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(*last);
            for (_, ours) in rows {
                let gone = match &ours.reference {
                    Some(reference) if listed.contains(reference) => false,
                    Some(reference) => is_gone(client.refund(reference).await)?,
                    None => true,
                };
                if gone {
                    self.add(1, &[missing_there(ObjectKind::Refund, &ours)]).await?;
                }
            }
        }
    }

    /// Charges are compared by what went back of them; what was taken is compared as payments.
    async fn charges(&self, page: Vec<objects::Charge>) -> Result<(), sqlx::Error> {
        let references: Vec<String> = page
            .iter()
            .filter_map(|charge| charge.payment_intent.clone())
            .collect();
        let mut tx = self.ctx.control().await?;
        let ours = sql::refunded(&mut tx, &references).await?;
        drop(tx);
        let ours: HashMap<_, _> = ours
            .into_iter()
            .filter_map(|(ours, sum)| Some((ours.reference.clone()?, (ours, sum))))
            .collect();
        let differs = |charge: &objects::Charge| {
            let (ours, sum) = ours.get(charge.payment_intent.as_ref()?)?;
            (charge.status == "succeeded")
                .then(|| refunded(ours, *sum, charge.amount_refunded))
                .flatten()
        };
        let differences: Vec<_> = page.iter().filter_map(differs).collect();
        self.add(page.len(), &differences).await
    }

    async fn disputes(&self, page: Vec<objects::Dispute>) -> Result<(), sqlx::Error> {
        let references: Vec<String> = page.iter().map(|dispute| dispute.id.clone()).collect();
        let mut tx = self.ctx.control().await?;
        let ours = sql::disputes(&mut tx, &references).await?;
        drop(tx);
        let mut differences = Vec::new();
        for dispute in &page {
            let theirs = Theirs {
                reference: dispute.id.clone(),
                amount: dispute.amount,
                currency: dispute.currency.clone(),
                status: (),
                word: dispute.status.clone(),
            };
            match ours
                .iter()
                .find(|ours| ours.reference.as_ref() == Some(&dispute.id))
            {
                Some(ours) => {
                    let agree = (ours.status == dispute.status, &*ours.status);
                    differences.extend(compare(ObjectKind::Dispute, ours, &theirs, agree));
                }
                None => differences.push(missing_here(
                    ObjectKind::Dispute,
                    &dispute.id,
                    dispute.status.clone(),
                )),
            }
        }
        self.add(page.len(), &differences).await
    }

    /// Customers that carry the name of a tenant of ours, which has another one or none.
    async fn customers(&self, page: Vec<objects::Customer>) -> Result<(), sqlx::Error> {
        let references: Vec<String> = page.iter().map(|customer| customer.id.clone()).collect();
        let mut tx = self.ctx.control().await?;
        let ours: HashMap<_, _> = sql::customers(&mut tx, &references).await?.into_iter().collect();
        drop(tx);
        let mut differences = Vec::new();
        for customer in &page {
            let Some(named) = customer.metadata.get(TENANT) else {
                continue;
            };
            match ours.get(&customer.id) {
                Some(tenant) if tenant.to_string() == *named => {}
                Some(tenant) => differences.push(Difference {
                    kind: DifferenceKind::Customer,
                    tenant_id: Some(*tenant),
                    ours: Some(tenant.to_string()),
                    ..missing_here(ObjectKind::Customer, &customer.id, named.clone())
                }),
                None => differences.push(missing_here(ObjectKind::Customer, &customer.id, named.clone())),
            }
        }
        self.add(page.len(), &differences).await
    }
}

fn theirs(intent: &objects::PaymentIntent) -> Theirs<Outcome> {
    Theirs {
        reference: intent.id.clone(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        status: charge_of(intent.clone(), None).outcome,
        word: intent.status.clone(),
    }
}

fn is_gone<T>(asked: Result<T, Failure>) -> Result<bool, Failure> {
    match asked {
        Ok(_) => Ok(false),
        Err(Failure::NotFound) => Ok(true),
        Err(failure) => Err(failure),
    }
}
