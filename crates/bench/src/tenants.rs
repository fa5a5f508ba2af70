//! Requests with ten thousand tenants, against the same requests with ten: the cost of one tenant's request, and of
//! a page of the list, must not depend on how many others there are.
//!
//! Both sides are servers with the same ten tenants, made over HTTP; on one side lie all the others beside them.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use kernel::Seams;
use serde_json::json;

use crate::client::{Answer, Client};
use crate::measure::{Comparison, Samples, Unit};
use crate::specimen::Specimen;
use crate::stage::{Served, Stage, run};

const FEW: usize = 10;
const MANY: usize = 10_000;
/// Tenants on a page, so that the pages of both sides are as long.
const PAGE: usize = 4;

/// One side: a server, and callers inside its ten tenants.
struct Side {
    served: Served,
    callers: Vec<Client>,
}

#[derive(Clone, Copy)]
enum Request {
    Tenant,
    Write,
    Page(Sort, Which),
}

#[derive(Clone, Copy)]
enum Sort {
    Default,
    Name,
}

#[derive(Clone, Copy)]
enum Which {
    First,
    Middle,
}

/// Measures on two servers of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<Vec<Comparison>> {
    let few = Side::start(stage, "few").await?;
    let many = Side::start(stage, "many").await?;
    many.multiply(MANY / scale).await?;
    for side in [&few, &many] {
        run(
            &mut side.served.plain_connection().await?,
            "vacuum analyze".to_owned(),
        )
        .await?;
    }
    let pages = [Sort::Default, Sort::Name]
        .map(|sort| [Which::First, Which::Middle].map(|which| Request::Page(sort, which)));
    let mut rows = Vec::new();
    for request in [Request::Tenant, Request::Write]
        .into_iter()
        .chain(pages.into_iter().flatten())
    {
        rows.push(compare(&many, &few, request, scale).await?);
    }
    few.served.end().await?;
    many.served.end().await?;
    Ok(rows)
}

impl Side {
    async fn start(stage: &Stage, name: &str) -> Result<Self> {
        let served = stage.serve(name).await?;
        let mut callers = Vec::new();
        for number in 0..FEW {
            let (tenant, _) = served
                .provision(&format!("asked-{number}"), "shared_database")
                .await?;
            callers.push(served.tenant_client(&tenant).await?);
        }
        served.settle().await?;
        Ok(Self { served, callers })
    }

    /// Adds likenesses of a tenant until there are so many.
    async fn multiply(&self, count: usize) -> Result<()> {
        const CONNECTIONS: usize = 4;
        let slug = "specimen";
        let (tenant, _) = self.served.provision(slug, "shared_database").await?;
        self.served.settle().await?;
        let specimen = Specimen::read(&mut self.served.plain_connection().await?, &tenant, slug).await?;
        let (specimen, seams) = (&specimen, &Seams::real());
        let add = |first: usize| async move {
            let mut connection = self.served.plain_connection().await?;
            run(&mut connection, "set synchronous_commit = off".to_owned()).await?;
            for number in (FEW + 1 + first..count).step_by(CONNECTIONS) {
                let likeness = specimen.likeness(seams, &format!("other-{number}"), number as u64);
                specimen.insert(&mut connection, &likeness).await?;
            }
            anyhow::Ok(())
        };
        try_join_all((0..CONNECTIONS).map(add)).await?;
        Ok(())
    }

    async fn send(&self, request: Request, number: usize, page: &str) -> Result<Answer> {
        let caller = &self.callers[number % self.callers.len()];
        match request {
            Request::Tenant => caller.get("/api/tenant").await,
            Request::Write => {
                caller
                    .post("/api/projects", &json!({"name": format!("Project {number}")}))
                    .await
            }
            Request::Page(..) => self.served.admin.get(page).await,
        }
    }

    /// Where the page is found; the middle one by turning half of the pages.
    async fn page(&self, request: Request) -> Result<String> {
        const MOST: usize = 100;
        let Request::Page(sort, which) = request else {
            return Ok(String::new());
        };
        let sort = match sort {
            Sort::Default => "",
            Sort::Name => "&sort=name",
        };
        let first = format!("/admin/tenants?limit={PAGE}{sort}");
        if matches!(which, Which::First) {
            return Ok(first);
        }
        let count = "select count(*) from control.tenants";
        let count: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut self.served.plain_connection().await?)
            .await?;
        let (mut left, mut cursor) = (usize::try_from(count)? / 2, String::new());
        while left > 0 {
            let limit = left.min(MOST);
            let answer = self
                .served
                .admin
                .get(&format!("/admin/tenants?limit={limit}{sort}{cursor}"))
                .await?;
            cursor = format!(
                "&cursor={}",
                answer.text("/nextCursor").context("the middle page")?
            );
            left -= limit;
        }
        Ok(format!("{first}{cursor}"))
    }
}

/// One request here, one there, and so on. A sample is the median of a round of them.
async fn compare(many: &Side, few: &Side, request: Request, scale: usize) -> Result<Comparison> {
    const ROUNDS: usize = 11;
    let each = 200 / scale;
    let pages = [many.page(request).await?, few.page(request).await?];
    let (mut crowded, mut lonely) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let (mut here, mut there) = (Samples::default(), Samples::default());
        for number in 0..each {
            here.add_time(many.send(request, number, &pages[0]).await?.took);
            there.add_time(few.send(request, number, &pages[1]).await?.took);
        }
        // The first round warms up.
        if round > 0 {
            crowded.add(here.median());
            lonely.add(there.median());
        }
    }
    Ok(Comparison {
        what: format!("{}, {MANY} tenants", describe(request)),
        against: format!("the same with {FEW}"),
        unit: Unit::Milliseconds,
        product: crowded,
        bare: lonely,
        limit: 1.2,
        enough: None,
    })
}

fn describe(request: Request) -> &'static str {
    match request {
        Request::Tenant => "`GET /api/tenant`",
        Request::Write => "`POST /api/projects`",
        Request::Page(Sort::Default, Which::First) => "`GET /admin/tenants`, first page",
        Request::Page(Sort::Default, Which::Middle) => "`GET /admin/tenants`, middle page",
        Request::Page(Sort::Name, Which::First) => "`GET /admin/tenants?sort=name`, first page",
        Request::Page(Sort::Name, Which::Middle) => "`GET /admin/tenants?sort=name`, middle page",
    }
}
