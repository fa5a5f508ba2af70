//! Signatures against headers that Stripe's own library made, the client against a Stripe of somebody else's, and the
//! Stripe that the tests play against the description that Stripe gives of itself.

mod described;
mod double;
mod signatures;
