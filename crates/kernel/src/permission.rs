//! The two permission registries: what a tenant's callers may do, and what the platform's operators may do.
//!
//! A permission is written `noun:verb`. A grant is a permission, `noun:*`, or `*`; a set of grants is one machine
//! word, so checking costs one AND.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// One registry of permissions.
pub trait Registry: Copy + Eq + fmt::Debug + 'static {
    /// Every permission, in the order of its bit.
    const ALL: &'static [Self];
    /// `noun:verb`.
    fn name(self) -> &'static str;
    /// What it allows, for people.
    fn description(self) -> &'static str;
    /// The bit it has in [`Grants`].
    fn bit(self) -> u64;
}

macro_rules! registry {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal, $about:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $(#[doc = $about] $variant),* }
        impl Registry for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            fn name(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            fn description(self) -> &'static str { match self { $(Self::$variant => $about),* } }
            fn bit(self) -> u64 { 1 << (self as u32) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.name()) }
        }
    };
}

registry! {
    /// What a caller of a tenant may do inside that tenant.
    Permission {
        TenantRead = "tenant:read", "Read the tenant's own record.";
        TenantUpdate = "tenant:update", "Change the tenant's own record.";
        ProjectsRead = "projects:read", "Read projects and their tasks.";
        ProjectsWrite = "projects:write", "Create, change and delete projects and their tasks.";
        FilesRead = "files:read", "List and download files.";
        FilesWrite = "files:write", "Upload and delete files.";
        SettingsRead = "settings:read", "Read settings.";
        SettingsWrite = "settings:write", "Change settings.";
        ApiKeysRead = "api_keys:read", "List API keys.";
        ApiKeysWrite = "api_keys:write", "Create, rotate and revoke API keys.";
        AuditRead = "audit:read", "Read the whole tenant's audit trail.";
        UsersRead = "users:read", "List the tenant's people.";
        UsersWrite = "users:write", "Invite, change, deactivate and delete people.";
        RolesRead = "roles:read", "List roles.";
        RolesWrite = "roles:write", "Create, change and delete the tenant's own roles.";
        SecurityRead = "security:read", "Read what the tenant demands at its door.";
        SecurityWrite = "security:write", "Change what the tenant demands at its door.";
        UsageRead = "usage:read", "Read what the tenant uses, and how much it may.";
        UsageWrite = "usage:write", "Report usage and declare metrics.";
        BillingRead = "billing:read", "Read the subscription, invoices and methods of payment.";
        BillingWrite = "billing:write", "Change the subscription and the methods of payment.";
        WebhooksRead = "webhooks:read", "List webhooks and what was delivered to them.";
        WebhooksWrite = "webhooks:write", "Register, change, try out and remove webhooks.";
    }
}

registry! {
    /// What an operator of the platform may do.
    AdminPermission {
        TenantsList = "tenants:list", "List tenants.";
        TenantsRead = "tenants:read", "Read one tenant.";
        TenantsCreate = "tenants:create", "Create and provision tenants.";
        TenantsUpdate = "tenants:update", "Change tenants and their lifecycle.";
        TenantsDelete = "tenants:delete", "Delete and restore tenants.";
        TenantKeysRead = "tenant_keys:read", "List tenants' API keys.";
        TenantKeysWrite = "tenant_keys:write", "Create, rotate and revoke tenants' API keys.";
        AdminKeysRead = "admin_keys:read", "List admin API keys.";
        AdminKeysWrite = "admin_keys:write", "Create and revoke admin API keys.";
        AuditRead = "audit:read", "Read the audit trail of every tenant.";
        AdminsRead = "admins:read", "List operators.";
        AdminsWrite = "admins:write", "Create, change and delete operators.";
        UsersRead = "users:read", "List tenants' people.";
        UsersWrite = "users:write", "Change, deactivate and delete tenants' people, and end their sessions.";
        SecurityRead = "security:read", "Read what tenants demand at their doors.";
        SecurityWrite = "security:write", "Change what tenants demand at their doors.";
        SigningKeysRead = "signing_keys:read", "List the keys that access tokens are signed with.";
        SigningKeysWrite = "signing_keys:write", "Replace the keys that access tokens are signed with.";
        UsageRead = "usage:read", "Read what tenants use, and how much they may.";
        UsageWrite = "usage:write", "Report tenants' usage.";
        QuotasWrite = "quotas:write", "Set how much tenants may use, and where their days and months begin.";
        BillingRead = "billing:read", "Read tenants' subscriptions, invoices and payments.";
        BillingWrite = "billing:write", "Change tenants' subscriptions, invoices and payments.";
        ClockRead = "clock:read", "Read billing's time.";
        ClockWrite = "clock:write", "Move billing's time ahead, where that is possible.";
        ReconciliationRead = "reconciliation:read", "Read how the payment provider's books differ from ours.";
        ReconciliationWrite = "reconciliation:write", "Have the payment provider's books compared with ours.";
        WebhooksRead = "webhooks:read", "List the platform's webhooks and what was delivered to them.";
        WebhooksWrite = "webhooks:write", "Register, change, try out and remove the platform's webhooks.";
        DashboardView = "dashboard:view", "See the figures of all tenants.";
    }
}

impl AdminPermission {
    /// Whether it is about the platform as a whole, so that an operator who is limited to some tenants cannot have it.
    /// With the others he reaches these tenants, and what is his own.
    pub const fn is_platform_wide(self) -> bool {
        match self {
            Self::TenantsCreate
            | Self::AdminsRead
            | Self::AdminsWrite
            | Self::SigningKeysRead
            | Self::SigningKeysWrite
            | Self::ClockRead
            | Self::ClockWrite
            | Self::ReconciliationRead
            | Self::ReconciliationWrite
            | Self::WebhooksRead
            | Self::WebhooksWrite
            | Self::DashboardView => true,
            Self::TenantsList
            | Self::TenantsRead
            | Self::TenantsUpdate
            | Self::TenantsDelete
            | Self::TenantKeysRead
            | Self::TenantKeysWrite
            | Self::AdminKeysRead
            | Self::AdminKeysWrite
            | Self::AuditRead
            | Self::UsersRead
            | Self::UsersWrite
            | Self::SecurityRead
            | Self::SecurityWrite
            | Self::UsageRead
            | Self::UsageWrite
            | Self::QuotasWrite
            | Self::BillingRead
            | Self::BillingWrite => false,
        }
    }
}

impl Grants<AdminPermission> {
    /// Everything that an operator who is limited to some tenants can have.
    pub fn within_tenants() -> Self {
        let permissions = AdminPermission::ALL.iter();
        permissions
            .filter(|permission| !permission.is_platform_wide())
            .fold(Self::none(), |set, permission| set.with(*permission))
    }
}

/// A set of granted permissions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Grants<P: Registry>(u64, PhantomData<fn() -> P>);

/// The text names no permission, group of permissions, or `*`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no permission")]
pub struct UnknownPermission(pub String);

impl<P: Registry> Grants<P> {
    /// Nothing.
    pub const fn none() -> Self {
        Self(0, PhantomData)
    }

    /// Everything there is, and whatever a later version adds is not in it until granted again.
    pub fn all() -> Self {
        P::ALL
            .iter()
            .fold(Self::none(), |set, permission| set.with(*permission))
    }

    /// The same set with one more.
    #[must_use]
    pub fn with(self, permission: P) -> Self {
        Self(self.0 | permission.bit(), PhantomData)
    }

    /// Whether this is granted.
    pub fn contains(self, permission: P) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether everything in `other` is granted here: nobody may hand out what he does not have.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is granted in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0, PhantomData)
    }

    /// Reads scopes as they are written: `*`, `noun:*`, `noun:verb`.
    pub fn parse<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Result<Self, UnknownPermission> {
        scopes.into_iter().try_fold(Self::none(), |set, scope| {
            let one: Self = scope.as_ref().parse()?;
            Ok(Self(set.0 | one.0, PhantomData))
        })
    }
}

impl<P: Registry> FromStr for Grants<P> {
    type Err = UnknownPermission;
    fn from_str(scope: &str) -> Result<Self, UnknownPermission> {
        let matches = |permission: &&P| match scope.strip_suffix('*') {
            Some("") => true,
            Some(noun) => noun.ends_with(':') && permission.name().starts_with(noun),
            None => permission.name() == scope,
        };
        let set = P::ALL
            .iter()
            .filter(matches)
            .fold(Self::none(), |set, permission| set.with(*permission));
        if set.0 == 0 {
            Err(UnknownPermission(scope.to_owned()))
        } else {
            Ok(set)
        }
    }
}

impl<P: Registry> fmt::Debug for Grants<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(P::ALL.iter().filter(|permission| self.contains(**permission)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms() {
        let one: Grants<Permission> = "projects:read".parse().expect("known");
        assert!(one.contains(Permission::ProjectsRead) && !one.contains(Permission::ProjectsWrite));
        let group: Grants<Permission> = "projects:*".parse().expect("known");
        assert!(group.contains(Permission::ProjectsWrite) && !group.contains(Permission::FilesRead));
        let every: Grants<Permission> = "*".parse().expect("known");
        assert_eq!(every, Grants::all());
    }

    #[test]
    fn refuses_what_names_nothing() {
        for text in [
            "",
            "project:*",
            "projects*",
            "projects:",
            "**",
            "projects:admin",
            "*:read",
        ] {
            assert!(text.parse::<Grants<Permission>>().is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_covers_more_than_he_has() {
        let group = Grants::<Permission>::parse(["projects:*"]).expect("known");
        let one = Grants::<Permission>::parse(["projects:read"]).expect("known");
        assert!(group.covers(one) && !one.covers(group) && Grants::<Permission>::all().covers(group));
    }

    #[test]
    fn who_is_limited_has_nothing_of_the_whole_platform() {
        let within = Grants::within_tenants();
        assert!(
            within.contains(AdminPermission::TenantsUpdate) && within.contains(AdminPermission::AuditRead)
        );
        for platform_wide in [
            "tenants:create",
            "admins:read",
            "signing_keys:write",
            "tenants:*",
            "*",
        ] {
            let wanted = platform_wide.parse::<Grants<AdminPermission>>().expect("known");
            assert!(!within.covers(wanted), "{platform_wide}");
        }
    }

    #[test]
    fn every_permission_has_a_bit_and_a_name_of_its_own() {
        fn check<P: Registry>() {
            let mut names: Vec<_> = P::ALL.iter().map(|permission| permission.name()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), P::ALL.len());
            assert!(P::ALL.len() <= 64);
        }
        check::<Permission>();
        check::<AdminPermission>();
    }
}
