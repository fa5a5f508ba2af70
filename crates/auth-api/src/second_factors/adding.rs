//! Adding a second factor. Where a session is open already, what begins it asks for fresh proof: who found the session
//! open could add a factor of his own. What completes it holds what only the beginning handed out.

use std::ops::ControlFlow;

use access::sessions::Stage;
use edge::ProblemResponse;
use gate::{Answer, AppState, Door, Keyed, Optional, unexpected};
use isolation::{ControlTx, Tx};
use mfa::FactorError;
use mfa::passkeys::{self, Account};
use mfa::totp::{self, Label};

use super::changing::{end_others, proved};
use super::failures::failed;
use super::me::{Insider, Me, relying_party};
use super::orders::{Added, PasskeyOrder, Proof, TotpEnrolment};
use super::passing::opened;

pub(super) async fn begin_totp<D>(
    state: &AppState,
    keyed: Keyed<D, Optional<Proof>>,
) -> Result<Answer, ProblemResponse>
where
    D: Door<Tx = ControlTx>,
    D::Caller: Insider,
{
    let me = keyed.request.caller.me()?;
    let adding = me.adding()?;
    let (request, mut tx) = match proved(state, keyed, &me).await? {
        ControlFlow::Break(answer) => return Ok(answer),
        ControlFlow::Continue(open) => open,
    };
    let (email, _) = me.account(&mut tx).await?;
    let label = Label {
        issuer: &me.site,
        account: email.as_str(),
    };
    let sealing = &state.second_factors.sealing;
    let enrolment = totp::begin(&mut tx, sealing, me.person, label, adding)
        .await
        .map_err(failed)?;
    request
        .finish(tx, Answer::ok(&TotpEnrolment::from(enrolment))?)
        .await
}

pub(super) async fn confirm_totp(
    state: &AppState,
    caller: &impl Insider,
    code: &str,
) -> Result<Added, ProblemResponse> {
    let me = caller.me()?;
    let adding = me.adding()?;
    let mut tx = caller.control().await?;
    let sealing = &state.second_factors.sealing;
    let codes = totp::confirm(&mut tx, sealing, me.person, code, adding)
        .await
        .map_err(failed)?;
    in_use(state, tx, &me, codes.into()).await
}

pub(super) async fn registration_options<D>(
    state: &AppState,
    keyed: Keyed<D, Optional<Proof>>,
) -> Result<Answer, ProblemResponse>
where
    D: Door<Tx = ControlTx>,
    D::Caller: Insider,
{
    let me = keyed.request.caller.me()?;
    let adding = me.adding()?;
    let (request, mut tx) = match proved(state, keyed, &me).await? {
        ControlFlow::Break(answer) => return Ok(answer),
        ControlFlow::Continue(open) => open,
    };
    let (email, name) = me.account(&mut tx).await?;
    let account = Account {
        site: &me.site,
        email: email.as_str(),
        name: name.as_str(),
    };
    let (party, sealing) = (relying_party(state)?, &state.second_factors.sealing);
    let challenge = passkeys::registration_options(&mut tx, party, sealing, me.person, account, adding)
        .await
        .map_err(failed)?;
    request.finish(tx, Answer::ok(&challenge)?).await
}

pub(super) async fn add_passkey(
    state: &AppState,
    caller: &impl Insider,
    order: PasskeyOrder,
) -> Result<Added, ProblemResponse> {
    let me = caller.me()?;
    let adding = me.adding()?;
    let mut tx = caller.control().await?;
    let (party, sealing) = (relying_party(state)?, &state.second_factors.sealing);
    let answer = passkeys::Answer {
        name: order.name,
        credential: order.credential,
    };
    let id = order.ceremony_id;
    match passkeys::register(&mut tx, party, sealing, me.person, id, answer, adding).await {
        Ok(registration) => in_use(state, tx, &me, registration.into()).await,
        Err(error) => {
            // The challenge is used up by a wrong answer too.
            if matches!(error, FactorError::Wrong) {
                tx.commit().await.map_err(unexpected)?;
            }
            Err(failed(error))
        }
    }
}

/// A factor more: a session that waited for it opens, and those that were opened without any end.
async fn in_use(
    state: &AppState,
    mut tx: ControlTx,
    me: &Me,
    mut added: Added,
) -> Result<Added, ProblemResponse> {
    if added.is_first() {
        end_others(&mut tx, me).await?;
    }
    if me.stage == Stage::Enrolment {
        added.opened(opened(state, &mut tx, me).await?, tx.now());
    }
    tx.commit().await.map_err(unexpected)?;
    Ok(added)
}
