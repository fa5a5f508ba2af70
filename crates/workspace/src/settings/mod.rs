//! Settings: what a tenant's application remembers under a key, any JSON.
//!
//! Values stay out of the audit trail: nobody knows whether one of them is a secret.
//!
//! What may not enter: settings that the product itself obeys (the tenant's plan, features, branding), members'
//! own preferences.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{
    InvalidSettingKey, PutSetting, SETTINGS_MAX, Setting, SettingKey, VALUE_MAX_BYTES, VALUE_MAX_DEPTH,
};
pub use ops::{NOT_THERE, SettingError, Written, delete, get, list, put};

pub(crate) use sql::insert_all;
