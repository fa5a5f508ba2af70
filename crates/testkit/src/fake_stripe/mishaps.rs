//! What can go wrong between somebody and Stripe.

use std::time::Duration;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mishap {
    /// The request is lost before Stripe has read it.
    LostBefore,
    /// Stripe does it, and the answer is lost.
    LostAfter,
    /// Stripe does it, and takes so long to answer.
    Slow(Duration),
    /// Stripe refuses to do it now, with this status.
    Busy(u16),
    /// Stripe does it and answers 500, and again to whoever repeats it.
    BrokenAfter,
    /// Stripe does nothing and answers 500, and again to whoever repeats it.
    BrokenBefore,
}
