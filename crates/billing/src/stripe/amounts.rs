//! Amounts as Stripe counts them, which for a few currencies is not what ISO 4217 says.
//! `https://docs.stripe.com/currencies#special-cases`, `#zero-decimal`, `#three-decimal`, `#minimum-and-maximum-charge-amounts`.

/// The amount cannot be said in Stripe's units of this currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{amount} minor units of {currency} cannot be charged through Stripe, which counts in steps of {step}"
)]
pub struct NotCountable {
    /// In minor units of ISO 4217.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// What it would have to be a multiple of.
    pub step: i64,
}

/// How Stripe counts: `theirs = ours * times / step`.
fn scale(currency: &str) -> (i64, i64) {
    match currency {
        // No decimals by ISO 4217, two at Stripe, which must be zeros.
        "ISK" | "UGX" => (100, 1),
        // Two decimals by ISO 4217, none at Stripe.
        "MGA" => (1, 100),
        _ => (1, 1),
    }
}

/// What an amount must be a multiple of before it is scaled.
fn step(currency: &str) -> i64 {
    match currency {
        // Three decimals, the last of which must be zero.
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 10,
        "MGA" => 100,
        _ => 1,
    }
}

/// Minor units of ISO 4217 as Stripe counts them.
pub fn theirs(amount: i64, currency: &str) -> Result<i64, NotCountable> {
    let not_countable = || NotCountable {
        amount,
        currency: currency.to_owned(),
        step: step(currency),
    };
    if amount.checked_rem(step(currency)) != Some(0) {
        return Err(not_countable());
    }
    let (times, over) = scale(currency);
    amount
        .checked_mul(times)
        .map(|scaled| scaled / over)
        .ok_or_else(not_countable)
}

/// What Stripe counted, in minor units of ISO 4217.
pub fn ours(amount: i64, currency: &str) -> i64 {
    let (times, over) = scale(currency);
    amount.saturating_mul(over) / times
}

/// The least that Stripe charges, in minor units of ISO 4217. Where it names none, what 50 cents are worth decides, which
/// is not known here.
pub fn minimum(currency: &str) -> i64 {
    match currency {
        "GBP" => 30,
        "AED" | "MYR" | "PLN" | "RON" => 200,
        "BGN" => 100,
        "CZK" => 1500,
        "DKK" => 250,
        "HKD" => 400,
        "HUF" => 17_500,
        "MXN" | "THB" => 1000,
        "NOK" | "SEK" => 300,
        "AUD" | "BRL" | "CAD" | "CHF" | "EUR" | "INR" | "JPY" | "NZD" | "SGD" | "USD" => 50,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_stripe_does() {
        for (amount, currency, counted) in [
            (1099, "USD", Some(1099)),
            (500, "JPY", Some(500)),
            (5, "ISK", Some(500)),
            (5, "UGX", Some(500)),
            (500, "MGA", Some(5)),
            (550, "MGA", None),
            (5120, "KWD", Some(5120)),
            (5124, "KWD", None),
            (i64::MAX, "ISK", None),
        ] {
            let theirs = theirs(amount, currency).ok();
            assert_eq!(theirs, counted, "{amount} {currency}");
            if let Some(theirs) = theirs {
                assert_eq!(ours(theirs, currency), amount, "{amount} {currency} and back");
            }
        }
    }
}
