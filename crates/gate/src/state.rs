//! What every handler can reach. One concrete type; no globals.

use std::ops::Deref;
use std::sync::Arc;

use access::Authenticator;
use access::access_tokens::SigningKeys;
use access::invitations::Letters;
use access::login::Login;
use access::password_resets::PasswordResets;
use access::security_policies::Policies;
use billing::payments::Payments;
use ipnet::IpNet;
use isolation::Databases;
use kernel::{TenantId, UserId};
use metering::Metering;
use mfa::SecondFactors;
use provisioning::Provisioner;
use storage::Storage;
use tenants::GraceDays;
use tenants::directory::{BaseDomain, Directory};
use tenants::records::Records;
use webhooks::Webhooks;
use white_label::custom_domains::Domains;

use crate::allow_list::RecordedRefusals;
use crate::origin::ForwardingHeader;

/// What every handler can reach. Every layer and handler gets its own, so cloning it costs one counter.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Rooms>);

impl AppState {
    /// Everything, opened.
    pub fn new(rooms: Rooms) -> Self {
        Self(Arc::new(rooms))
    }

    /// The same, behaving otherwise.
    #[must_use]
    pub fn with_settings(&self, settings: GateSettings) -> Self {
        Self::new(Rooms {
            settings,
            ..Rooms::clone(self)
        })
    }
}

impl Deref for AppState {
    type Target = Rooms;
    fn deref(&self) -> &Rooms {
        &self.0
    }
}

/// What every handler can reach, by its name.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Every connection.
    pub databases: Databases,
    /// Who a presented credential belongs to.
    pub authenticator: Authenticator,
    /// What access tokens are signed and checked with.
    pub signing_keys: SigningKeys,
    /// What a tenant is, from memory.
    pub directory: Directory,
    /// What tenants read about themselves, from memory.
    pub records: Records,
    /// Which tenant a custom domain belongs to, from memory.
    pub domains: Domains,
    /// What each tenant demands at its door, from memory.
    pub policies: Policies,
    /// Which refused addresses were recorded a short while ago.
    pub recorded_refusals: RecordedRefusals,
    /// Where files are.
    pub storage: Storage,
    /// What each tenant uses and how much it may, in memory.
    pub metering: Metering,
    /// How money is collected.
    pub payments: Payments,
    /// What makes and removes tenants.
    pub provisioner: Provisioner,
    /// How people are invited.
    pub letters: Letters,
    /// How people come in.
    pub login: Login,
    /// How their passwords are replaced.
    pub password_resets: PasswordResets,
    /// The way out for webhooks.
    pub webhooks: Webhooks,
    /// Passwords, off the async threads.
    pub hasher: identity::Hasher,
    /// What second factors stand on.
    pub second_factors: Arc<SecondFactors>,
    /// How the gate behaves.
    pub settings: GateSettings,
}

/// How the gate behaves.
#[derive(Debug, Clone, Default)]
pub struct GateSettings {
    /// Callers from here may name tenant and user in headers; they authenticated them.
    pub trusted_header_networks: Vec<IpNet>,
    /// Proxies whose forwarding headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say whom they forward for.
    pub forwarding: ForwardingHeader,
    /// The networks that operators may come from; empty: everywhere.
    pub admin_networks: Vec<IpNet>,
    /// The domain below which each tenant has a subdomain.
    pub base_domain: Option<BaseDomain>,
    /// The longest upload, in bytes.
    pub upload_max_bytes: u64,
    /// Days between the request to delete a tenant and its removal.
    pub deletion_grace: GraceDays,
    /// Whether operators may move billing's time ahead, which they must not in production.
    pub time_can_be_moved: bool,
    /// Conveniences of a development server; none in production.
    pub development: Option<Development>,
}

impl GateSettings {
    /// What a custom domain's routing record has to point at.
    pub fn routing_target(&self) -> &str {
        self.base_domain.as_ref().map_or("localhost", BaseDomain::as_str)
    }
}

/// Conveniences of a development server.
#[derive(Debug, Clone)]
pub struct Development {
    /// Whether a caller on loopback without a credential is the development admin.
    pub open: bool,
    /// The tenant that `tenant_123` of the documentation's examples stands for.
    pub demo_tenant: TenantId,
    /// The user that `user_456` of the documentation's examples stands for.
    pub demo_user: UserId,
}
