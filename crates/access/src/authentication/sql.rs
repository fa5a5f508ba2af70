//! The one query that knows all keys.

use std::sync::Arc;

use isolation::{ControlTx, Tx};
use kernel::{Actor, ActorKind, Timestamp};
use uuid::Uuid;

use super::Known;
use super::credential::{AdminCredential, Credential, TenantCredential};
use super::usage::{KeyRef, Usage};
use identity::roles::{Role, known_grants};
use identity::token::Hash;
use kernel::Id;

struct Row {
    tenant: Option<Uuid>,
    id: Uuid,
    /// The person or the operator behind the key.
    holder: Option<Uuid>,
    role: Option<String>,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
}

/// The key of this hash, unless it was revoked or its person cannot come in.
pub(super) async fn find(tx: &mut ControlTx, hash: &Hash) -> Result<Option<Known>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select k.tenant_id as "tenant?", k.id as "id!", k.user_id as "holder?", u.role as "role?",
                  k.scopes as "scopes!", k.expires_at as "expires_at?: Timestamp"
           from control.api_keys k
           left join control.users u on u.tenant_id = k.tenant_id and u.id = k.user_id
           where k.secret_hash = $1 and k.revoked_at is null and (k.user_id is null or u.status = 'active')
           union all
           select null, k.id, k.admin_id, null, k.scopes, k.expires_at
           from control.admin_api_keys k
           where k.secret_hash = $1 and k.revoked_at is null"#,
        &hash[..]
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Known::from))
}

impl From<Row> for Known {
    fn from(row: Row) -> Self {
        let (credential, key) = match row.tenant {
            Some(tenant) => tenant_credential(&row, tenant),
            None => admin_credential(&row),
        };
        Self {
            credential,
            expires_at: row.expires_at,
            usage: Arc::new(Usage::of(key)),
        }
    }
}

fn tenant_credential(row: &Row, tenant: Uuid) -> (Credential, KeyRef) {
    let (key_id, tenant, user_id) = (
        Id::from_uuid(row.id),
        Id::from_uuid(tenant),
        row.holder.map(Id::from_uuid),
    );
    let scoped = known_grants(&row.scopes);
    let credential = TenantCredential {
        key_id,
        tenant,
        user_id,
        grants: match user_id {
            None => scoped,
            Some(_) => scoped.intersection(Role::grants_of(row.role.as_deref().unwrap_or(""))),
        },
        actor: Actor {
            on_behalf_of: user_id.map(|user| user.to_string()),
            ..Actor::new(ActorKind::ApiKey, key_id.to_string())
        },
    };
    (
        Credential::Tenant(Arc::new(credential)),
        KeyRef::Tenant(tenant, key_id),
    )
}

fn admin_credential(row: &Row) -> (Credential, KeyRef) {
    let (key_id, admin_id) = (Id::from_uuid(row.id), row.holder.map(Id::from_uuid));
    let credential = AdminCredential {
        key_id,
        admin_id,
        grants: known_grants(&row.scopes),
        actor: Actor {
            on_behalf_of: admin_id.map(|admin| admin.to_string()),
            ..Actor::new(ActorKind::Admin, key_id.to_string())
        },
    };
    (Credential::Admin(Arc::new(credential)), KeyRef::Admin(key_id))
}
