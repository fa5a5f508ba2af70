//! Coming in.

use audit::{Event, EventType, Personal};
use identity::passwords::{self, Account, Turn};
use identity::{PasswordHash, Person};
use isolation::{Caller, PlatformCtx};
use kernel::{Secret, TenantId};

use super::{Claim, LoggedIn, Login, LoginError, Means, Realm, Record};
use crate::sessions::{self, Kind, NewSession};
use crate::throttle::{Attempt, Purpose, Subject};

/// A password that was right, and what follows for the stored hash.
struct Passed {
    account: Account,
    attempt: Attempt,
    renewed: Option<PasswordHash>,
}

impl Login {
    /// Lets somebody in. The context is a visitor's; what it says of the request goes into the trail and the session.
    pub async fn attempt(
        &self,
        ctx: &PlatformCtx,
        realm: &Realm,
        claim: Claim,
    ) -> Result<LoggedIn, LoginError> {
        let email = claim.identifier();
        self.0.look(ctx, realm, &email).await?;
        let turn = self.0.hasher.turn().await?;
        let (account, attempt) = self.0.begin(ctx, realm, &email).await?;
        let stored = account
            .as_ref()
            .filter(|account| account.active)
            .and_then(|account| account.password.clone());
        let right = turn.verify(claim.password.clone(), stored).await;
        match account {
            Some(account) if right => {
                let renewed = self.0.renewed(&turn, &account, claim.password).await;
                drop(turn);
                let passed = Passed {
                    account,
                    attempt,
                    renewed,
                };
                self.0.enter(ctx, realm, passed, claim.kind).await
            }
            account => {
                drop(turn);
                refuse(ctx, realm.tenant(), &email, account.as_ref(), &attempt).await?;
                Err(LoginError::Invalid)
            }
        }
    }
}

impl Means {
    /// Refuses who is blocked before he waits for a turn.
    async fn look(&self, ctx: &PlatformCtx, realm: &Realm, email: &str) -> Result<(), LoginError> {
        let mut tx = ctx.control().await?;
        let account = realm.account(email);
        let subject = attempts_at(ctx, realm, &account);
        Ok(self.throttle.look(&mut tx, Purpose::Login, subject).await?)
    }

    /// Who it would be, and one more attempt counted, durably as far as other attempts are concerned.
    async fn begin(
        &self,
        ctx: &PlatformCtx,
        realm: &Realm,
        email: &str,
    ) -> Result<(Option<Account>, Attempt), LoginError> {
        let mut tx = ctx.control().await?;
        let account = match realm {
            Realm::Nowhere(_) => {
                passwords::find_account(&mut tx, None, email).await?;
                None
            }
            realm => passwords::find_account(&mut tx, realm.tenant(), email).await?,
        };
        let named = realm.account(email);
        let counted_as = attempts_at(ctx, realm, &named);
        let attempt = self.throttle.attempt(&mut tx, Purpose::Login, counted_as).await?;
        tx.commit_unhurried().await?;
        Ok((account, attempt))
    }

    /// A hash of the same password by the configured algorithm, if the stored one is not.
    async fn renewed(
        &self,
        turn: &Turn,
        account: &Account,
        password: Secret<String>,
    ) -> Option<PasswordHash> {
        let stored = account.password.as_ref()?;
        if !self.hasher.is_outdated(stored) {
            return None;
        }
        Some(turn.renew(password).await)
    }

    async fn enter(
        &self,
        ctx: &PlatformCtx,
        realm: &Realm,
        passed: Passed,
        kind: Kind,
    ) -> Result<LoggedIn, LoginError> {
        let person = passed.account.person;
        let mut tx = recognised(ctx, person).control().await?;
        passed.attempt.give_back(&mut tx).await?;
        if let Realm::Tenant(tenant) = realm
            && !tenant.has_an_open_door()
        {
            tx.commit().await?;
            return Err(LoginError::NotOpen(tenant.status));
        }
        // It may have been changed, or he shut out, while it was looked at.
        if !passwords::note_login(&mut tx, &passed.account).await? {
            return Err(LoginError::Invalid);
        }
        if let Some(renewed) = &passed.renewed {
            passwords::renew(&mut tx, &passed.account, renewed).await?;
        }
        let beginning = self.beginning(&mut tx, person).await?;
        let new = NewSession {
            person,
            kind,
            stage: beginning.stage,
            lifetime: beginning.lifetime,
        };
        let opened = sessions::open(&mut tx, &self.keys, new).await?;
        let record = Record::of(&mut tx, person).await?;
        let event = about(EventType::LoginSucceeded, person).meta("session", opened.session.id.to_string());
        audit::record(&mut tx, event).await?;
        tx.commit().await?;
        Ok(LoggedIn {
            person,
            record,
            opened,
            factors: beginning.factors,
        })
    }
}

/// Writes down that somebody failed, and once, that the next attempts are blocked. The same is written whether or not
/// the account exists, so that it takes as long.
pub(crate) async fn refuse(
    ctx: &PlatformCtx,
    tenant: Option<TenantId>,
    email: &str,
    account: Option<&Account>,
    attempt: &Attempt,
) -> Result<(), sqlx::Error> {
    let of = |kind| {
        let event = Event::new(kind).change("email", None::<&str>, Personal(email));
        match tenant {
            Some(tenant) => event.of_tenant(tenant),
            None => event,
        }
    };
    let mut tx = ctx.control().await?;
    let failed = of(EventType::LoginFailed)
        .meta("reason", reason(account))
        .meta("account", account.map(|account| account.person.actor().id));
    audit::record(&mut tx, failed).await?;
    if let Some(scope) = attempt.blocks() {
        let blocked = of(EventType::LoginBlocked).meta("scope", scope.name());
        audit::record(&mut tx, blocked).await?;
    }
    tx.commit().await
}

/// For the tenant's own eyes, in its trail.
fn reason(account: Option<&Account>) -> &'static str {
    match account {
        None => "unknown_address",
        Some(account) if !account.active => "not_active",
        Some(account) if account.password.is_none() => "no_password",
        Some(_) => "wrong_password",
    }
}

pub(crate) fn about(kind: EventType, person: Person) -> Event {
    let event = Event::new(kind);
    match person {
        Person::User(tenant, user) => event.of_tenant(tenant).resource(user, None),
        Person::Admin(admin) => event.resource(admin, None),
    }
}

fn attempts_at<'a>(ctx: &PlatformCtx, realm: &Realm, account: &'a str) -> Subject<'a> {
    Subject {
        tenant: realm.tenant(),
        email: account,
        ip: ip(ctx),
    }
}

/// The same request, by somebody who has proved who he is.
pub(crate) fn recognised(ctx: &PlatformCtx, person: Person) -> PlatformCtx {
    let caller = Caller {
        actor: person.actor(),
        ..ctx.caller().clone()
    };
    ctx.databases().platform(caller)
}

pub(crate) fn ip(ctx: &PlatformCtx) -> Option<std::net::IpAddr> {
    ctx.caller().request.ip
}
