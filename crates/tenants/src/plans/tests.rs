use kernel::FieldError;
use serde_json::json;

use super::{
    Feature, FeatureOverrides, FeaturePatch, Features, Limit, LimitName, LimitOverrides, LimitPatch, Name,
    PlanId, catalogue,
};

fn plan(name: &str) -> &'static super::Plan {
    name.parse::<PlanId>().expect("in the catalogue").plan()
}

#[test]
fn the_catalogue_has_the_four_plans() {
    let names: Vec<_> = catalogue().plans.iter().map(|plan| plan.id.name()).collect();
    assert_eq!(names, ["free", "starter", "pro", "enterprise"]);
    let limits: Vec<_> = catalogue()
        .plans
        .iter()
        .map(|plan| serde_json::to_value(plan.limits).expect("plain"))
        .collect();
    let gb: i64 = 1 << 30;
    let expected = [
        (3, 5, gb, 1_000, 10 * gb, 402),
        (10, 25, 10 * gb, 10_000, 100 * gb, 762),
        (50, 100, 100 * gb, 100_000, 1024 * gb, 1130),
        (-1, -1, -1, -1, -1, -1),
    ]
    .map(|(users, projects, storage, calls, bandwidth, history)| {
        json!({ "users": users, "projects": projects, "storageBytes": storage, "apiCallsPerDay": calls,
                "bandwidthBytesPerMonth": bandwidth, "usageHistoryDays": history })
    });
    assert_eq!(limits, expected);
    let trials: Vec<_> = catalogue().plans.iter().map(|plan| plan.trial_days).collect();
    assert_eq!(trials, [0, 14, 14, 14]);
}

#[test]
fn a_dearer_plan_opens_everything_that_a_cheaper_one_does() {
    for pair in catalogue().plans.windows(2) {
        for feature in Feature::ALL {
            let lost = pair[0].features.contains(*feature) && !pair[1].features.contains(*feature);
            assert!(!lost, "{} loses {feature:?}", pair[1].name);
        }
    }
    assert_eq!(plan("free").features, Features::default());
    assert!(plan("starter").features.contains(Feature::PrioritySupport));
    assert!(!plan("starter").features.contains(Feature::CustomDomains));
    assert!(plan("pro").features.contains(Feature::SchemaPerTenant));
    assert!(!plan("pro").features.contains(Feature::Sso));
    let all: Features = Feature::ALL.iter().copied().collect();
    assert_eq!(plan("enterprise").features, all);
}

#[test]
fn unknown_plans_are_refused() {
    for name in ["", "Pro", "gold", "free "] {
        assert!(name.parse::<PlanId>().is_err(), "{name}");
    }
    assert!(serde_json::from_value::<PlanId>(json!("gold")).is_err());
}

#[test]
fn names_are_understood_in_both_forms_and_shown_in_one() {
    for (text, feature) in [
        ("advancedAnalytics", Some(Feature::AdvancedAnalytics)),
        ("advanced_analytics", Some(Feature::AdvancedAnalytics)),
        ("sso", Some(Feature::Sso)),
        ("advancedanalytics", None),
        ("advanced_Analytics", None),
        ("AdvancedAnalytics", None),
        ("SSO", None),
        ("", None),
    ] {
        assert_eq!(Feature::parse(text), feature, "{text}");
    }
    for name in LimitName::ALL {
        assert_eq!(LimitName::parse(name.name()), Some(*name));
    }
    let shown = serde_json::to_value(plan("starter").features).expect("plain");
    assert_eq!(shown["prioritySupport"], true);
    assert_eq!(shown["databasePerTenant"], false);
    assert_eq!(shown.as_object().expect("an object").len(), Feature::ALL.len());
}

#[test]
fn overrides_replace_the_plan_until_they_are_taken_back() {
    let given = |members: &[(&str, Option<bool>)]| {
        let members = members.iter().map(|(name, on)| ((*name).to_owned(), *on));
        FeaturePatch::from_json("/config/features", members).expect("known names")
    };
    let granted = given(&[("sso", Some(true)), ("priority_support", Some(false))]);
    let overrides = FeatureOverrides::default().patched(&granted);
    let effective = plan("starter").features.overridden(&overrides);
    assert!(effective.contains(Feature::Sso) && effective.contains(Feature::AdvancedAnalytics));
    assert!(!effective.contains(Feature::PrioritySupport));
    let stored = serde_json::to_value(&overrides).expect("plain");
    assert_eq!(stored, json!({ "prioritySupport": false, "sso": true }));
    assert_eq!(
        serde_json::from_value::<FeatureOverrides>(stored).expect("ours"),
        overrides
    );
    let taken_back = overrides.patched(&given(&[("sso", None), ("prioritySupport", None)]));
    assert!(taken_back.is_empty());

    let patch = LimitPatch::from_json(
        "/limits",
        [("users".to_owned(), Some(-1)), ("projects".to_owned(), Some(0))],
    );
    let overrides = LimitOverrides::default().patched(&patch.expect("both valid"));
    let limits = plan("free").limits.overridden(&overrides);
    assert_eq!(
        (limits.users, limits.get(LimitName::Users)),
        (Limit::UNLIMITED, Limit::UNLIMITED)
    );
    assert!(limits.projects.allows(0) && !limits.projects.allows(1) && limits.users.allows(u64::MAX));
    assert_eq!(limits.api_calls_per_day, plan("free").limits.api_calls_per_day);
}

#[test]
fn every_wrong_member_is_reported_where_it_stands() {
    let members = [("teleport/er", Some(true)), ("sso", Some(true)), ("~", None)];
    let errors = FeaturePatch::from_json(
        "/config/features",
        members.map(|(name, on)| (name.to_owned(), on)),
    )
    .expect_err("two unknown names");
    assert_eq!(
        errors,
        [
            FieldError::new("/config/features/teleport~1er", "is not a known feature"),
            FieldError::new("/config/features/~0", "is not a known feature"),
        ]
    );
    let twice = [("apiAccess", Some(true)), ("api_access", Some(false))];
    let errors =
        FeaturePatch::from_json("", twice.map(|(name, on)| (name.to_owned(), on))).expect_err("twice");
    assert_eq!(errors, [FieldError::new("/api_access", "is given twice")]);
    for number in [-2, i64::MIN, 1 << 53] {
        let errors =
            LimitPatch::from_json("/limits", [("users".to_owned(), Some(number))]).expect_err("no limit");
        assert_eq!(errors[0].pointer, "/limits/users");
    }
}

#[test]
fn names_from_a_newer_release_do_not_break_reading() {
    let stored = json!({ "sso": true, "telepathy": true });
    let read: FeatureOverrides = serde_json::from_value(stored).expect("passed over");
    assert_eq!(read.iter().collect::<Vec<_>>(), [(Feature::Sso, true)]);
}
