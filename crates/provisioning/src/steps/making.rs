//! Making a tenant, step by step. Each may be repeated.

use std::sync::atomic::Ordering;

use access::invitations;
use audit::{Event, EventType};
use billing::subscriptions;
use identity::users::{self, User, UserError};
use isolation::ControlTx;

use crate::request::Owner;
use crate::run::Outcome;
use crate::steps::{Step, StepError, StepResult, Work, removing};

/// The steps that work outside the control plane.
pub(crate) async fn outside_step(step: Step, work: &Work<'_>) -> StepResult {
    match step {
        Step::CreateDatabase => create_database(work).await,
        Step::Migrate => migrate(work).await,
        Step::CreateStorage => create_storage(work).await,
        Step::ConfigureCdn => Ok(configure_cdn(work)),
        Step::SeedData => seed_data(work).await,
        other => removing::outside_step(other, work).await,
    }
}

/// The steps that only change the control plane.
pub(crate) async fn control_step(step: Step, work: &Work<'_>, tx: &mut ControlTx) -> StepResult {
    match step {
        // Done in the transaction that made the run: what was refused there never became a run.
        Step::Validate => Ok(Outcome::DONE),
        Step::ReserveSlug => Ok(Outcome::made(work.tenant.slug.to_string())),
        Step::CreateOwner => create_owner(work, tx).await,
        Step::StartBilling => start_billing(work, tx).await,
        Step::ConfigureDomain => Ok(configure_domain(work)),
        Step::ApplyPlan => Ok(Outcome::made(format!("plan {}", work.tenant.plan))),
        Step::SendWelcome => send_welcome(work, tx).await,
        other => removing::control_step(other, work, tx).await,
    }
}

async fn create_database(work: &Work<'_>) -> StepResult {
    let databases = &work.services.databases;
    let (made, marked) = tokio::join!(
        databases.create_store(&work.store),
        databases.mark_active(&work.store)
    );
    work.store_is_new.store(made?, Ordering::Relaxed);
    marked?;
    let own = work.store.own_database().or_else(|| work.store.own_schema());
    Ok(own.map_or(Outcome::Skipped, Outcome::made))
}

async fn migrate(work: &Work<'_>) -> StepResult {
    if !work.store_is_new.load(Ordering::Relaxed) {
        work.services.databases.migrate_store(&work.store).await?;
    }
    Ok(Outcome::made(format!(
        "schema version {}",
        isolation::tenant_schema_version()
    )))
}

async fn create_storage(work: &Work<'_>) -> StepResult {
    let space = work.services.storage.tenant(work.tenant.id);
    space.create().await?;
    Ok(Outcome::made(space.name()))
}

/// The origin serves what is below the tenant's prefix; there is nothing to be made for it.
fn configure_cdn(work: &Work<'_>) -> Outcome {
    let space = work.services.storage.tenant(work.tenant.id);
    work.services.cdn_url.as_ref().map_or(Outcome::Skipped, |base| {
        Outcome::made(format!("{base}/{}", space.name()))
    })
}

async fn seed_data(work: &Work<'_>) -> StepResult {
    let ctx = work
        .services
        .databases
        .system_inside("provisioning", work.store.clone());
    let mut tx = ctx.write().await?;
    let is_free = work.tenant.plan.plan().trial_days == 0;
    workspace::seed::initial(&mut tx, is_free, work.tenant.name.as_str()).await?;
    tx.commit_before_control().await?;
    Ok(Outcome::DONE)
}

async fn create_owner(work: &Work<'_>, tx: &mut ControlTx) -> StepResult {
    let Some(owner) = &work.order.owner else {
        return Ok(Outcome::Skipped);
    };
    let user = the_owner(work, tx, owner).await?;
    Ok(Outcome::made(user.id.to_string()))
}

/// The owner as he was ordered: added, or known from an earlier step.
async fn the_owner(work: &Work<'_>, tx: &mut ControlTx, ordered: &Owner) -> Result<User, UserError> {
    let (email, name) = (ordered.email.clone(), ordered.name.clone());
    let password = ordered.password.clone();
    // Boxed, as the letter below: every run's future would otherwise have room for them.
    Box::pin(users::create_owner(tx, work.tenant.id, email, name, password)).await
}

/// The customer, and the subscription with its trial where the plan has one. The tenant's activation records that it began.
async fn start_billing(work: &Work<'_>, tx: &mut ControlTx) -> StepResult {
    let owner = work.order.owner.as_ref();
    let email = owner.map(|owner| owner.email.as_str().to_owned());
    let begun = Box::pin(subscriptions::start(
        tx,
        &work.services.terms,
        &work.tenant,
        email,
    ))
    .await?;
    Ok(Outcome::made(begun.subscription.id.to_string()))
}

/// The domain was claimed with the order; it is served once its ownership is proved, whenever that is.
fn configure_domain(work: &Work<'_>) -> Outcome {
    let domain = work.order.domain.as_ref();
    domain.map_or(Outcome::Skipped, |name| {
        Outcome::made(format!("{name} waits for its ownership to be proved"))
    })
}

/// The mail leaves with the transaction's commit; its delivery is tried until it succeeds and never fails the tenant.
async fn send_welcome(work: &Work<'_>, tx: &mut ControlTx) -> StepResult {
    let Some(owner) = &work.order.owner else {
        return Ok(Outcome::Skipped);
    };
    let user = the_owner(work, tx, owner).await?;
    Box::pin(invitations::welcome(tx, &work.services.letters, &user)).await?;
    Ok(Outcome::made("the welcome mail is on its way"))
}

/// The tenant opens.
pub(crate) async fn activate(work: &Work<'_>, tx: &mut ControlTx) -> Result<(), StepError> {
    let opened = tenants::activate(tx, work.tenant.id).await?;
    let started = Event::new(EventType::SubscriptionStarted)
        .of_tenant(opened.id)
        .resource(opened.id, Some(opened.name.as_str()))
        .meta("plan", opened.plan.name())
        .meta("trialEndsAt", opened.trial_ends_at);
    Ok(audit::record(tx, started).await?)
}
