//! Somebody who can log in: a person of a tenant or an operator of the platform. What both have (sessions, second
//! factors, a password) is kept in one table each and handled by one piece of code.

use isolation::ControlTx;
use kernel::{Actor, ActorKind, TenantId, UserId};
use uuid::Uuid;

use crate::admins::AdminId;

/// The topic under which it is announced, by the person's uuid, that what he may do, or whether he may come in, has
/// changed: every node forgets what it knows of his sessions and keys.
pub const PERSON_TOPIC: &str = "person";

/// The topic under which the same is announced of everybody of a tenant, by the tenant's uuid: a role of its own was
/// changed, say.
pub const TENANT_PEOPLE_TOPIC: &str = "tenant_people";

/// Has every node forget what it knows of all people of the tenant.
pub(crate) async fn announce_people(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    tx.announce(TENANT_PEOPLE_TOPIC, &tenant.uuid().to_string()).await
}

/// Has every node forget how many people the tenant has.
pub(crate) async fn announce_seats(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    tx.announce(tenants::SEATS_TOPIC, &tenant.to_string()).await
}

/// Somebody who can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Person {
    /// A person of this tenant.
    User(TenantId, UserId),
    /// An operator.
    Admin(AdminId),
}

impl Person {
    /// What the columns `tenant_id` and `person_id` say.
    pub fn from_columns(tenant: Option<TenantId>, person: Uuid) -> Self {
        match tenant {
            Some(tenant) => Self::User(tenant, UserId::from_uuid(person)),
            None => Self::Admin(AdminId::from_uuid(person)),
        }
    }

    /// The column `tenant_id`: his tenant, where he has one.
    pub const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::User(tenant, _) => Some(tenant),
            Self::Admin(_) => None,
        }
    }

    /// The column `person_id`; the two kinds never share one.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::User(_, user) => user.uuid(),
            Self::Admin(admin) => admin.uuid(),
        }
    }

    /// As whom the trail records him.
    pub fn actor(self) -> Actor {
        match self {
            Self::User(_, user) => Actor::new(ActorKind::User, user.to_string()),
            Self::Admin(admin) => Actor::new(ActorKind::Admin, admin.to_string()),
        }
    }

    /// Has every node forget what it knows of him.
    pub async fn announce(self, tx: &mut ControlTx) -> Result<(), sqlx::Error> {
        tx.announce(PERSON_TOPIC, &self.uuid().to_string()).await
    }
}
