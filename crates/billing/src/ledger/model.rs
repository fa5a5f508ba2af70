//! Accounts and entries: pure.

use std::collections::BTreeMap;

use kernel::{Entity, Id, Timestamp};
use pricing::{Currency, Money, MoneyError};
use serde::Serialize;
use uuid::Uuid;

/// Marker of entries.
#[derive(Debug)]
pub enum LedgerEntity {}
impl Entity for LedgerEntity {
    const PREFIX: &'static str = "entry";
}
/// An entry's identifier.
pub type LedgerEntryId = Id<LedgerEntity>;

macro_rules! names {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[sqlx(type_name = "text", rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant),* }
        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The stable name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $word),* } }
            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.name() == name)
            }
        }
    };
}

names! {
    /// What money is booked to.
    Account {
        /// What customers owe for invoices.
        Receivable = "receivable",
        /// What came in.
        Cash = "cash",
        /// What was earned.
        Revenue = "revenue",
        /// What is owed to tax offices.
        TaxPayable = "tax_payable",
        /// What customers have to spend, or owe from before.
        CustomerBalance = "customer_balance",
        /// What is to go back.
        Refunds = "refunds",
        /// What is not expected any more.
        WriteOff = "write_off",
        /// What is contested at payers' banks.
        Disputes = "disputes",
        /// What providers keep.
        Fees = "fees",
    }
}

names! {
    /// What an entry records.
    Cause {
        /// An invoice became final.
        Invoice = "invoice",
        /// A credit note was issued.
        CreditNote = "credit_note",
        /// A payment came.
        Payment = "payment",
        /// Money of the customer's balance is to go back.
        RefundRequested = "refund_requested",
        /// Money went back.
        RefundPaid = "refund_paid",
        /// Money could not go back, and became balance.
        RefundFailed = "refund_failed",
        /// An invoice was written off.
        WriteOff = "write_off",
        /// An invoice that was written off is expected again, because a payment came.
        WriteOffUndone = "write_off_undone",
        /// The customer's balance was changed by a person.
        BalanceAdjustment = "balance_adjustment",
        /// A payer contests a payment: its money is gone for now.
        DisputeOpened = "dispute_opened",
        /// He does not any more.
        DisputeWon = "dispute_won",
        /// His bank was convinced.
        DisputeLost = "dispute_lost",
        /// A provider kept a fee.
        Fee = "fee",
    }
}

/// An entry before it is recorded. It is made of transfers, so it sums to zero whatever is put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) cause: Cause,
    pub(super) cause_id: Uuid,
    pub(super) occurrence: i64,
    pub(super) currency: Currency,
    postings: BTreeMap<Account, i64>,
}

impl Entry {
    /// An entry that records this, with nothing in it yet.
    pub fn of<T: Entity>(cause: Cause, id: Id<T>, currency: Currency) -> Self {
        Self {
            cause,
            cause_id: id.uuid(),
            occurrence: 0,
            currency,
            postings: BTreeMap::new(),
        }
    }

    /// Of what can happen to the same thing more than once: which time it is.
    #[must_use]
    pub const fn occurrence(mut self, number: i64) -> Self {
        self.occurrence = number;
        self
    }

    /// Moves an amount: one account is debited and the other credited; of a negative amount the other way round.
    pub fn transfer(mut self, amount: Money, debit: Account, credit: Account) -> Result<Self, MoneyError> {
        amount.same_currency(Money::zero(self.currency))?;
        let minus = amount.checked_neg()?.amount;
        for (account, change) in [(debit, amount.amount), (credit, minus)] {
            let posting = self.postings.entry(account).or_default();
            *posting = posting.checked_add(change).ok_or(MoneyError::Overflow)?;
        }
        Ok(self)
    }

    /// What is booked: nothing where all transfers cancel each other out.
    pub(super) fn postings(&self) -> impl Iterator<Item = (Account, i64)> {
        self.postings
            .iter()
            .filter(|(_, amount)| **amount != 0)
            .map(|(account, amount)| (*account, *amount))
    }
}

/// One side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Posting {
    /// Where it is booked.
    pub account: Account,
    /// Debit is positive, credit negative.
    pub money: Money,
}

/// An entry as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// Which one.
    pub id: LedgerEntryId,
    /// What it records.
    pub cause: Cause,
    /// When that happened, by billing's time.
    pub at: Timestamp,
    /// Both sides.
    pub postings: Vec<Posting>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Seams;
    use proptest::prelude::*;

    fn entry() -> Entry {
        Entry::of::<LedgerEntity>(Cause::Invoice, Seams::real().new_id(), Currency::EUR)
    }

    fn account() -> impl Strategy<Value = Account> {
        prop::sample::select(Account::ALL)
    }

    proptest! {
        #[test]
        fn whatever_is_transferred_the_entry_sums_to_zero(
            transfers in prop::collection::vec((any::<i32>(), account(), account()), 0..20)
        ) {
            let entry = transfers.into_iter().try_fold(entry(), |entry, (amount, debit, credit)| {
                entry.transfer(Money::new(amount.into(), Currency::EUR), debit, credit)
            });
            let entry = entry.expect("small amounts fit");
            prop_assert_eq!(entry.postings().map(|(_, amount)| amount).sum::<i64>(), 0);
            prop_assert_ne!(entry.postings().count(), 1);
        }
    }

    #[test]
    fn other_currencies_and_too_much_are_refused() {
        let money = |amount, currency| Money::new(amount, currency);
        let moved = |amount: Money| entry().transfer(amount, Account::Cash, Account::Revenue);
        assert_eq!(
            moved(money(1, Currency::USD)),
            Err(MoneyError::CurrencyMismatch(Currency::USD, Currency::EUR))
        );
        assert_eq!(moved(money(i64::MIN, Currency::EUR)), Err(MoneyError::Overflow));
        let much = moved(money(i64::MAX, Currency::EUR)).expect("it fits");
        let more = much.transfer(money(1, Currency::EUR), Account::Cash, Account::Revenue);
        assert_eq!(more, Err(MoneyError::Overflow));
    }
}
