//! The months up to the present one.

use isolation::ControlTx;
use jiff::civil::Date;
use pricing::{Currency, Zone};

use super::model::{Month, Moved, Movement};
use super::sql::{self, InMonth};
use crate::clock;
use crate::columns::currency;

/// Months that are told of at most.
pub const MOST_MONTHS: u16 = 120;

/// So many months with the present one, the earliest first, and of each the currencies in which there is or was anything.
pub async fn months(tx: &mut ControlTx, count: u16) -> Result<Vec<Month>, sqlx::Error> {
    let now = clock::now(tx).await?;
    let this = Zone::UTC.day_of(now).first_of_month();
    let first = this.saturating_sub(jiff::Span::new().months(count.clamp(1, MOST_MONTHS) - 1));
    let from = Zone::UTC.start_of(first).map_err(broken)?;
    // What is written down already counts, though its instant may be a moment ahead of the present.
    let until = Zone::UTC.start_of(this.saturating_add(jiff::Span::new().months(1)));
    let until = until.map_err(broken)?;
    let mut standing = sql::standing(tx, from).await?;
    let moved = sql::moved(tx, from, until).await?;
    let mut all = Vec::new();
    for day in (0..count).map_while(|passed| following(first, passed)) {
        let month = day.strftime("%Y-%m").to_string();
        for one in moved.iter().filter(|one| one.month == month) {
            standing.entry(one.currency.clone()).or_default();
        }
        for (code, standing) in &mut standing {
            let currency: Currency = currency(code)?;
            let told = told(&moved, &month, code);
            let (month, end) = Month::of(month.clone(), currency, *standing, told).map_err(broken)?;
            *standing = end;
            all.push(month);
        }
    }
    Ok(all)
}

/// Nothing that was written down is beyond what can be reckoned with.
fn broken(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

fn following(first: Date, passed: u16) -> Option<Date> {
    first.checked_add(jiff::Span::new().months(passed)).ok()
}

fn told<'a>(moved: &'a [InMonth], month: &'a str, code: &'a str) -> impl Fn(Movement) -> Moved + Copy + 'a {
    move |movement| {
        let found = moved
            .iter()
            .find(|one| one.month == month && one.currency == code && one.movement == movement);
        found.map_or_else(Moved::default, |one| one.moved)
    }
}
