//! Looking for people.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, UserId};
use sqlx::{Postgres, QueryBuilder};

use super::model::{User, UserStatus};
use super::ops::UserError;
use crate::roles::RoleName;

/// Whom to list; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// With this text in the address or the name, whatever its case.
    pub q: Option<String>,
    /// Of this role.
    pub role: Option<RoleName>,
    /// Who stand here.
    pub status: Option<UserStatus>,
}

/// A tenant's people who match, newest first, at most `limit` of them after the named one. Each filter has a text,
/// and so a plan, of its own.
pub async fn list(
    tx: &mut ControlTx,
    tenant: TenantId,
    filter: &UserFilter,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>, UserError> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select id, tenant_id, email, email_verified, name, role, status, last_login_at, version, created_at, updated_at
         from control.users where tenant_id = ",
    );
    query.push_bind(tenant);
    if let Some(role) = &filter.role {
        query.push(" and role = ").push_bind(role);
    }
    if let Some(status) = filter.status {
        query.push(" and status = ").push_bind(status);
    }
    if let Some(q) = &filter.q {
        let text = q.trim().to_owned();
        query
            .push(" and (strpos(email, lower(")
            .push_bind(text.clone())
            .push(")) > 0 or strpos(lower(name), lower(")
            .push_bind(text)
            .push(")) > 0)");
    }
    if let Some(after) = after {
        query.push(" and id < ").push_bind(after);
    }
    query.push(" order by id desc limit ").push_bind(limit);
    Ok(query.build_query_as().fetch_all(tx.conn()).await?)
}
