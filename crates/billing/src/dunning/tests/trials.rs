//! What is told of a trial, and what follows it.

use pricing::catalogue::TrialEnd;

use super::*;
use SubscriptionStatus::{Active, Paused, Trialing};

async fn on_trial(days: u16, end: TrialEnd) -> Fixture {
    let fixture = Fixture::on(prices("suspend")).await;
    fixture.on_trial().await;
    pass_to(&fixture, "2027-06-01T10:00:00Z").await;
    let mut tx = fixture.begin().await;
    reachable(&mut tx, fixture.tenant, "en").await;
    let new = NewSubscription {
        trial_days: Some(days),
        trial_end: Some(end),
        ..yearly()
    };
    subscriptions::create(&mut tx, &fixture.terms, fixture.tenant, new)
        .await
        .expect("it begins");
    tx.commit().await.expect("it is kept");
    fixture
}

#[tokio::test]
async fn three_days_before_its_end_the_tenant_is_told_once() {
    for (end, pays, said, (status, tenant, plan)) in [
        (
            TrialEnd::Free,
            false,
            "free plan",
            (Active, Status::Active, "free"),
        ),
        (
            TrialEnd::Suspend,
            false,
            "suspended",
            (Paused, Status::Suspended, "starter"),
        ),
        (
            TrialEnd::Paid,
            false,
            "paid subscription",
            (Active, Status::Active, "starter"),
        ),
        (
            TrialEnd::Suspend,
            true,
            "paid subscription",
            (Active, Status::Active, "starter"),
        ),
    ] {
        let fixture = on_trial(14, end).await;
        if pays {
            fixture.add_method().await;
        }
        pass_to(&fixture, "2027-06-12T09:59:59Z").await;
        assert_eq!(standing(&fixture).await.mails, 0, "{end:?}");
        pass_to(&fixture, "2027-06-12T10:00:01Z").await;
        pass_to(&fixture, "2027-06-15T09:59:00Z").await;
        let mut tx = fixture.begin().await;
        let written = mails(&mut tx, fixture.tenant).await;
        assert_eq!(written.len(), 1, "{end:?}");
        assert_eq!(written[0].subject, "Your trial ends on 15 June 2027");
        assert!(written[0].body.contains(said), "{end:?}: {}", written[0].body);
        drop(tx);
        assert_eq!(standing(&fixture).await.subscription, Trialing);
        pass_to(&fixture, "2027-06-15T10:00:01Z").await;
        assert_eq!(
            standing(&fixture).await,
            stands(status, tenant, plan, 1),
            "{end:?}"
        );
        fixture.assert_sound().await;
    }
}

#[tokio::test]
async fn a_short_trial_is_told_of_at_once_and_one_that_is_over_never() {
    let fixture = on_trial(2, TrialEnd::Free).await;
    clock::run(&fixture.database.system(), &fixture.terms)
        .await
        .expect("it ran");
    assert_eq!(
        standing(&fixture).await,
        stands(Trialing, Status::Trial, "starter", 1)
    );

    let fixture = on_trial(14, TrialEnd::Free).await;
    let mut tx = fixture.begin().await;
    clock::move_to(&mut tx, day("07-01")).await.expect("it is moved");
    tx.commit().await.expect("it is kept");
    clock::run(&fixture.database.system(), &fixture.terms)
        .await
        .expect("it ran");
    assert_eq!(
        standing(&fixture).await,
        stands(Active, Status::Active, "free", 0)
    );
}

#[tokio::test]
async fn who_suspends_at_the_end_of_a_trial_opens_with_what_is_paid() {
    let fixture = on_trial(14, TrialEnd::Suspend).await;
    pass_to(&fixture, "2027-06-16T00:00:00Z").await;
    assert_eq!(standing(&fixture).await.tenant, Status::Suspended);
    let mut tx = fixture.begin().await;
    subscriptions::resume(&mut tx, &fixture.terms, fixture.tenant, None)
        .await
        .expect("it goes on");
    tx.commit().await.expect("it is kept");
    assert_eq!(standing(&fixture).await.tenant, Status::Active);
}
