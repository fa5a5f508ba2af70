//! What makes the product look like the tenant's own.
//!
//! - [`custom_domains`]: host names that a tenant brings.
//!
//! What may not enter: the platform's own host names (the directory of `tenants` knows them).

pub mod custom_domains;
