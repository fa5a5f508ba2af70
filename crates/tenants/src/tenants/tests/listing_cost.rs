//! Ten thousand tenants, of which the newest half was removed: a page reads no more than it shows, wherever it is.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::QueryBuilder;
use testkit::TestDatabase;

use crate::tenants::list::push_list;
use crate::tenants::{Filter, PageRequest, Position, Sort, Status};

async fn ten_thousand() -> TestDatabase {
    let db = TestDatabase::new().await;
    let mut tx = db.system().control().await.expect("a transaction");
    sqlx::query(
        "insert into control.tenants
             (id, name, slug, status, plan, billing_cycle, isolation_strategy, created_at, updated_at)
         select gen_random_uuid(), 'Tenant ' || n, 't-' || n,
                case when n > 5000 then 'deleted' when n % 10 = 0 then 'trial' else 'active' end,
                (array['free', 'starter', 'pro', 'enterprise'])[1 + n % 4], 'monthly', 'shared_database',
                timestamptz '2026-01-01Z' + n * interval '1 minute', now()
         from generate_series(1, 10000) n",
    )
    .execute(tx.conn())
    .await
    .expect("inserted");
    tx.commit().await.expect("committed");
    sqlx::query("analyze control.tenants")
        .execute(&mut db.superuser().await)
        .await
        .expect("analysed");
    db
}

async fn plan(tx: &mut ControlTx, filter: &Filter, sort: Sort, after: Option<Position>) -> String {
    let mut query = QueryBuilder::new("explain (analyze, timing off, summary off) ");
    let page = PageRequest { limit: 51, after };
    push_list(&mut query, filter, sort, page, tx.now()).expect("a position of this order");
    let lines: Vec<String> = query
        .build_query_scalar()
        .persistent(false)
        .fetch_all(tx.conn())
        .await
        .expect("explained");
    lines.join("\n")
}

/// Rows that were read to be thrown away.
fn read_in_vain(plan: &str) -> u32 {
    let counts = plan
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Rows Removed by Filter: "));
    counts.map(|count| count.parse::<u32>().expect("a number")).sum()
}

#[tokio::test]
async fn a_page_is_read_from_an_index_that_has_the_order() {
    let db = ten_thousand().await;
    let mut tx = db.system().control().await.expect("a transaction");
    let id: TenantId = "tenant_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse().expect("the last one");
    let noon: Timestamp = "2026-01-02T12:00:00Z".parse().expect("a time");
    let created = Some(Position::Created {
        at: noon.as_micros(),
        id,
    });
    let name = Some(Position::Name {
        name: "Tenant 3".to_owned(),
        id,
    });
    let all = Filter::default();
    let trial = Filter {
        status: Some(Status::Trial),
        ..Filter::default()
    };
    let pro = Filter {
        plan: "pro".parse().ok(),
        ..Filter::default()
    };
    let before_noon = Filter {
        created_before: Some(noon),
        ..Filter::default()
    };
    for (filter, sort, after, index) in [
        (&all, Sort::NewestFirst, None, "tenants_by_creation"),
        (&all, Sort::NewestFirst, created.clone(), "tenants_by_creation"),
        (&all, Sort::OldestFirst, created.clone(), "tenants_by_creation"),
        (&all, Sort::Name, None, "tenants_by_name"),
        (&all, Sort::Name, name.clone(), "tenants_by_name"),
        (&all, Sort::NameBackwards, name, "tenants_by_name"),
        (&before_noon, Sort::NewestFirst, None, "tenants_by_creation"),
        (&trial, Sort::NewestFirst, None, "tenants_by_"),
        (&pro, Sort::NewestFirst, created, "tenants_by_"),
    ] {
        let plan = plan(&mut tx, filter, sort, after.clone()).await;
        let in_order = !plan.contains("Sort") && !plan.contains("Seq Scan");
        assert!(
            plan.contains(index) && in_order,
            "{filter:?} {sort:?} {after:?}\n{plan}"
        );
        assert!(
            read_in_vain(&plan) <= 500,
            "{filter:?} {sort:?} {after:?}\n{plan}"
        );
    }
}

#[tokio::test]
async fn a_search_uses_the_indexes_of_beginnings() {
    let db = ten_thousand().await;
    let mut tx = db.system().control().await.expect("a transaction");
    let search = Filter {
        q: Some("TENANT 49".to_owned()),
        ..Filter::default()
    };
    let plan = plan(&mut tx, &search, Sort::NewestFirst, None).await;
    assert!(
        plan.contains("tenants_by_name_start") && plan.contains("tenants_by_slug_start"),
        "{plan}"
    );
}
