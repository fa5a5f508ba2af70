//! The gate between HTTP and the operations: who is calling, for which tenant, whether he may, and the transaction
//! that his change and its answer share.
//!
//! - A route says once which permission it needs ([`permitted`]): the document shows it and the gate enforces it. A
//!   route that says nothing is refused to everybody, unless it is registered as [`public`] or for [`any_caller`].
//! - In the same way it says which feature of a plan it is of ([`of_feature`]); that is decided from memory.
//! - The tenant follows from the credential. `X-Tenant-Id`, the subdomain and a custom domain select or narrow; where
//!   they disagree with it the answer is that of an unknown tenant.
//! - [`Change`] is what every writing handler takes: a checked body and an open transaction. Its answer is kept under
//!   the caller's Idempotency-Key in that transaction, so that repeating a request is safe at any moment.
//!
//! Nothing here knows what a tenant's data means.

mod admission;
mod allow_list;
mod answer;
pub mod billing;
mod change;
pub mod cookies;
mod cors;
pub mod costs;
mod csrf;
mod failure;
mod features;
mod forward_auth;
pub mod keys;
mod layers;
pub mod levels;
mod metered;
mod moved_slug;
mod origin;
pub mod people;
mod permission;
mod platform;
mod presented;
mod refusal;
mod selection;
mod standing;
mod state;
mod tenant;
pub mod usage_events;
mod visitor;
pub mod webhooks;

pub use admission::quota_exceeded;
pub use allow_list::RecordedRefusals;
pub use answer::{Answer, NoBody, Optional};
pub use change::{
    Asked, Change, Door, Keyed, OfOrders, OfPlatform, OfTenant, OfTenantControl, OfVisitor, Payload,
};
pub use csrf::SentBy;
pub use failure::{Failure, forbidden, unexpected};
pub use forward_auth::forwarded_caller;
pub use layers::layers;
pub use origin::{ForwardingHeader, Peer};
pub use permission::{any_caller, of_feature, pending_session, permitted, public};
pub use platform::PlatformCaller;
pub use presented::CallerSession;
pub use standing::require_standing;
pub use state::{AppState, Development, GateSettings, Rooms};
pub use tenant::{TenantCaller, require_active};
pub use visitor::Visitor;
