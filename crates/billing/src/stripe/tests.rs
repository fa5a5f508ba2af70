//! Signatures against headers that Stripe's own library made, the client against a Stripe of somebody else's, and what is said about failures.

mod double;
mod signatures;
