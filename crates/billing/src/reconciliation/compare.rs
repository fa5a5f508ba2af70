//! One object beside our row of it: pure.

use kernel::TenantId;
use pricing::Money;

use super::model::{Difference, DifferenceKind, ObjectKind};
use crate::payments::attempts::AttemptStatus;
use crate::providers::{Outcome, RefundStatus};
use crate::stripe::amounts;

/// What we have written down of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ours<S> {
    pub(super) id: String,
    pub(super) tenant: TenantId,
    pub(super) reference: Option<String>,
    pub(super) amount: Money,
    pub(super) status: S,
}

/// What the provider says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Theirs<S> {
    pub(super) reference: String,
    /// In the provider's units.
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: S,
    /// Its own word for where it stands.
    pub(super) word: String,
}

/// A difference in something that both have.
fn between<S>(
    object: ObjectKind,
    ours: &Ours<S>,
    kind: DifferenceKind,
    values: (String, String),
) -> Difference {
    Difference {
        kind,
        object,
        tenant_id: Some(ours.tenant),
        ours_id: Some(ours.id.clone()),
        reference: ours.reference.clone(),
        ours: Some(values.0),
        theirs: Some(values.1),
    }
}

/// Something that only the provider has.
pub(super) fn missing_here(object: ObjectKind, reference: &str, theirs: String) -> Difference {
    Difference {
        kind: DifferenceKind::MissingHere,
        object,
        tenant_id: None,
        ours_id: None,
        reference: Some(reference.to_owned()),
        ours: None,
        theirs: Some(theirs),
    }
}

/// Something that only we have.
pub(super) fn missing_there<S>(object: ObjectKind, ours: &Ours<S>) -> Difference {
    Difference {
        kind: DifferenceKind::MissingThere,
        object,
        tenant_id: Some(ours.tenant),
        ours_id: Some(ours.id.clone()),
        reference: ours.reference.clone(),
        ours: Some(ours.amount.to_string()),
        theirs: None,
    }
}

/// Everything in which both differ; `agree` says whether where it stands here goes with where it stands there.
pub(super) fn compare<A, B>(
    object: ObjectKind,
    ours: &Ours<A>,
    theirs: &Theirs<B>,
    (agree, name): (bool, &str),
) -> Vec<Difference> {
    let currency = ours.amount.currency.code();
    let mut differences = Vec::new();
    if !currency.eq_ignore_ascii_case(&theirs.currency) {
        let values = (currency.to_owned(), theirs.currency.to_ascii_uppercase());
        differences.push(between(object, ours, DifferenceKind::Currency, values));
    } else if amounts::ours(theirs.amount, currency) != ours.amount.amount {
        let values = (
            ours.amount.amount.to_string(),
            amounts::ours(theirs.amount, currency).to_string(),
        );
        differences.push(between(object, ours, DifferenceKind::Amount, values));
    }
    if !agree {
        let values = (name.to_owned(), theirs.word.clone());
        differences.push(between(object, ours, DifferenceKind::Status, values));
    }
    differences
}

/// How much of a payment went back.
pub(super) fn refunded<S>(ours: &Ours<S>, we_say: i64, they_say: i64) -> Option<Difference> {
    let they_say = amounts::ours(they_say, ours.amount.currency.code());
    let values = (we_say.to_string(), they_say.to_string());
    (we_say != they_say).then(|| between(ObjectKind::Charge, ours, DifferenceKind::Refunded, values))
}

/// Whether a payment stands where the provider says. Money decides: either both have it or nobody.
pub(super) const fn payments_agree(ours: AttemptStatus, theirs: &Outcome) -> bool {
    use AttemptStatus::{Canceled, Declined, Failed, Processing, RequiresAction, Succeeded};
    match theirs {
        Outcome::Succeeded => matches!(ours, Succeeded),
        Outcome::Processing => matches!(ours, Processing),
        Outcome::RequiresAction(_) => matches!(ours, RequiresAction | Declined | Failed),
        Outcome::Declined(_) => matches!(ours, Declined | Failed),
        Outcome::Canceled => matches!(ours, Canceled | Declined | Failed),
    }
}

/// Whether a refund stands where the provider says.
pub(super) const fn refunds_agree(ours: RefundStatus, theirs: RefundStatus) -> bool {
    ours as u8 == theirs as u8
}

#[cfg(test)]
mod tests {
    use kernel::Seams;
    use pricing::{Currency, Money};

    use super::*;

    #[test]
    fn names_what_differs_with_both_sides() {
        let ours = Ours {
            id: "payment_x".to_owned(),
            tenant: Seams::real().new_id(),
            reference: Some("pi_1".to_owned()),
            amount: Money::new(1099, Currency::USD),
            status: AttemptStatus::Declined,
        };
        let theirs = |amount, currency: &str| Theirs {
            reference: "pi_1".to_owned(),
            amount,
            currency: currency.to_owned(),
            status: Outcome::Succeeded,
            word: "succeeded".to_owned(),
        };
        let found = |theirs: &Theirs<Outcome>, agree| {
            let differences = compare(ObjectKind::Payment, &ours, theirs, (agree, "declined"));
            let shown = differences
                .into_iter()
                .map(|one| (one.kind, one.ours.expect("ours"), one.theirs.expect("theirs")));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(found(&theirs(1099, "usd"), true), []);
        let text = |kind, ours: &str, theirs: &str| (kind, ours.to_owned(), theirs.to_owned());
        assert_eq!(
            found(&theirs(999, "usd"), true),
            [text(DifferenceKind::Amount, "1099", "999")]
        );
        assert_eq!(
            found(&theirs(1099, "eur"), true),
            [text(DifferenceKind::Currency, "USD", "EUR")]
        );
        assert!(!payments_agree(ours.status, &Outcome::Succeeded));
        assert_eq!(
            found(&theirs(1099, "usd"), false),
            [text(DifferenceKind::Status, "declined", "succeeded")]
        );
    }

    #[test]
    fn only_money_on_both_sides_agrees_with_money() {
        for status in [
            AttemptStatus::Created,
            AttemptStatus::Sent,
            AttemptStatus::Unknown,
            AttemptStatus::Processing,
            AttemptStatus::RequiresAction,
            AttemptStatus::Declined,
            AttemptStatus::Canceled,
            AttemptStatus::Failed,
        ] {
            assert!(!payments_agree(status, &Outcome::Succeeded), "{status:?}");
        }
        for outcome in [
            Outcome::Processing,
            Outcome::RequiresAction(None),
            Outcome::Canceled,
        ] {
            assert!(!payments_agree(AttemptStatus::Succeeded, &outcome), "{outcome:?}");
        }
    }
}
