//! Who logged in, on either plane.

use access::login::Record;
use access::sessions::{SessionId, Stage};
use edge::ProblemResponse;
use gate::{AppState, PlatformCaller, TenantCaller, unexpected};
use identity::{Email, Name, Person};
use isolation::{Caller, ControlTx, Databases, PlatformCtx, RequestInfo};
use kernel::{Code, Grants, Problem};
use mfa::Adding;
use mfa::passkeys::RelyingParty;

use crate::login;

/// A caller of either plane.
pub(super) trait Insider: Send + Sync {
    /// Him, if he logged in: a key, or somebody for whom a gateway vouches, has no second factor that is ours.
    fn me(&self) -> Result<Me, ProblemResponse>;
    /// His transaction on the control plane.
    fn control(&self) -> impl Future<Output = Result<ControlTx, ProblemResponse>> + Send;
    /// The request he came with.
    fn request(&self) -> &RequestInfo;
}

impl Insider for TenantCaller {
    fn me(&self) -> Result<Me, ProblemResponse> {
        let session = self.session.ok_or(Code::NotFound)?;
        Ok(Me {
            person: session.person,
            session: session.id,
            stage: session.stage,
            site: self.tenant.name.to_string(),
        })
    }
    async fn control(&self) -> Result<ControlTx, ProblemResponse> {
        self.ctx.control().await.map_err(unexpected)
    }
    fn request(&self) -> &RequestInfo {
        &self.ctx.caller().request
    }
}

impl Insider for PlatformCaller {
    fn me(&self) -> Result<Me, ProblemResponse> {
        let session = self.session.ok_or(Code::NotFound)?;
        Ok(Me {
            person: session.person,
            session: session.id,
            stage: session.stage,
            site: "Tenantry".to_owned(),
        })
    }
    async fn control(&self) -> Result<ControlTx, ProblemResponse> {
        self.ctx.control().await.map_err(unexpected)
    }
    fn request(&self) -> &RequestInfo {
        &self.ctx.caller().request
    }
}

/// Somebody who logged in, perhaps no further than to his second factor.
#[derive(Debug)]
pub(super) struct Me {
    /// Who.
    pub(super) person: Person,
    /// The session.
    pub(super) session: SessionId,
    /// What has to happen before it opens anything.
    pub(super) stage: Stage,
    /// Where he is, as his authenticator shows it.
    pub(super) site: String,
}

impl Me {
    /// On what ground he adds a factor; not before he has passed the one that he has.
    pub(super) fn adding(&self) -> Result<Adding, Code> {
        match self.stage {
            Stage::Open => Ok(Adding::Another),
            Stage::Enrolment => Ok(Adding::First),
            Stage::SecondFactor => Err(Code::SecondFactorRequired),
        }
    }

    /// Passes where a second factor is what the session waits for.
    pub(super) fn waits(&self) -> Result<(), Problem> {
        match self.stage {
            Stage::SecondFactor => Ok(()),
            Stage::Enrolment => Err(Code::EnrolmentRequired.into()),
            Stage::Open => Err(Problem::new(Code::Conflict, "The session is open already.")),
        }
    }

    /// What an authenticator shows of him.
    pub(super) async fn account(&self, tx: &mut ControlTx) -> Result<(Email, Name), ProblemResponse> {
        match Record::of(tx, self.person).await.map_err(login::failed)? {
            Record::User(user) => Ok((user.email, user.name)),
            Record::Admin(admin) => Ok((admin.email, admin.name)),
        }
    }

    /// He himself, where the platform looks at his password; no permission comes with that.
    pub(super) fn before_the_platform(&self, databases: &Databases, request: &RequestInfo) -> PlatformCtx {
        databases.platform(Caller {
            actor: self.person.actor(),
            grants: Grants::none(),
            request: request.clone(),
            limit: None,
        })
    }
}

/// For whom authenticators sign.
pub(super) fn relying_party(state: &AppState) -> Result<&RelyingParty, Problem> {
    let party = state.second_factors.relying_party.as_ref();
    party.ok_or_else(|| {
        let detail = "Passkeys need a public address (server.public_url) with a host name.";
        Problem::new(Code::Conflict, detail)
    })
}
