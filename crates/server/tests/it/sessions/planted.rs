//! Sessions that nobody logged in for.

use identity::token;
use kernel::{Entity, Id, Seams};

use crate::support::{App, Client};

/// A session that somebody might have.
pub(crate) struct Login {
    pub(crate) person: String,
    pub(crate) session: String,
    pub(crate) secret: String,
    kind: String,
    cookie: &'static str,
}

impl Login {
    /// A new person of this role in the tenant, and a session of his, written as the product would.
    pub(crate) async fn of(app: &App, tenant: &str, role: &str, kind: &str, stage: &str) -> Self {
        let tenant: kernel::TenantId = tenant.parse().expect("an identifier");
        let user: kernel::UserId = fresh();
        let mut connection = app.superuser().await;
        sqlx::query(
            "insert into control.users (tenant_id, id, email, name, role, status, created_at, updated_at)
             values ($1, $2, $3, 'Ada', $4, 'active', now(), now())",
        )
        .bind(tenant)
        .bind(user)
        .bind(format!("{}@example.com", user.hex()))
        .bind(role)
        .execute(&mut connection)
        .await
        .expect("a person");
        let of = Some(tenant.uuid());
        Self::write(app, of, user.uuid(), user.to_string(), kind, stage).await
    }

    /// A session of the operator.
    pub(crate) async fn of_operator(app: &App, kind: &str, stage: &str) -> Self {
        let mut connection = app.superuser().await;
        let admin = sqlx::query_scalar("select id from control.admins where email = 'admin@example.com'");
        let admin = admin.fetch_one(&mut connection).await.expect("the operator");
        Self::write(app, None, admin, String::new(), kind, stage).await
    }

    async fn write(
        app: &App,
        tenant: Option<sqlx::types::Uuid>,
        id: sqlx::types::Uuid,
        person: String,
        kind: &str,
        stage: &str,
    ) -> Self {
        let session: access::sessions::SessionId = fresh();
        let secret = token::mint(&Seams::real(), "tny_session_").expose().clone();
        sqlx::query(
            "insert into control.sessions (id, tenant_id, person_id, kind, stage, secret_hash, created_at, last_seen_at,
                                           idle_seconds, expires_at, waiting_until)
             values ($1, $2, $3, $4, $5, $6, now(), now(), 600, now() + interval '1 hour',
                     case when $5 <> 'open' then now() + interval '15 minutes' end)",
        )
        .bind(session)
        .bind(tenant)
        .bind(id)
        .bind(kind)
        .bind(stage)
        .bind(&token::hash(&secret)[..])
        .execute(&mut app.superuser().await)
        .await
        .expect("a session");
        let cookie = if tenant.is_some() {
            "__Host-tenantry_session"
        } else {
            "__Host-tenantry_admin"
        };
        Self {
            person,
            session: session.to_string(),
            secret,
            kind: kind.to_owned(),
            cookie,
        }
    }

    pub(crate) fn cookie(&self) -> String {
        format!("{}={}", self.cookie, self.secret)
    }

    /// A caller with it, whose pages know what to send along.
    pub(crate) async fn client(&self, app: &App) -> Client {
        if self.kind == "token" {
            return app.nobody().with_key(&self.secret);
        }
        let browser = app
            .nobody()
            .with("cookie", &self.cookie())
            .with("sec-fetch-site", "same-origin");
        let plane = if self.cookie.ends_with("admin") {
            "/admin"
        } else {
            "/api"
        };
        let own = browser.get(&format!("{plane}/auth/session")).await.expect(200);
        browser.with("x-csrf-token", &own.text("/csrfToken"))
    }
}

fn fresh<T: Entity>() -> Id<T> {
    Seams::real().new_id()
}
