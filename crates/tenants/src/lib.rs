//! Tenants: what the platform knows about its customers.
//!
//! - [`plans`]: the catalogue; what each plan is called, allows and opens.
//! - The record of a tenant and its life: [`Tenant`], [`Status`], [`Slug`], and the operations on them.
//! - [`deletion_records`]: the signed proof that a tenant was removed.
//! - [`directory`]: every node's memory of tenants, kept fresh by the news.
//!
//! - [`records`]: the memory of what tenants read about themselves.
//!
//! What may not enter: credentials (identity), resources of a tenant (provisioning), money (billing).

pub mod deletion_records;
pub mod directory;
pub mod plans;
pub mod records;
mod tenants;

pub use tenants::{
    Access, Action, BillingCycle, ChangeTenantError, CreateTenantError, Filter, GraceDays, InvalidGrace,
    InvalidLine, InvalidSettings, InvalidSlug, InvalidTransition, ListTenantsError, NewTenant, PageRequest,
    PatchTenant, Position, Region, Settings, Slug, Sort, Status, SuspensionReason, Tenant, TenantName,
    VersionMismatch, activate, begin_removals, cancel, convert, expire_trials, fail, find_by_slug, get,
    get_for_update, insert, list, mark_deleted, own, reactivate, request_deletion, restore, scheduled,
    set_access, set_custom_domain, set_subscription_end, suspend, update, update_own, view,
};

/// The topic under which it is announced, by the tenant's identifier, that somebody was added to its people or left them.
pub const SEATS_TOPIC: &str = "seats";
