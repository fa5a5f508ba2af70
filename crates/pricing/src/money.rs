//! Money: whole numbers of a currency's minor unit, and the exact numbers that they are rounded from.
//!
//! Rounding is half away from zero ("half-up" of the amount without its sign), so that a credit is rounded exactly as the
//! charge that it takes back: 10.275 USD is 10.28 and -10.275 USD is -10.28.
//!
//! What may not enter: binary floating point.

mod amount;
mod currency;
mod decimal;
mod exact;
mod quantity;
#[cfg(test)]
mod tests;

pub use amount::{Money, MoneyError};
pub use currency::{Currency, UnknownCurrency};
pub use decimal::{Decimal, InvalidDecimal};
pub use exact::{Exact, apportion};
pub use quantity::{InvalidQuantity, Quantity};
