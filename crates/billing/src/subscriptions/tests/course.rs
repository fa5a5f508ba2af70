//! How subscriptions go on, pause and end.

use super::*;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
async fn a_trial_ends_as_was_agreed() {
    for (trial_end, pays, wanted) in [
        (
            TrialEnd::Paid,
            false,
            (SubscriptionStatus::Active, Status::Active, "enterprise", 1),
        ),
        (
            TrialEnd::Free,
            false,
            (SubscriptionStatus::Active, Status::Active, "free", 0),
        ),
        (
            TrialEnd::Suspend,
            false,
            (SubscriptionStatus::Paused, Status::Suspended, "enterprise", 0),
        ),
        (
            TrialEnd::Suspend,
            true,
            (SubscriptionStatus::Active, Status::Active, "enterprise", 1),
        ),
    ] {
        let fixture = Fixture::on(prices()).await;
        fixture.on_trial().await;
        fixture.go_to("2027-06-01T10:00:00Z").await;
        let new = NewSubscription {
            trial_end: Some(trial_end),
            ..to("enterprise")
        };
        let begun = fixture.subscribe(new).await;
        assert_eq!(begun.subscription.status, SubscriptionStatus::Trialing);
        assert!(begun.invoices.is_empty());
        if pays {
            fixture.add_method().await;
        }
        fixture.go_to("2027-06-15T09:59:00Z").await;
        assert_eq!(fixture.subscription().await.status, SubscriptionStatus::Trialing);
        fixture.go_to("2027-06-15T10:00:01Z").await;
        let after = fixture.subscription().await;
        let invoices = fixture.invoices().await;
        let (status, tenant, plan, count) = wanted;
        assert_eq!(
            (after.status, fixture.status().await),
            (status, tenant),
            "{trial_end:?}"
        );
        assert_eq!(
            (fixture.plan().await.as_str(), invoices.len()),
            (plan, count),
            "{trial_end:?}"
        );
        if count == 1 {
            assert_eq!(Some(after.anchor), begun.subscription.trial_ends_at);
            assert_eq!(after.period.ends_at, at("2027-07-15T00:00:00Z"));
        }
        if after.status == SubscriptionStatus::Paused {
            let mut tx = fixture.begin().await;
            let resumed = resume(&mut tx, &fixture.terms, fixture.tenant, None)
                .await
                .expect("it goes on");
            tx.commit().await.expect("it is kept");
            assert_eq!(one(&resumed).0.invoice.total, usd(20_000));
            assert_eq!(fixture.status().await, Status::Active);
        }
        fixture.assert_sound().await;
    }
}

#[tokio::test]
async fn a_cancellation_waits_for_the_period_and_can_be_undone() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("starter")).await;
    let cancel_later = async || {
        let mut tx = fixture.begin().await;
        let when = CancelWhen::PeriodEnd;
        let outcome = cancel(&mut tx, &fixture.terms, fixture.tenant, None, when)
            .await
            .expect("it is noted");
        tx.commit().await.expect("it is kept");
        outcome
    };
    assert_eq!(cancel_later().await.takes_effect_at, at("2027-07-01T00:00:00Z"));
    let mut tx = fixture.begin().await;
    let shown = tenants::get(&mut tx, fixture.tenant)
        .await
        .expect("it is read")
        .expect("a tenant");
    assert_eq!(shown.subscription_ends_at, Some(at("2027-07-01T00:00:00Z")));
    uncancel(&mut tx, fixture.tenant, None).await.expect("it goes on");
    tx.commit().await.expect("it is kept");
    fixture.go_to("2027-07-02T00:00:00Z").await;
    assert_eq!(fixture.invoices().await.len(), 2);
    cancel_later().await;
    fixture.go_to("2027-09-02T00:00:00Z").await;
    assert_eq!(fixture.invoices().await.len(), 2);
    assert_eq!(fixture.status().await, Status::Canceled);
    let over = fixture.subscription().await;
    assert_eq!(over.ended_at, Some(at("2027-08-01T00:00:00Z")));
    let mut tx = fixture.begin().await;
    let gone = get(&mut tx, fixture.tenant).await;
    assert!(matches!(gone, Err(SubscriptionError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn a_pause_outlasts_what_was_paid_for() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("starter")).await;
    let mut tx = fixture.begin().await;
    let until = Some(at("2027-08-10T00:00:00Z"));
    pause(&mut tx, &fixture.terms, fixture.tenant, None, until)
        .await
        .expect("it pauses");
    tx.commit().await.expect("it is kept");
    fixture.go_to("2027-06-30T00:00:00Z").await;
    assert_eq!(fixture.status().await, Status::Active);
    fixture.go_to("2027-07-01T00:00:00Z").await;
    assert_eq!(fixture.status().await, Status::Suspended);
    fixture.go_to("2027-08-10T00:00:01Z").await;
    assert_eq!(fixture.status().await, Status::Active);
    let all = fixture.invoices().await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        fixture.subscription().await.period.ends_at,
        at("2027-09-10T00:00:00Z")
    );
    fixture.assert_sound().await;
}

#[tokio::test]
async fn who_is_unpaid_is_not_invoiced_until_he_pays() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("starter")).await;
    let mut tx = fixture.begin().await;
    mark_past_due(&mut tx, &fixture.terms, fixture.tenant)
        .await
        .expect("it is overdue");
    tx.commit().await.expect("it is kept");
    fixture.go_to("2027-07-01T00:00:00Z").await;
    assert_eq!(
        fixture.invoices().await.len(),
        2,
        "while it is collected periods go on"
    );
    let mut tx = fixture.begin().await;
    mark_unpaid(&mut tx, &fixture.terms, fixture.tenant)
        .await
        .expect("it is given up");
    tx.commit().await.expect("it is kept");
    fixture.go_to("2027-09-05T00:00:00Z").await;
    assert_eq!(fixture.invoices().await.len(), 2);
    let mut tx = fixture.begin().await;
    let paid = mark_paid(&mut tx, &fixture.terms, fixture.tenant)
        .await
        .expect("it goes on");
    tx.commit().await.expect("it is kept");
    assert_eq!(paid.period.ends_at, at("2027-10-05T00:00:00Z"));
    assert_eq!(fixture.invoices().await.len(), 3);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn a_coupon_holds_for_its_invoices_and_credits_what_was_paid() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    let new = NewSubscription {
        coupon: Some("HALF".to_owned()),
        ..to("pro")
    };
    let begun = fixture.subscribe(new).await;
    assert_eq!(one(&begun).0.invoice.total, usd(1000));
    fixture.pay_all().await;
    fixture.go_to("2027-06-16T00:00:00Z").await;
    let done = fixture.change(order("starter"), When::Now).await;
    let (billed, note) = one(&done);
    assert_eq!(
        note.map(|note| note.total),
        Some(usd(500)),
        "half of what was paid"
    );
    assert_eq!(billed.invoice.total, usd(125), "half of half of 5.00");
    for month in ["2027-07-01T00:00:00Z", "2027-08-01T00:00:00Z"] {
        fixture.go_to(month).await;
    }
    let totals: Vec<_> = fixture
        .invoices()
        .await
        .iter()
        .map(|one| one.total.amount)
        .collect();
    assert_eq!(
        totals,
        [1000, 125, 250, 500],
        "two invoices of periods were discounted"
    );
    let mut tx = fixture.begin().await;
    let unknown = ChangeOrder {
        coupon: Some("NEVER".to_owned()),
        ..ChangeOrder::default()
    };
    let refused = change(&mut tx, &fixture.terms, fixture.tenant, None, unknown, When::Now).await;
    assert!(
        matches!(refused, Err(SubscriptionError::Invalid(_))),
        "{refused:?}"
    );
    drop(tx);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn add_ons_are_charged_beside_the_plan() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("starter")).await;
    fixture.pay_all().await;
    fixture.go_to("2027-06-16T00:00:00Z").await;
    let item = |id: &str| AddOnItem {
        id: id.to_owned(),
        quantity: 1,
    };
    let with = ChangeOrder {
        add_ons: Some(vec![item("support"), item("setup")]),
        ..ChangeOrder::default()
    };
    let done = fixture.change(with, When::Now).await;
    let (billed, note) = one(&done);
    assert_eq!(note, None, "the plan stays as it is");
    let lines: Vec<_> = billed.lines.iter().map(|line| (line.kind, line.amount)).collect();
    assert_eq!(
        lines,
        [(LineKind::Proration, usd(150)), (LineKind::OneTime, usd(700))]
    );
    fixture.go_to("2027-07-01T00:00:00Z").await;
    assert_eq!(
        fixture.invoices().await[2].total,
        usd(800),
        "what is charged once is not charged again"
    );
    let without = ChangeOrder {
        add_ons: Some(vec![item("nothing")]),
        ..ChangeOrder::default()
    };
    let mut tx = fixture.begin().await;
    let refused = change(&mut tx, &fixture.terms, fixture.tenant, None, without, When::Now).await;
    assert!(
        matches!(refused, Err(SubscriptionError::Invalid(_))),
        "{refused:?}"
    );
    drop(tx);
    let away = fixture.change(order("enterprise"), When::Now).await;
    assert_eq!(away.subscription.add_ons.len(), 1, "support does not go with it");
    fixture.assert_sound().await;
}

#[tokio::test]
async fn of_two_changes_at_once_the_second_sees_the_first() {
    let fixture = Fixture::on(prices()).await;
    let begun = fixture.subscribe(to("starter")).await;
    let version = Some(begun.subscription.version + 1);
    let mut tx = fixture.begin().await;
    let stale = change(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        version,
        order("pro"),
        When::Now,
    )
    .await;
    assert!(
        matches!(stale, Err(SubscriptionError::VersionMismatch { .. })),
        "{stale:?}"
    );
    drop(tx);
    let mut tx = fixture.begin().await;
    let twice = create(&mut tx, &fixture.terms, fixture.tenant, to("pro")).await;
    assert!(matches!(twice, Err(SubscriptionError::Exists)), "{twice:?}");
}

#[tokio::test]
async fn of_who_is_removed_only_what_was_invoiced_stays() {
    let fixture = Fixture::on(prices()).await;
    fixture.subscribe(to("free")).await;
    for _ in 0..2 {
        let mut tx = fixture.begin().await;
        withdraw(&mut tx, fixture.tenant).await.expect("it is taken away");
        tx.commit().await.expect("it is kept");
    }
    let mut tx = fixture.begin().await;
    let gone = crate::accounts::get(&mut tx, fixture.tenant).await;
    assert!(
        matches!(gone, Err(crate::accounts::AccountError::NotFound)),
        "{gone:?}"
    );

    let fixture = Fixture::on(prices()).await;
    fixture.subscribe(to("starter")).await;
    let mut tx = fixture.begin().await;
    withdraw(&mut tx, fixture.tenant).await.expect("it is taken away");
    tx.commit().await.expect("it is kept");
    assert_eq!(fixture.subscription().await.status, SubscriptionStatus::Canceled);
    assert_eq!(
        fixture.invoices().await[0]
            .customer
            .as_ref()
            .map(|one| one.name.as_str()),
        Some("Acme Corp")
    );
    let mut tx = fixture.begin().await;
    let left = crate::accounts::get(&mut tx, fixture.tenant)
        .await
        .expect("it stays");
    assert_eq!(left.name, "Deleted tenant");
}

#[test]
fn money_of_the_price_list_is_what_the_tests_say() {
    let terms = prices();
    let plan = terms.catalogue.latest().plan("pro").expect("a plan");
    let cycle = pricing::catalogue::BillingCycle::Monthly;
    let price = plan.price(cycle, pricing::Currency::USD).expect("a price");
    assert_eq!(
        price.rate(3_u32.into()).expect("it is rated").amount,
        Money::new(6000, pricing::Currency::USD)
    );
}
