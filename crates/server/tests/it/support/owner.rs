//! A tenant's owner at his browser, without the trouble of logging in.

use super::app::{App, Tenant};
use super::client::Client;

/// A tenant's owner.
pub(crate) struct Owner {
    /// Who.
    pub(crate) id: String,
    tenant: String,
}

impl Owner {
    /// As he is when he has accepted his invitation.
    pub(crate) async fn active(app: &App, tenant: &Tenant) -> Self {
        let mut superuser = app.superuser().await;
        let user: kernel::UserId = sqlx::query_scalar(
            "update control.users set status = 'active' where tenant_id = $1 and role = 'owner' returning id",
        )
        .bind(tenant.id.parse::<kernel::TenantId>().expect("an identifier"))
        .fetch_one(&mut superuser)
        .await
        .expect("the owner");
        Self {
            id: user.to_string(),
            tenant: tenant.id.clone(),
        }
    }

    /// His browser, with a session of this stage on his tenant's host.
    pub(crate) async fn browser(&self, app: &App, stage: &str) -> Client {
        let secret = format!("tny_session_{}", stage.replace('_', "-"));
        let mut superuser = app.superuser().await;
        sqlx::query(
            "insert into control.sessions
                 (id, tenant_id, person_id, kind, stage, secret_hash, created_at, last_seen_at, idle_seconds, expires_at,
                  waiting_until)
             values (gen_random_uuid(), $1, $2, 'cookie', $3, sha256($4::bytea), now(), now(), 3600,
                     now() + interval '1 day', case when $3 <> 'open' then now() + interval '15 minutes' end)",
        )
        .bind(self.tenant.parse::<kernel::TenantId>().expect("an identifier"))
        .bind(self.id.parse::<kernel::UserId>().expect("an identifier"))
        .bind(stage)
        .bind(secret.as_bytes())
        .execute(&mut superuser)
        .await
        .expect("a session");
        let cookie = format!("theme=dark; __Host-tenantry_session={secret}");
        app.nobody()
            .with("cookie", &cookie)
            .with("host", "acme.tenantry.test")
    }
}
