//! Somebody who logs in, in tests.

use std::net::IpAddr;
use std::sync::Arc;

use identity::passwords::Algorithm;
use identity::{Hasher, Name, Password, Person, admins, users};
use isolation::{Caller, PlatformCtx, RequestInfo};
use kernel::{Actor, Grants, Secret, TenantId};
use tenants::directory::Directory;
use testkit::TestDatabase;

use super::{Claim, LoggedIn, Login, LoginError, Means, Realm};
use crate::access_tokens::SigningKeys;
use crate::fixture::{new_tenant, platform};
use crate::security_policies::Policies;
use crate::sessions::Kind;
use crate::throttle::Throttle;

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const RIGHT: &str = "correct horse battery";

/// A database with logging in on it.
pub(crate) struct Stage {
    pub(crate) db: TestDatabase,
    pub(crate) login: Login,
    pub(crate) hasher: Hasher,
    directory: Directory,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::on(TestDatabase::new().await, Algorithm::Bcrypt, false).await
    }

    pub(crate) async fn on(db: TestDatabase, algorithm: Algorithm, admin_mfa_required: bool) -> Self {
        let databases = db.databases().clone();
        let keys = SigningKeys::new(databases.clone(), "https://app.example.com");
        keys.prepare().await.expect("signing keys");
        let hasher = Hasher::with_algorithm(databases.seams().clone(), algorithm, 2);
        let login = Login::new(Means {
            hasher: hasher.clone(),
            throttle: Throttle::new(databases.master()),
            policies: Policies::new(databases.clone(), 10),
            keys,
            admin_mfa_required,
        });
        let directory = Directory::new(databases, 10);
        Self {
            db,
            login,
            hasher,
            directory,
        }
    }

    /// A visitor from this address.
    pub(crate) fn visitor(&self, ip: &str) -> PlatformCtx {
        self.db.databases().platform(Caller {
            actor: Actor::system("visitor"),
            grants: Grants::none(),
            limit: None,
            request: RequestInfo {
                ip: Some(ip.parse::<IpAddr>().expect("an address")),
                ..RequestInfo::default()
            },
        })
    }

    /// A tenant with an active owner, Ada, who has the right password.
    pub(crate) async fn tenant(&self) -> (TenantId, Person) {
        let tenant = new_tenant(&self.db).await.tenant_id();
        let password = Password::new(Secret::new(RIGHT.to_owned())).expect("good");
        let hash = self.hasher.hash(password).await.expect("idle");
        let mut tx = platform(&self.db).await;
        let (email, name) = (
            ADA.parse().expect("an address"),
            Name::parse("Ada").expect("a name"),
        );
        let ada = users::create_owner(&mut tx, tenant, email, name, Some(hash))
            .await
            .expect("an owner");
        tx.commit().await.expect("committed");
        (tenant, Person::User(tenant, ada.id))
    }

    /// An operator, Ada, who has the right password.
    pub(crate) async fn operator(&self) {
        let mut tx = platform(&self.db).await;
        let first = admins::FirstAdmin {
            email: ADA.parse().expect("an address"),
            name: Name::parse("Ada").expect("a name"),
            password: Password::new(Secret::new(RIGHT.to_owned())).expect("good"),
            key: None,
        };
        admins::ensure_first_admin(&mut tx, &self.hasher, first)
            .await
            .expect("an operator");
        tx.commit().await.expect("committed");
    }

    pub(crate) async fn realm(&self, tenant: TenantId) -> Realm {
        let known = self.directory.by_id(tenant).await.expect("the control plane");
        Realm::Tenant(known.map_or_else(|| panic!("no {tenant}"), |known| Arc::clone(&known)))
    }

    pub(crate) async fn try_in(
        &self,
        realm: &Realm,
        email: &str,
        password: &str,
        ip: &str,
    ) -> Result<LoggedIn, LoginError> {
        let claim = Claim {
            email: email.to_owned(),
            password: Secret::new(password.to_owned()),
            kind: Kind::Cookie,
        };
        self.login.attempt(&self.visitor(ip), realm, claim).await
    }

    /// As the superuser.
    pub(crate) async fn execute(&self, statement: &'static str) {
        let mut connection = self.db.superuser().await;
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .expect(statement);
    }

    pub(crate) async fn text(&self, query: &'static str) -> String {
        let mut connection = self.db.superuser().await;
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .expect(query)
    }
}
