//! Coupons are redeemed as often as they may, whoever comes at once.

use pricing::Currency;
use pricing::discounts::NotRedeemable;

use super::*;
use crate::accounts;
use crate::fixture::account;

const COUPONS: &str = r#"
[[editions.coupons]]
code = "TWICE"
name = "For two"
discount = { percent = "10" }
duration = "forever"
maxRedemptions = 2
[[editions.coupons]]
code = "PRO"
name = "For one plan"
discount = { percent = "10" }
duration = "forever"
plans = ["pro"]
[[editions.coupons]]
code = "EARLY"
name = "For the early"
discount = { percent = "10" }
duration = "forever"
redeemBy = "2027-06-10T00:00:00Z"
[[editions.coupons]]
code = "EUROS"
name = "One euro"
discount = { amount = { amount = 100, currency = "EUR" } }
duration = "forever"
[[editions.coupons]]
code = "SORRY"
name = "As often as needed"
discount = { percent = "10" }
duration = "once"
oncePerCustomer = false
"#;

async fn fixture() -> Fixture {
    let terms = Terms::new(Inner {
        catalogue: Catalogue::from_toml(&format!("{PRICES}{COUPONS}")).expect("a price list"),
        ..Inner::clone(&prices())
    });
    let fixture = Fixture::on(terms).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture
}

fn with(coupon: &str, to_plan: &str) -> NewSubscription {
    NewSubscription {
        coupon: Some(coupon.to_owned()),
        ..to(to_plan)
    }
}

fn coupon(code: &str) -> ChangeOrder {
    ChangeOrder {
        coupon: Some(code.to_owned()),
        ..ChangeOrder::default()
    }
}

/// Changes the subscription of the fixture's tenant in a transaction of its own.
async fn ordered(fixture: &Fixture, order: ChangeOrder, when: When) -> Result<Outcome, SubscriptionError> {
    let mut tx = fixture.begin().await;
    let changed = change(&mut tx, &fixture.terms, fixture.tenant, None, order, when).await?;
    tx.commit().await.expect("it is kept");
    Ok(changed)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, SubscriptionError>) -> NotRedeemable {
    match result {
        Err(SubscriptionError::Coupon(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

async fn another(fixture: &Fixture) -> kernel::TenantId {
    let shared = isolation::IsolationStrategy::SharedDatabase;
    let tenant = fixture.database.tenant(shared).await.tenant_id();
    let mut tx = fixture.begin().await;
    accounts::create(&mut tx, tenant, account("UTC"))
        .await
        .expect("an account");
    tx.commit().await.expect("it is kept");
    tenant
}

#[tokio::test]
async fn of_many_who_come_at_once_only_so_many_get_it() {
    let fixture = fixture().await;
    let mut tenants = vec![fixture.tenant];
    for _ in 1..6 {
        tenants.push(another(&fixture).await);
    }
    let all = tenants.iter().map(async |tenant| {
        let mut tx = fixture.begin().await;
        let made = create(&mut tx, &fixture.terms, *tenant, with("TWICE", "starter")).await;
        if made.is_ok() {
            tx.commit().await.expect("it is kept");
        }
        made
    });
    let made = futures_util::future::join_all(all).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 2);
    for refused in made.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(refused), NotRedeemable::UsedUp);
    }
}

#[tokio::test]
async fn a_customer_redeems_a_coupon_once_unless_it_says_otherwise() {
    let fixture = fixture().await;
    fixture.subscribe(with("half", "starter")).await;
    let has = fixture.subscription().await.coupon.map(|coupon| coupon.code);
    assert_eq!(has.as_deref(), Some("HALF"), "as the catalogue writes it");
    // The one that it has is not redeemed again, and begins nothing anew.
    ordered(&fixture, coupon("Half"), When::Now)
        .await
        .expect("nothing changes");
    assert_eq!(
        fixture.subscription().await.coupon.map(|coupon| coupon.invoices),
        Some(1)
    );
    ordered(&fixture, coupon(""), When::Now)
        .await
        .expect("it is taken away");
    assert_eq!(
        refusal(ordered(&fixture, coupon("HALF"), When::Now).await),
        NotRedeemable::AlreadyRedeemed
    );
    for _ in 0..2 {
        ordered(&fixture, coupon("SORRY"), When::Now)
            .await
            .expect("as often as needed");
        ordered(&fixture, coupon(""), When::Now)
            .await
            .expect("it is taken away");
    }
}

#[tokio::test]
async fn it_is_for_its_time_its_plans_and_its_currency() {
    let fixture = fixture().await;
    assert_eq!(fixture.terms.currency, Currency::USD);
    fixture.subscribe(to("starter")).await;
    assert_eq!(
        refusal(ordered(&fixture, coupon("PRO"), When::Now).await),
        NotRedeemable::OtherPlan
    );
    assert_eq!(
        refusal(ordered(&fixture, coupon("EUROS"), When::Now).await),
        NotRedeemable::OtherCurrency
    );
    let to_pro = ChangeOrder {
        plan: Some(plan("pro")),
        ..coupon("PRO")
    };
    ordered(&fixture, to_pro, When::Now)
        .await
        .expect("it is for that");
    // What does not go with the new plan stays behind.
    let back = ChangeOrder {
        plan: Some(plan("starter")),
        ..ChangeOrder::default()
    };
    let after = ordered(&fixture, back, When::Now).await.expect("it is changed");
    assert_eq!(after.subscription.coupon, None);
    fixture.go_to("2027-06-10T00:00:01Z").await;
    assert_eq!(
        refusal(ordered(&fixture, coupon("EARLY"), When::Now).await),
        NotRedeemable::Expired
    );
}

#[tokio::test]
async fn one_that_waits_is_redeemed_when_it_takes_effect_or_stays_away() {
    let fixture = fixture().await;
    fixture.subscribe(to("starter")).await;
    let mut preview_tx = fixture.begin().await;
    preview(
        &mut preview_tx,
        &fixture.terms,
        fixture.tenant,
        coupon("TWICE"),
        When::Now,
    )
    .await
    .expect("it is looked at");
    preview_tx.commit().await.expect("nothing was done");
    ordered(&fixture, coupon("TWICE"), When::PeriodEnd)
        .await
        .expect("it waits");
    // Others take the two that there are.
    for _ in 0..2 {
        let tenant = another(&fixture).await;
        let mut tx = fixture.begin().await;
        create(&mut tx, &fixture.terms, tenant, with("TWICE", "starter"))
            .await
            .expect("it begins");
        tx.commit().await.expect("it is kept");
    }
    fixture.go_to("2027-07-02T00:00:00Z").await;
    let after = fixture.subscription().await;
    assert_eq!(
        (after.coupon, after.scheduled),
        (None, None),
        "and the period began nevertheless"
    );
    assert_eq!(
        fixture.invoices().await.last().map(|invoice| invoice.total),
        Some(usd(500))
    );
}
