//! What is stored of people's passwords.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, UserId};

use super::PasswordHash;
use crate::admins::AdminId;
use crate::email::Email;
use crate::name::Name;
use crate::person::Person;

/// Somebody who has a password or could have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub person: Person,
    /// By what he logs in.
    pub email: Email,
    /// What he is called.
    pub name: Name,
    /// Whether he may come in at all: he is neither only invited nor shut out.
    pub active: bool,
    /// What is stored of his password, if he has one.
    pub password: Option<PasswordHash>,
}

/// Who has this address, in lower case: in the tenant, or among the operators.
pub async fn find_account(
    tx: &mut ControlTx,
    tenant: Option<TenantId>,
    email: &str,
) -> Result<Option<Account>, sqlx::Error> {
    let Some(tenant) = tenant else {
        let row = sqlx::query!(
            r#"select id as "id: AdminId", email as "email: Email", name as "name: Name", status = 'active' as "active!",
                      password_hash as "password: PasswordHash"
               from control.admins where email = $1"#,
            email
        )
        .fetch_optional(tx.conn())
        .await?;
        return Ok(row.map(|row| Account {
            person: Person::Admin(row.id),
            email: row.email,
            name: row.name,
            active: row.active,
            password: Some(row.password),
        }));
    };
    let row = sqlx::query!(
        r#"select id as "id: UserId", email as "email: Email", name as "name: Name", status = 'active' as "active!",
                  password_hash as "password: PasswordHash"
           from control.users where tenant_id = $1 and email = $2"#,
        tenant as _,
        email
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Account {
        person: Person::User(tenant, row.id),
        email: row.email,
        name: row.name,
        active: row.active,
        password: row.password,
    }))
}

/// This person's.
pub async fn account_of(tx: &mut ControlTx, person: Person) -> Result<Option<Account>, sqlx::Error> {
    let email = sqlx::query_scalar!(
        r#"select email as "email!" from control.users where tenant_id = $1 and id = $2
           union all select email from control.admins where $1::uuid is null and id = $2"#,
        person.tenant() as _,
        person.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    match email {
        Some(email) => find_account(tx, person.tenant(), &email).await,
        None => Ok(None),
    }
}

/// Sets the password of somebody who may come in; false if he may not (any more).
pub async fn set(tx: &mut ControlTx, person: Person, password: &PasswordHash) -> Result<bool, sqlx::Error> {
    let done = match person {
        Person::User(tenant, id) => {
            sqlx::query!(
                "update control.users set password_hash = $3 where tenant_id = $1 and id = $2 and status = 'active'",
                tenant as _,
                id as _,
                password as _
            )
            .execute(tx.conn())
            .await
        }
        Person::Admin(id) => {
            sqlx::query!(
                "update control.admins set password_hash = $2 where id = $1 and status = 'active'",
                id as _,
                password as _
            )
            .execute(tx.conn())
            .await
        }
    };
    Ok(done?.rows_affected() == 1)
}

/// Writes down that he came in by this password, which is the one that was looked at; false if it is not any more, or
/// he may not come in any more.
pub async fn note_login(tx: &mut ControlTx, account: &Account) -> Result<bool, sqlx::Error> {
    let (now, tenant, id) = (tx.now(), account.person.tenant(), account.person.uuid());
    let password = account.password.as_ref();
    let done = match tenant {
        Some(tenant) => {
            sqlx::query!(
                "update control.users set last_login_at = $4
                 where tenant_id = $1 and id = $2 and status = 'active' and password_hash = $3",
                tenant as _,
                id,
                password as _,
                now as _
            )
            .execute(tx.conn())
            .await
        }
        None => {
            sqlx::query!(
                "update control.admins set last_login_at = $3
                 where id = $1 and status = 'active' and password_hash = $2",
                id,
                password as _,
                now as _
            )
            .execute(tx.conn())
            .await
        }
    };
    Ok(done?.rows_affected() == 1)
}

/// Puts another hash in the place of the one that was looked at; false if that is not there any more.
pub async fn renew(tx: &mut ControlTx, account: &Account, newer: &PasswordHash) -> Result<bool, sqlx::Error> {
    let (tenant, id, password) = (
        account.person.tenant(),
        account.person.uuid(),
        account.password.as_ref(),
    );
    let done = match tenant {
        Some(tenant) => {
            sqlx::query!(
                "update control.users set password_hash = $4 where tenant_id = $1 and id = $2 and password_hash = $3",
                tenant as _,
                id,
                password as _,
                newer as _
            )
            .execute(tx.conn())
            .await
        }
        None => {
            sqlx::query!(
                "update control.admins set password_hash = $3 where id = $1 and password_hash = $2",
                id,
                password as _,
                newer as _
            )
            .execute(tx.conn())
            .await
        }
    };
    Ok(done?.rows_affected() == 1)
}
