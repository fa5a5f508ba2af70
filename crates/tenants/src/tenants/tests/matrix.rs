//! The whole matrix of statuses and actions, and what uncovers what.

use kernel::{TenantId, Timestamp};

use super::order;
use crate::plans::FeatureOverrides;
use crate::tenants::{Action, GraceDays, Settings, Status, SuspensionReason, Tenant};

const DAY: i64 = 86_400_000_000;

fn at(day: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + day * DAY)
}

fn ordered(plan: &str) -> Tenant {
    let new = order("acme", plan);
    Tenant {
        id: TenantId::from_parts(at(0), [7; 8]),
        name: new.name,
        slug: new.slug,
        status: Status::Provisioning,
        plan: new.plan,
        billing_cycle: new.billing_cycle,
        isolation_strategy: new.isolation_strategy,
        custom_domain: None,
        region: None,
        feature_overrides: FeatureOverrides::default(),
        limit_overrides: new.limits,
        settings: Settings::default(),
        version: 1,
        created_at: at(0),
        updated_at: at(0),
        trial_ends_at: None,
        suspended_at: None,
        suspension_reason: None,
        canceled_at: None,
        subscription_ends_at: None,
        deletion_requested_at: None,
        purge_at: None,
        deleted_at: None,
        resume_status: None,
    }
}

fn act(tenant: Tenant, action: Action, day: i64) -> Result<Tenant, super::super::InvalidTransition> {
    let now = at(day);
    match action {
        Action::Activate => tenant.activate(now),
        Action::Fail => tenant.fail(),
        Action::Convert => tenant.convert(),
        Action::Suspend => tenant.suspend("late payment".parse().expect("a reason"), now),
        Action::Reactivate => tenant.reactivate(now),
        Action::Cancel => tenant.cancel(now),
        Action::Restore => tenant.restore(now),
        Action::RequestDeletion => tenant.request_deletion(GraceDays::default(), now),
        Action::Delete => tenant.delete(now),
    }
}

fn after(plan: &str, actions: &[(Action, i64)]) -> Tenant {
    actions.iter().fold(ordered(plan), |tenant, (action, day)| {
        act(tenant, *action, *day).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A tenant that came to this status in the plainest way.
fn standing(status: Status) -> Tenant {
    let way: &[Action] = match status {
        Status::Provisioning => &[],
        Status::Trial => &[Action::Activate],
        Status::Active => &[Action::Activate, Action::Convert],
        Status::Suspended => &[Action::Activate, Action::Suspend],
        Status::Canceled => &[Action::Activate, Action::Cancel],
        Status::Deleting => &[Action::Activate, Action::RequestDeletion],
        Status::Deleted => &[Action::Activate, Action::RequestDeletion, Action::Delete],
        Status::Failed => &[Action::Fail],
    };
    let tenant = after("pro", &way.iter().map(|action| (*action, 1)).collect::<Vec<_>>());
    assert_eq!(tenant.status, status);
    tenant
}

/// Written out independently of the table in the code: `from action → to`, `-` where it is refused.
const MATRIX: &str = "
             activate fail   convert suspend   reactivate cancel   restore request  delete
provisioning trial    failed -       -         -          -        -       -        -
trial        -        -      active  suspended -          canceled -       deleting -
active       -        -      -       suspended -          canceled -       deleting -
suspended    -        -      -       -         trial      canceled -       deleting -
canceled     -        -      -       -         -          -        trial   deleting -
deleting     -        -      -       -         -          -        trial   -        deleted
deleted      -        -      -       -         -          -        -       -        -
failed       -        -      -       -         -          -        -       -        -
";

#[test]
fn every_action_in_every_status() {
    let rows = MATRIX.trim().lines().skip(1);
    for (status, row) in Status::ALL.into_iter().zip(rows) {
        let mut cells = row.split_whitespace();
        assert_eq!(cells.next(), Some(status.name()));
        for (action, cell) in Action::ALL.into_iter().zip(cells) {
            let outcome = act(standing(status), action, 2);
            let shown = outcome.as_ref().map_or("-", |tenant| tenant.status.name());
            assert_eq!(shown, cell, "{action:?} on {status:?}");
            if let Err(refusal) = outcome {
                assert_eq!((refusal.from, refusal.action), (status, action));
            }
        }
    }
}

#[test]
fn a_plan_without_trial_begins_active() {
    let free = after("free", &[(Action::Activate, 1)]);
    assert_eq!((free.status, free.trial_ends_at), (Status::Active, None));
    let pro = after("pro", &[(Action::Activate, 1)]);
    assert_eq!((pro.status, pro.trial_ends_at), (Status::Trial, Some(at(15))));
}

#[test]
fn what_was_underneath_comes_back() {
    use Action::{Activate, Cancel, Convert, Reactivate, RequestDeletion, Restore, Suspend};
    for (way, expected) in [
        (&[Activate, Convert, Suspend, Reactivate][..], Status::Active),
        (&[Activate, Suspend, Cancel, Restore], Status::Suspended),
        (&[Activate, Suspend, Cancel, Restore, Reactivate], Status::Trial),
        (
            &[Activate, Suspend, Cancel, RequestDeletion, Restore],
            Status::Canceled,
        ),
        (
            &[Activate, Suspend, Cancel, RequestDeletion, Restore, Restore],
            Status::Suspended,
        ),
        (&[Activate, Suspend, RequestDeletion, Restore], Status::Suspended),
        (
            &[Activate, Convert, Cancel, RequestDeletion, Restore, Restore],
            Status::Active,
        ),
        (&[Activate, Convert, RequestDeletion, Restore], Status::Active),
    ] {
        let days: Vec<_> = way.iter().map(|action| (*action, 2)).collect();
        let tenant = after("pro", &days);
        assert_eq!(tenant.status, expected, "{way:?}");
        assert_eq!(tenant.purge_at, None);
        assert_eq!(tenant.resume_status.is_none(), tenant.status.is_open(), "{way:?}");
        assert_eq!(
            tenant.suspended_at.is_some(),
            tenant.status == Status::Suspended || way.contains(&Suspend) && tenant.status == Status::Canceled
        );
    }
}

#[test]
fn whoever_reactivates_after_the_trial_means_it() {
    let expired = after("pro", &[(Action::Activate, 1), (Action::Suspend, 15)]);
    let tenant = act(expired, Action::Reactivate, 15).expect("suspended");
    assert_eq!(
        (tenant.status, tenant.suspended_at, tenant.suspension_reason),
        (Status::Active, None, None)
    );
    // Undoing a cancellation is no such decision: the trial's end then takes its course.
    let canceled = after("pro", &[(Action::Activate, 1), (Action::Cancel, 2)]);
    assert_eq!(
        act(canceled, Action::Restore, 20).expect("canceled").status,
        Status::Trial
    );
}

#[test]
fn a_deletion_is_undone_within_its_grace_only() {
    let deleting = after("pro", &[(Action::Activate, 1), (Action::RequestDeletion, 2)]);
    assert_eq!(deleting.purge_at, Some(at(32)));
    assert!(act(deleting.clone(), Action::Restore, 31).is_ok());
    assert!(act(deleting.clone(), Action::Restore, 32).is_err());
    let begun = Tenant {
        resume_status: None,
        ..deleting
    };
    assert!(act(begun, Action::Restore, 31).is_err());
    let at_once = after("pro", &[(Action::Activate, 1)]);
    let at_once = at_once
        .request_deletion(GraceDays::new(0).expect("allowed"), at(2))
        .expect("on trial");
    assert!(act(at_once, Action::Restore, 2).is_err());
    assert!(GraceDays::new(365).is_ok() && GraceDays::new(366).is_err());
}

#[test]
fn a_tombstone_tells_nothing() {
    let mut tenant = after(
        "pro",
        &[
            (Action::Activate, 1),
            (Action::Suspend, 2),
            (Action::RequestDeletion, 2),
        ],
    );
    tenant.custom_domain = Some("acme.com".to_owned());
    tenant.settings =
        Settings::new(serde_json::from_str("{\"owner\":\"Acme\"}").expect("JSON")).expect("small");
    let dead = act(tenant, Action::Delete, 40).expect("deleting");
    let shown = format!("{dead:?}").to_lowercase();
    assert!(
        !shown.contains("acme") && !shown.contains("late payment"),
        "{shown}"
    );
    assert_eq!(dead.deleted_at, Some(at(40)));
}

#[test]
fn a_plan_without_trial_ends_the_trial() {
    let free = "free".parse().expect("a plan");
    let trial = after("pro", &[(Action::Activate, 1)]).on_plan(free);
    assert_eq!(trial.status, Status::Active);
    let suspended = after("pro", &[(Action::Activate, 1), (Action::Suspend, 2)]).on_plan(free);
    assert_eq!(suspended.status, Status::Suspended);
    assert_eq!(
        act(suspended, Action::Reactivate, 3).expect("suspended").status,
        Status::Active
    );
    assert_eq!(SuspensionReason::trial_expired().as_str(), "trial_expired");
}
