//! A tenant's record: who it is, what it is on, where it stands.
//!
//! ```text
//!                   activate                    suspend
//!   provisioning ─────────────▶ trial, active ◀────────────▶ suspended
//!        │                        │       ▲    reactivate        │
//!        │ fail            cancel │       │ restore              │ cancel
//!        ▼                        ▼       │                      ▼
//!      failed                     canceled ◀─────────────────────┘
//!
//!   trial, active, suspended, canceled ── request deletion ──▶ deleting ── delete ──▶ deleted
//!                                     ◀────── restore ───────
//! ```
//!
//! Invariants: [`Action`]'s table is the only place that says what is legal; a suspension, cancellation or deletion
//! lies over what was before and uncovers it again when it is undone; a slug has one holder, decided by a primary
//! key; every change counts the version up, writes its event and is announced in its own transaction.
//!
//! What may not enter: stores and other resources (provisioning makes and removes them), money (billing).

mod access;
mod jobs;
mod lifecycle;
mod list;
mod model;
mod ops;
mod patch;
mod row;
mod settings;
mod slug;
mod slugs;
mod sql;
mod status;
mod text;
pub mod view;

pub use access::{Access, set_access};
pub use jobs::scheduled;
pub use lifecycle::{
    activate, begin_removals, cancel, convert, expire_trials, fail, mark_deleted, reactivate,
    request_deletion, restore, suspend,
};
pub use list::{Filter, ListTenantsError, PageRequest, Position, Sort, list};
pub use model::{BillingCycle, GraceDays, InvalidGrace, Tenant};
pub use ops::{
    ChangeTenantError, CreateTenantError, NewTenant, VersionMismatch, find_by_slug, get, get_for_update,
    insert, own, set_custom_domain, set_subscription_end, update, update_own,
};
pub use patch::PatchTenant;
pub use settings::{InvalidSettings, Settings};
pub use slug::{InvalidSlug, Slug};
pub use status::{Action, InvalidTransition, Status};
pub use text::{InvalidLine, Region, SuspensionReason, TenantName};

pub(crate) use ops::TOPIC;
pub(crate) use slug::is_reserved;
pub(crate) use slugs::TOPIC as SLUG_TOPIC;

#[cfg(test)]
pub(crate) mod tests;
