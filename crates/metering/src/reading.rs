//! What was used: now, over time, compared, extrapolated, and handed out whole.
//!
//! Invariants: a read costs what its answer is long, never what was counted; it sees what is committed (the quotas in
//! memory are ahead of it by a flush); an answer has at most [`MOST_POINTS`] points, an export any number.
//!
//! What may not enter: prices.

mod export;
mod forecast;
mod history;
mod overview;
mod performance;
mod present;
mod report;
mod window;

pub use export::{ExportPosition, ExportRow, export, export_page};
pub use forecast::{Forecast, Method, Trend, forecast, trend};
pub use history::{History, HistoryError, HistoryQuery, MOST_POINTS, Point, history};
pub use overview::{CalendarView, Overview, overview};
pub use performance::{Performance, performance};
pub use present::{MetricUsage, metrics};
pub use report::{MetricForecast, MetricTrend, Report, report};
pub use window::window;

#[cfg(test)]
mod tests;
