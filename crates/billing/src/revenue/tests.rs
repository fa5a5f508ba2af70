//! What subscriptions were worth, month by month, reckoned by hand.

use isolation::IsolationStrategy;
use kernel::TenantId;
use pricing::{Currency, Money};
use tenants::BillingCycle;

use super::*;
use crate::accounts::{self, NewAccount};
use crate::clock;
use crate::fixture::{Fixture, account, at, usd};
use crate::subscriptions::tests::prices;
use crate::subscriptions::{self, AddOnItem, CancelWhen, ChangeOrder, NewSubscription, When};
use crate::{Terms, TermsOf};

fn to(plan: &str, cycle: BillingCycle) -> NewSubscription {
    NewSubscription {
        trial_days: Some(0),
        ..NewSubscription::to(plan.parse().expect("a plan"), cycle)
    }
}

impl Fixture {
    async fn until(&self, text: &str) {
        let system = self.database.system();
        let (_, ran) = clock::advance(&system, &self.terms, at(text))
            .await
            .expect("time passes");
        assert_eq!(ran.failed, 0);
    }

    async fn another(&self, account: NewAccount) -> TenantId {
        let tenant = self
            .database
            .tenant(IsolationStrategy::SharedDatabase)
            .await
            .tenant_id();
        let mut tx = self.begin().await;
        accounts::create(&mut tx, tenant, account)
            .await
            .expect("an account");
        tx.commit().await.expect("it is kept");
        tenant
    }

    async fn subscribes(&self, tenant: TenantId, new: NewSubscription) {
        let mut tx = self.begin().await;
        subscriptions::create(&mut tx, &self.terms, tenant, new)
            .await
            .expect("it begins");
        tx.commit().await.expect("it is kept");
    }

    async fn changes_to(&self, tenant: TenantId, plan: &str) {
        let mut tx = self.begin().await;
        let order = ChangeOrder {
            plan: Some(plan.parse().expect("a plan")),
            ..ChangeOrder::default()
        };
        subscriptions::change(&mut tx, &self.terms, tenant, None, order, When::Now)
            .await
            .expect("it is changed");
        tx.commit().await.expect("it is kept");
    }

    async fn leaves(&self, tenant: TenantId, when: CancelWhen) {
        let mut tx = self.begin().await;
        subscriptions::cancel(&mut tx, &self.terms, tenant, None, when)
            .await
            .expect("it ends");
        tx.commit().await.expect("it is kept");
    }

    async fn told(&self, count: u16) -> Vec<Month> {
        months(&mut self.begin().await, count).await.expect("it is told")
    }
}

/// Start, new, reactivation, expansion, contraction, churned, end; and the year.
fn money(month: &Month) -> [i64; 8] {
    [
        month.mrr_at_start,
        month.new_mrr,
        month.reactivation_mrr,
        month.expansion_mrr,
        month.contraction_mrr,
        month.churned_mrr,
        month.mrr_at_end,
        month.arr,
    ]
    .map(|money| money.amount)
}

fn people(month: &Month) -> [i64; 5] {
    let all = &month.customers;
    [all.at_start, all.new, all.reactivated, all.churned, all.at_end]
}

fn rates(month: &Month) -> [Option<String>; 3] {
    let all = &month.rates;
    [all.customer_churn, all.gross_revenue_churn, all.net_revenue_churn]
        .map(|rate| rate.map(|rate| rate.to_string()))
}

fn some(rates: [&str; 3]) -> [Option<String>; 3] {
    rates.map(|rate| Some(rate.to_owned()))
}

/// From January to April of 2027.
async fn four_tenants() -> Fixture {
    // Nothing becomes overdue meanwhile.
    let patient = TermsOf {
        payment_days: 1000,
        ..(*prices()).clone()
    };
    let fixture = Fixture::on(Terms::new(patient)).await;
    let tried = fixture.tenant;
    fixture.add_method().await;
    let [small, yearly, seats] = [
        fixture.another(account("UTC")).await,
        fixture.another(account("UTC")).await,
        fixture.another(account("UTC")).await,
    ];
    fixture.until("2027-01-10T12:00:00Z").await;
    fixture
        .subscribes(small, to("starter", BillingCycle::Monthly))
        .await;
    // 1999.99 a year: 166.665833… a month.
    fixture
        .subscribes(yearly, to("enterprise", BillingCycle::Yearly))
        .await;
    fixture.until("2027-01-20T12:00:00Z").await;
    // (3 × 20.00 + 3.00) / 2, twice.
    let support = AddOnItem {
        id: "support".to_owned(),
        quantity: 1,
    };
    let half = NewSubscription {
        quantity: 3,
        add_ons: vec![support],
        coupon: Some("HALF".to_owned()),
        ..to("pro", BillingCycle::Monthly)
    };
    fixture.subscribes(seats, half).await;
    fixture.until("2027-01-25T12:00:00Z").await;
    // Worth nothing until 8 February.
    let trial = NewSubscription {
        trial_days: Some(14),
        ..to("enterprise", BillingCycle::Monthly)
    };
    fixture.subscribes(tried, trial).await;
    fixture.until("2027-02-15T12:00:00Z").await;
    fixture.changes_to(small, "pro").await;
    fixture.until("2027-03-05T12:00:00Z").await;
    fixture.leaves(small, CancelWhen::Now { credit: true }).await;
    fixture.until("2027-03-10T12:00:00Z").await;
    fixture.changes_to(tried, "starter").await;
    // On 20 March the coupon has held twice.
    fixture.until("2027-04-03T12:00:00Z").await;
    fixture
        .subscribes(small, to("starter", BillingCycle::Yearly))
        .await;
    // Counts until January.
    fixture.leaves(yearly, CancelWhen::PeriodEnd).await;
    fixture
}

#[tokio::test]
async fn four_months_of_four_tenants_as_reckoned_by_hand() {
    let fixture = four_tenants().await;
    let told = fixture.told(5).await;
    let names: Vec<_> = told.iter().map(|month| &*month.month).collect();
    assert_eq!(names, ["2027-01", "2027-02", "2027-03", "2027-04"]);
    let [january, february, march, april] = &told[..] else {
        unreachable!("four")
    };
    assert_eq!(money(january), [0, 20_317, 0, 0, 0, 0, 20_317, 243_799]);
    assert_eq!(people(january), [0, 3, 0, 0, 3]);
    assert_eq!(rates(january), [None, None, None]);
    assert_eq!(money(february), [20_317, 20_000, 0, 1_500, 0, 0, 41_817, 501_799]);
    assert_eq!(people(february), [3, 1, 0, 0, 4]);
    assert_eq!(rates(february), some(["0", "0", "-7.38"]));
    assert_eq!(
        money(march),
        [41_817, 0, 0, 3_150, 19_500, 2_000, 23_467, 281_599]
    );
    assert_eq!(people(march), [4, 0, 0, 1, 3]);
    assert_eq!(rates(march), some(["25", "51.42", "43.88"]));
    // 50.00 a year are 4.1666…, of which 4.16 carry 234.67 to 238.83.
    assert_eq!(money(april), [23_467, 0, 416, 0, 0, 0, 23_883, 286_599]);
    assert_eq!(people(april), [3, 0, 1, 0, 4]);
    assert_eq!(fixture.told(1).await, std::slice::from_ref(april));
}

#[tokio::test]
async fn what_is_paused_or_removed_is_worth_nothing_and_each_currency_stands_alone() {
    let fixture = Fixture::new().await;
    let euros = NewAccount {
        currency: Currency::EUR,
        ..account("UTC")
    };
    let euros = fixture.another(euros).await;
    let removed = fixture.another(account("UTC")).await;
    fixture.until("2027-01-10T12:00:00Z").await;
    for tenant in [fixture.tenant, euros, removed] {
        fixture
            .subscribes(tenant, to("starter", BillingCycle::Monthly))
            .await;
    }
    let mut tx = fixture.begin().await;
    subscriptions::pause(&mut tx, &fixture.terms, fixture.tenant, None, None)
        .await
        .expect("it pauses");
    subscriptions::withdraw(&mut tx, removed)
        .await
        .expect("it is removed");
    tx.commit().await.expect("it is kept");
    let told = fixture.told(1).await;
    let [eur, usd_] = &told[..] else {
        unreachable!("two: {told:?}")
    };
    assert_eq!(eur.arr, Money::new(34_800, Currency::EUR));
    assert_eq!(money(eur), [0, 2_900, 0, 0, 0, 0, 2_900, 34_800]);
    assert_eq!(usd_.arr, usd(0));
    assert_eq!(money(usd_), [0, 5_800, 0, 0, 0, 5_800, 0, 0]);
    assert_eq!(people(usd_), [0, 2, 0, 2, 0]);
}
