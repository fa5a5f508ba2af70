//! Second factors: what a person has beside his password.
