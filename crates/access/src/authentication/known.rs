//! A credential in memory: who it is, until when, and when it was used.

use std::sync::Arc;
use std::time::Duration;

use identity::admins::{AdminId, Authority};
use identity::api_keys::ApiKeyId;
use identity::roles::{self, known_grants};
use identity::token::Hash;
use identity::{Person, admin_api_keys::AdminApiKeyId};
use kernel::{Actor, ActorKind, Grants, Id, TenantId, Timestamp, UserId};
use uuid::Uuid;

use super::credential::{AdminCredential, Credential, Means, TenantCredential};
use super::sql::{PersonRow, Row, Sort};
use super::usage::{Usage, Used};
use crate::sessions::{Kind, SessionId, Stage};

/// What a credential is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// The hash of a key, or of a session's secret.
    Secret(Hash),
    /// A session, named by an access token.
    Session(SessionId),
    /// A person, named by a gateway.
    Person(TenantId, UserId),
}

/// A credential that may come in until it ends.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) credential: Credential,
    expires_at: Option<Timestamp>,
    /// How long it may go unused.
    idle: Option<Duration>,
    pub(super) usage: Option<Arc<Usage>>,
}

/// Whether a credential in memory still opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    /// It was not used here for too long; another node may know better.
    Idle,
    Ended,
}

impl Known {
    pub(super) fn life(&self, now: Timestamp) -> Life {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Life::Ended;
        }
        let last = self.usage.as_ref().map(|usage| usage.last());
        match (self.idle, last) {
            (Some(idle), Some(last)) if last.plus(idle) <= now => Life::Idle,
            _ => Life::Alive,
        }
    }

    /// Whether what this person may do decides what it opens.
    pub(super) fn is_of(&self, person: Uuid) -> bool {
        self.credential
            .person()
            .is_some_and(|holder| holder.uuid() == person)
    }

    pub(super) fn is_of_people_of(&self, tenant: TenantId) -> bool {
        let holder = self.credential.person();
        holder.is_some_and(|holder| holder.tenant() == Some(tenant))
    }

    pub(super) fn person(tenant: TenantId, user: UserId, row: &PersonRow) -> Self {
        let credential = TenantCredential {
            means: Means::Vouched,
            tenant,
            user_id: Some(user),
            grants: roles::grants(&row.role, row.allowed.as_deref()),
            actor: Person::User(tenant, user).actor(),
        };
        Self {
            credential: Credential::Tenant(Arc::new(credential)),
            expires_at: None,
            idle: None,
            usage: None,
        }
    }
}

impl From<Row> for Known {
    fn from(row: Row) -> Self {
        let used = match (row.sort, row.tenant) {
            (Sort::Session, _) => Used::Session(Id::from_uuid(row.id)),
            (_, Some(tenant)) => Used::Tenant(Id::from_uuid(tenant), Id::from_uuid(row.id)),
            (_, None) => Used::Admin(Id::from_uuid(row.id)),
        };
        let usage = Usage::of(used, row.last_seen_at);
        Self {
            credential: match row.tenant {
                Some(tenant) => Credential::Tenant(Arc::new(tenant_credential(&row, Id::from_uuid(tenant)))),
                None => Credential::Admin(Arc::new(admin_credential(&row))),
            },
            expires_at: row.expires_at,
            idle: idle_of(&row),
            usage: Some(Arc::new(usage)),
        }
    }
}

fn idle_of(row: &Row) -> Option<Duration> {
    let seconds = u64::try_from(row.idle_seconds?).ok()?;
    Some(Duration::from_secs(seconds))
}

fn means<K: kernel::Entity>(row: &Row) -> Means<Id<K>> {
    match (row.sort, row.kind, row.stage) {
        (Sort::Session, Some(Kind::Token), Some(Stage::Open)) => Means::AccessToken {
            session: Id::from_uuid(row.id),
        },
        (Sort::Session, kind, stage) => Means::Session {
            id: Id::from_uuid(row.id),
            stage: stage.unwrap_or(Stage::SecondFactor),
            cookie: kind == Some(Kind::Cookie),
        },
        _ => Means::ApiKey(Id::from_uuid(row.id)),
    }
}

fn tenant_credential(row: &Row, tenant: TenantId) -> TenantCredential {
    let user_id: Option<UserId> = row.holder.map(Id::from_uuid);
    let allowed = || roles::grants(row.role.as_deref().unwrap_or(""), row.allowed.as_deref());
    let scoped = row.scopes.as_deref().map(known_grants);
    let grants = match (scoped, user_id) {
        (Some(scoped), None) => scoped,
        (Some(scoped), Some(_)) => scoped.intersection(allowed()),
        (None, _) => allowed(),
    };
    let means: Means<ApiKeyId> = means(row);
    TenantCredential {
        means,
        tenant,
        user_id,
        grants: if is_open(&means) { grants } else { Grants::none() },
        actor: actor_of(&means, ActorKind::ApiKey, ActorKind::User, user_id),
    }
}

fn admin_credential(row: &Row) -> AdminCredential {
    let admin_id: Option<AdminId> = row.holder.map(Id::from_uuid);
    let means: Means<AdminApiKeyId> = means(row);
    let authority = authority(row, admin_id);
    AdminCredential {
        means,
        admin_id,
        grants: if is_open(&means) {
            authority.grants
        } else {
            Grants::none()
        },
        limit: authority.limit,
        actor: actor_of(&means, ActorKind::Admin, ActorKind::Admin, admin_id),
    }
}

/// What the operator may at present, and of that what his key allows. A key that acts for nobody allows what it says.
fn authority(row: &Row, admin: Option<AdminId>) -> Authority {
    let held = admin.map_or_else(Authority::full, |admin| {
        let allowed = row.allowed.as_deref().unwrap_or_default();
        let tenants = row.tenants.as_ref();
        let tenants = tenants.map(|tenants| tenants.iter().copied().map(Id::from_uuid).collect());
        Authority::stored(admin, allowed, tenants)
    });
    match &row.scopes {
        Some(scopes) => held.narrowed(scopes),
        None => held,
    }
}

fn is_open<K>(means: &Means<K>) -> bool {
    means.session().is_none_or(|(_, stage)| stage == Stage::Open)
}

/// A person who logged in acts himself; a key acts for its person.
fn actor_of<K: kernel::Entity, H: kernel::Entity>(
    means: &Means<Id<K>>,
    of_key: ActorKind,
    of_person: ActorKind,
    holder: Option<Id<H>>,
) -> Actor {
    let holder = holder.map(|holder| holder.to_string());
    match means {
        Means::ApiKey(key) => Actor {
            on_behalf_of: holder,
            ..Actor::new(of_key, key.to_string())
        },
        _ => Actor::new(of_person, holder.unwrap_or_default()),
    }
}
