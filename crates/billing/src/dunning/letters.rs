//! What whoever has to pay is written, in his language and in the seller's name. A letter is queued in the transaction of
//! what it tells: it is sent if that happens, and once.

use isolation::ControlTx;
use kernel::Timestamp;
use mail::{Draft, Mailbox, Subject};
use pricing::catalogue::TrialEnd;
use url::Url;

use super::actions::Taken;
use super::steps::Setback;
use super::words::{self, Facts};
use crate::accounts::BillingAccount;
use crate::invoices::Invoice;
use crate::rendering::Language;
use crate::subscriptions::Subscription;
use crate::terms::Terms;

/// How letters about money leave.
#[derive(Debug, Clone)]
pub struct Letters {
    /// Whom they are from; under the seller's name where this has none.
    pub from: Mailbox,
    /// The page where somebody pays, or adds a method to pay with.
    pub payment_page: Option<Url>,
}

impl Default for Letters {
    /// From nobody whom an answer would reach, to no page.
    fn default() -> Self {
        Self {
            from: Mailbox::new(None, "billing@localhost").expect("an address"),
            payment_page: None,
        }
    }
}

impl Letters {
    /// The page, told which invoice it is about.
    fn page(&self, invoice: Option<&Invoice>) -> Option<String> {
        let mut page = self.payment_page.clone()?;
        if let Some(invoice) = invoice {
            page.query_pairs_mut()
                .append_pair("invoice", &invoice.id.to_string());
        }
        Some(page.into())
    }
}

/// What is told.
#[derive(Debug, Clone)]
pub(super) enum Letter {
    /// A try came to nothing, and when the next one is.
    Missed {
        setback: Setback,
        next: Option<Timestamp>,
    },
    /// Everything was tried, and what follows.
    Exhausted(Taken),
}

/// Writes about an invoice to whoever has to pay it.
pub(super) async fn write(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    invoice: &Invoice,
    letter: &Letter,
) -> Result<(), sqlx::Error> {
    let language = Language::of_locale(&account.locale);
    let facts = Facts {
        invoice: invoice.number.as_deref().unwrap_or_default(),
        due: language.money(invoice.due),
        page: terms.letters.page(Some(invoice)),
    };
    let day = |at: Timestamp| language.date(account.time_zone.day_of(at));
    let (subject, text) = match letter {
        Letter::Missed { setback, next } => words::missed(language, &facts, setback, next.map(day)),
        Letter::Exhausted(taken) => words::exhausted(language, &facts, *taken),
    };
    send(tx, terms, account, language, (subject, text)).await
}

/// Writes that a trial ends, and what follows it.
pub(crate) async fn trial_ends(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    subscription: &Subscription,
    (ends_at, follows): (Timestamp, TrialEnd),
) -> Result<(), sqlx::Error> {
    let language = Language::of_locale(&account.locale);
    let day = language.date(account.time_zone.day_of(ends_at));
    let plan = &subscription.plan.plan().name;
    let written = words::trial_ends(
        language,
        (plan, &day),
        follows,
        terms.letters.page(None).as_deref(),
    );
    send(tx, terms, account, language, written).await
}

async fn send(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    language: Language,
    (subject, text): (String, String),
) -> Result<(), sqlx::Error> {
    let Some(address) = &account.email else {
        tracing::warn!(tenant = %account.tenant_id, "nobody can be written to about a bill: the account has no address");
        return Ok(());
    };
    let seller = &terms.seller.party.name;
    let from = &terms.letters.from;
    let from = from.name().map_or_else(
        || Mailbox::new(Some(seller), from.address()).unwrap_or_else(|_| from.clone()),
        |_| from.clone(),
    );
    let to = Mailbox::new(Some(&account.name), address).or_else(|_| Mailbox::new(None, address));
    let (Ok(to), Ok(subject)) = (to, subject.parse::<Subject>()) else {
        tracing::warn!(tenant = %account.tenant_id, "nobody can be written to about a bill: the address is none");
        return Ok(());
    };
    let draft = Draft {
        tenant: Some(account.tenant_id),
        from,
        to,
        subject,
        text: words::letter(language, &account.name, &text, seller),
    };
    mail::delivery::queue(tx, draft).await.map(drop)
}
