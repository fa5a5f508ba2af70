//! What can happen to a customer.

use proptest::prelude::*;
use tenants::BillingCycle;

use crate::subscriptions::{AddOnItem, ChangeOrder};

pub(super) const PLANS: [&str; 4] = ["free", "starter", "pro", "enterprise"];

/// What Stripe says of a dispute: `https://docs.stripe.com/api/disputes/object#dispute_object-status`.
pub(super) const STATUSES: [&str; 6] = [
    "warning_needs_response",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "warning_closed",
];

/// Something that happens to a customer. Numbers choose among what there is, and are percentages of what there is.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Subscribe {
        plan: usize,
        yearly: bool,
        coupon: bool,
        trial: u16,
    },
    Change {
        plan: Option<usize>,
        yearly: Option<bool>,
        quantity: Option<u32>,
        support: Option<bool>,
        when: u8,
    },
    Cancel {
        now: bool,
        credit: bool,
    },
    Uncancel,
    Pause,
    Resume,
    Overdue(u8),
    Bill {
        amount: i64,
    },
    Pay {
        which: usize,
        percent: i64,
    },
    Refund {
        which: usize,
        percent: i64,
        from: u8,
    },
    Settle {
        which: usize,
        paid: bool,
    },
    Credit {
        which: usize,
        percent: i64,
    },
    /// The payer's bank is at a payment: it asks, contests, and decides, and may decide otherwise later.
    Contest {
        which: usize,
        percent: i64,
        status: usize,
    },
    Void {
        which: usize,
    },
    GiveUp {
        which: usize,
    },
    Wait {
        hours: i64,
    },
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let which = 0_usize..8;
    prop_oneof![
        2 => (0_usize..4, any::<bool>(), any::<bool>(), prop_oneof![Just(0_u16), Just(3)])
            .prop_map(|(plan, yearly, coupon, trial)| Act::Subscribe { plan, yearly, coupon, trial }),
        6 => (
            proptest::option::of(0_usize..4),
            proptest::option::weighted(0.2, any::<bool>()),
            proptest::option::weighted(0.4, 1_u32..5),
            proptest::option::weighted(0.3, any::<bool>()),
            0_u8..4,
        )
            .prop_map(|(plan, yearly, quantity, support, when)| Act::Change { plan, yearly, quantity, support, when }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(now, credit)| Act::Cancel { now, credit }),
        1 => Just(Act::Uncancel),
        1 => Just(Act::Pause),
        1 => Just(Act::Resume),
        1 => (0_u8..3).prop_map(Act::Overdue),
        1 => (0_i64..5000).prop_map(|amount| Act::Bill { amount }),
        6 => (which.clone(), 1_i64..130).prop_map(|(which, percent)| Act::Pay { which, percent }),
        2 => (which.clone(), 1_i64..130, 0_u8..3).prop_map(|(which, percent, from)| Act::Refund { which, percent, from }),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, paid)| Act::Settle { which, paid }),
        2 => (which.clone(), 1_i64..130).prop_map(|(which, percent)| Act::Credit { which, percent }),
        2 => (which.clone(), 1_i64..=100, 0_usize..STATUSES.len())
            .prop_map(|(which, percent, status)| Act::Contest { which, percent, status }),
        1 => which.clone().prop_map(|which| Act::Void { which }),
        1 => which.prop_map(|which| Act::GiveUp { which }),
        6 => (1_i64..24 * 45).prop_map(|hours| Act::Wait { hours }),
    ]
}

pub(super) const fn cycle(yearly: bool) -> BillingCycle {
    if yearly {
        BillingCycle::Yearly
    } else {
        BillingCycle::Monthly
    }
}

pub(super) fn order(act: &Act) -> ChangeOrder {
    let Act::Change {
        plan,
        yearly,
        quantity,
        support,
        ..
    } = act
    else {
        return ChangeOrder::default();
    };
    let support = support.map(|support| {
        let item = AddOnItem {
            id: "support".to_owned(),
            quantity: 1,
        };
        if support { vec![item] } else { Vec::new() }
    });
    ChangeOrder {
        plan: plan.map(|plan| PLANS[plan].parse().expect("a plan")),
        cycle: yearly.map(cycle),
        quantity: *quantity,
        add_ons: support,
        coupon: None,
    }
}
