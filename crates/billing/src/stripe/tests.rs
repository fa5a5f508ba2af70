//! Signatures against headers that Stripe's own library made, and what is said about failures.

mod signatures;
