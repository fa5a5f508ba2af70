//! What somebody has, and what he does about it with fresh proof.

use std::ops::ControlFlow;

use access::sessions::{self, EndReason, Stage};
use edge::ProblemResponse;
use gate::{Answer, AppState, Asked, Door, Keyed, Optional, unexpected};
use isolation::{ControlTx, Tx};
use kernel::Code;
use mfa::passkeys::{self, Passkey, PasskeyId};
use mfa::{Verdict, factors, recovery_codes, totp};

use super::failures::{blocked, failed, not_opened};
use super::me::{Insider, Me};
use super::orders::{Overview, Proof, RecoveryCodes};
use crate::login;

pub(super) async fn overview(state: &AppState, caller: &impl Insider) -> Result<Overview, ProblemResponse> {
    let me = caller.me()?;
    let required = state
        .login
        .demands_second_factor(me.person)
        .await
        .map_err(unexpected)?;
    let mut tx = caller.control().await?;
    let factors = factors(&mut tx, me.person).await.map_err(unexpected)?;
    let methods = factors.methods();
    Ok(Overview {
        required,
        factors,
        methods,
    })
}

pub(super) async fn list_passkeys(caller: &impl Insider) -> Result<Vec<Passkey>, ProblemResponse> {
    let me = caller.me()?;
    let mut tx = caller.control().await?;
    passkeys::list(&mut tx, me.person).await.map_err(unexpected)
}

pub(super) async fn get_passkey(caller: &impl Insider, id: PasskeyId) -> Result<Passkey, ProblemResponse> {
    let me = caller.me()?;
    let mut tx = caller.control().await?;
    passkeys::get(&mut tx, me.person, id).await.map_err(failed)
}

/// What is removed.
pub(super) enum Gone {
    Totp,
    Passkey(PasskeyId),
}

pub(super) async fn remove<D>(
    state: &AppState,
    keyed: Keyed<D, Optional<Proof>>,
    gone: Gone,
) -> Result<Answer, ProblemResponse>
where
    D: Door<Tx = ControlTx>,
    D::Caller: Insider,
{
    let me = keyed.request.caller.me()?;
    let (request, mut tx) = match proved(state, keyed, &me).await? {
        ControlFlow::Break(answer) => return Ok(answer),
        ControlFlow::Continue(open) => open,
    };
    let required = state
        .login
        .demands_second_factor(me.person)
        .await
        .map_err(unexpected)?;
    match gone {
        Gone::Totp => totp::remove(&mut tx, me.person, required).await,
        Gone::Passkey(id) => passkeys::remove(&mut tx, me.person, id, required).await,
    }
    .map_err(failed)?;
    end_others(&mut tx, &me).await?;
    request.finish(tx, Answer::no_content()).await
}

pub(super) async fn make_recovery_codes<D>(
    state: &AppState,
    keyed: Keyed<D, Optional<Proof>>,
) -> Result<Answer, ProblemResponse>
where
    D: Door<Tx = ControlTx>,
    D::Caller: Insider,
{
    let me = keyed.request.caller.me()?;
    let (request, mut tx) = match proved(state, keyed, &me).await? {
        ControlFlow::Break(answer) => return Ok(answer),
        ControlFlow::Continue(open) => open,
    };
    let codes = recovery_codes::make(&mut tx, me.person).await.map_err(failed)?;
    request.finish(tx, Answer::ok(&RecoveryCodes::from(codes))?).await
}

/// A request by somebody who proved that it is him, or who has just done so at the door and waits for his first factor, with the transaction that its change and its answer share; or the
/// answer that it was given before.
pub(super) type Proved<D> = ControlFlow<Answer, (Asked<D>, ControlTx)>;

/// The proof is looked at in a transaction of its own, because a wrong one has to count and a code is used up; but not
/// where the request was answered before, because then the same code was right.
pub(super) async fn proved<D>(
    state: &AppState,
    keyed: Keyed<D, Optional<Proof>>,
    me: &Me,
) -> Result<Proved<D>, ProblemResponse>
where
    D: Door<Tx = ControlTx>,
    D::Caller: Insider,
{
    let Keyed { body, request } = keyed;
    if let (_, Some(kept)) = request.open().await? {
        return Ok(ControlFlow::Break(kept.into()));
    }
    if me.stage != Stage::Enrolment {
        prove(state, &request.caller, me, body.0).await?;
    }
    match request.open().await? {
        (_, Some(kept)) => Ok(ControlFlow::Break(kept.into())),
        (tx, None) => Ok(ControlFlow::Continue((request, tx))),
    }
}

async fn prove(
    state: &AppState,
    caller: &impl Insider,
    me: &Me,
    proof: Proof,
) -> Result<(), ProblemResponse> {
    if let Some(password) = proof.password {
        let ctx = me.before_the_platform(&state.databases, caller.request());
        let proved = state.login.prove(&ctx, me.person, password).await;
        return proved.map_err(login::failed);
    }
    let code = proof.code.ok_or_else(Proof::missing)?;
    let mut tx = caller.control().await?;
    let sealing = &state.second_factors.sealing;
    let verdict = mfa::prove(&mut tx, sealing, me.person, code.expose())
        .await
        .map_err(failed)?;
    let now = tx.now();
    tx.commit().await.map_err(unexpected)?;
    match verdict {
        Verdict::Passed => Ok(()),
        Verdict::Wrong => Err(Code::InvalidCode.into()),
        Verdict::Blocked(until) => Err(blocked(until, now)),
    }
}

/// Those that a factor let in which is there no more, or that came in without one.
pub(super) async fn end_others(tx: &mut ControlTx, me: &Me) -> Result<(), ProblemResponse> {
    let reason = EndReason::SecondFactorChanged;
    let ended = sessions::end_all(tx, me.person, Some(me.session), reason).await;
    ended.map(|_| ()).map_err(not_opened)
}
