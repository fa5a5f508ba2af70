//! Passing a second factor.

use access::login::Record;
use access::sessions;
use axum::response::Response;
use edge::ProblemResponse;
use gate::{AppState, unexpected};
use isolation::{ControlTx, Tx};
use kernel::Code;
use mfa::passkeys::{self, Challenge};
use mfa::{Verdict, recovery_codes, totp};

use super::failures::{blocked, failed, not_opened};
use super::me::{Insider, Me, relying_party};
use super::orders::{CodeMethod, PasskeyVerification, Verification};
use crate::login;
use crate::outcome::LoginOutcome;

pub(super) async fn verify(
    state: &AppState,
    caller: &impl Insider,
    order: Verification,
) -> Result<Response, ProblemResponse> {
    let me = caller.me()?;
    me.waits()?;
    let mut tx = caller.control().await?;
    let (sealing, code) = (&state.second_factors.sealing, order.code.expose());
    let verdict = match order.method {
        CodeMethod::Totp => totp::verify(&mut tx, sealing, me.person, code).await,
        CodeMethod::RecoveryCode => recovery_codes::redeem(&mut tx, me.person, code).await,
    };
    judged(state, tx, &me, verdict.map_err(failed)?).await
}

pub(super) async fn challenge(state: &AppState, caller: &impl Insider) -> Result<Challenge, ProblemResponse> {
    let me = caller.me()?;
    me.waits()?;
    let mut tx = caller.control().await?;
    let (party, sealing) = (relying_party(state)?, &state.second_factors.sealing);
    let challenge = passkeys::authentication_options(&mut tx, party, sealing, me.person)
        .await
        .map_err(failed)?;
    tx.commit().await.map_err(unexpected)?;
    Ok(challenge)
}

pub(super) async fn verify_passkey(
    state: &AppState,
    caller: &impl Insider,
    order: PasskeyVerification,
) -> Result<Response, ProblemResponse> {
    let me = caller.me()?;
    me.waits()?;
    let mut tx = caller.control().await?;
    let (party, sealing) = (relying_party(state)?, &state.second_factors.sealing);
    let (id, answer) = (order.ceremony_id, order.credential);
    let verdict = passkeys::authenticate(&mut tx, party, sealing, me.person, id, answer).await;
    judged(state, tx, &me, verdict.map_err(failed)?).await
}

/// Opens the session of somebody who passed; a failure counts.
async fn judged(
    state: &AppState,
    mut tx: ControlTx,
    me: &Me,
    verdict: Verdict,
) -> Result<Response, ProblemResponse> {
    let now = tx.now();
    let outcome = match verdict {
        Verdict::Passed => Ok(opened(state, &mut tx, me).await?),
        Verdict::Wrong => Err(ProblemResponse::from(Code::InvalidCode)),
        Verdict::Blocked(until) => Err(blocked(until, now)),
    };
    tx.commit().await.map_err(unexpected)?;
    outcome.map(|outcome: LoginOutcome| outcome.respond(now))
}

/// Opens the session of somebody who did what it was waiting for.
pub(super) async fn opened(
    state: &AppState,
    tx: &mut ControlTx,
    me: &Me,
) -> Result<LoginOutcome, ProblemResponse> {
    let opened = sessions::promote(tx, &state.signing_keys, me.session)
        .await
        .map_err(not_opened)?;
    let factors = mfa::factors(tx, me.person).await.map_err(unexpected)?;
    let record = Record::of(tx, me.person).await.map_err(login::failed)?;
    Ok(LoginOutcome::new(
        state.authenticator.csrf(),
        record,
        opened,
        factors,
    ))
}
