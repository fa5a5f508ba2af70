//! What is ordered of a subscription as a whole.

use super::*;

fn order(change: ChangeOrder, when: When) -> Order {
    Order {
        by: OrderedBy::Operator,
        change,
        when,
        proration: None,
        trial_days: None,
    }
}

#[tokio::test]
async fn what_waits_for_the_end_of_a_trial_is_seen_through() {
    let fixture = Fixture::on(prices()).await;
    fixture.on_trial().await;
    fixture.add_method().await;
    let trial = fixture.subscribe(to("enterprise")).await.subscription;
    assert_eq!(trial.status, SubscriptionStatus::Trialing);
    let wanted = ChangeOrder {
        plan: Some(plan("starter")),
        ..ChangeOrder::default()
    };
    let mut tx = fixture.begin().await;
    let seen = preview_order(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        order(wanted, When::PeriodEnd),
    )
    .await;
    let seen = seen.expect("it can be ordered");
    let after = &seen.subscription;
    assert_eq!(
        (after.plan, after.status),
        (plan("starter"), SubscriptionStatus::Active)
    );
    assert_eq!(
        (seen.takes_effect_at, after.anchor),
        (trial.period.ends_at, trial.period.ends_at)
    );
    assert_eq!(seen.net().expect("one currency"), usd(500));
    let stored = get(&mut tx, fixture.tenant).await.expect("it is there");
    assert_eq!(stored, trial, "nothing is stored");
}

#[tokio::test]
async fn a_first_order_needs_a_plan_and_begins_at_once() {
    let fixture = Fixture::on(prices()).await;
    let nothing = order(ChangeOrder::default(), When::Now);
    let later = ChangeOrder {
        plan: Some(plan("pro")),
        ..ChangeOrder::default()
    };
    let mut tx = fixture.begin().await;
    for (wanted, pointer) in [
        (nothing, "/plan"),
        (order(later.clone(), When::PeriodEnd), "/when"),
    ] {
        let refused = place(&mut tx, &fixture.terms, fixture.tenant, None, wanted).await;
        let Err(SubscriptionError::Invalid(errors)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(errors[0].pointer, pointer);
    }
    let expecting = place(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        Some(1),
        order(later.clone(), When::Now),
    )
    .await;
    assert!(
        matches!(expecting, Err(SubscriptionError::VersionMismatch { .. })),
        "{expecting:?}"
    );
    let placed = place(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        None,
        order(later, When::Now),
    )
    .await;
    let placed = placed.expect("it begins");
    assert!(placed.is_new);
    assert_eq!(placed.outcome.net().expect("one currency"), usd(2_000));
}
