//! What can be done with tenants. Every change counts the version up, writes its event and is announced.

use audit::{Event, EventType, Value};
use isolation::{ControlTx, IsolationStrategy, Tx};
use kernel::{TenantId, Timestamp};
use serde_json::{Map, Value as Json};

use super::model::{BillingCycle, Tenant};
use super::patch::PatchTenant;
use super::settings::{InvalidSettings, Settings};
use super::slug::Slug;
use super::status::{InvalidTransition, Status};
use super::text::{Region, TenantName};
use super::{slugs, sql};
use crate::plans::{FeatureOverrides, LimitOverrides, PlanId};

/// The topic that changes of tenants are announced under.
pub(crate) const TOPIC: &str = "tenant";

/// A tenant that is ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTenant {
    /// What people call it.
    pub name: TenantName,
    /// What it is called in addresses.
    pub slug: Slug,
    /// What it is on.
    pub plan: PlanId,
    /// How often it pays.
    pub billing_cycle: BillingCycle,
    /// How its data is walled off.
    pub isolation_strategy: IsolationStrategy,
    /// Where it wants its data to be.
    pub region: Option<Region>,
    /// What it has differently from its plan.
    pub features: FeatureOverrides,
    /// How much it may differently from its plan.
    pub limits: LimitOverrides,
    /// Its application's settings.
    pub settings: Settings,
}

/// A tenant cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum CreateTenantError {
    /// Another tenant has it, or had it until a short while ago.
    #[error("the slug is not available")]
    SlugTaken,
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A tenant's record cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum ChangeTenantError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NotFound,
    /// Somebody else changed it first.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// The status does not allow the action.
    #[error(transparent)]
    InvalidTransition(#[from] InvalidTransition),
    /// The status does not allow the record to be changed.
    #[error("the record of a tenant that is {} cannot be changed", .0.name())]
    NotEditable(Status),
    /// Another tenant has the slug, or had it until a short while ago.
    #[error("the slug is not available")]
    SlugTaken,
    /// The settings cannot be kept.
    #[error("the settings {0}")]
    Settings(#[from] InvalidSettings),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The record is not of the version that the caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tenant was changed in the meantime")]
pub struct VersionMismatch {
    /// The version it is of.
    pub current: i64,
}

/// Records the order: a tenant in status provisioning that holds its slug.
pub async fn insert(tx: &mut ControlTx, new: NewTenant) -> Result<Tenant, CreateTenantError> {
    let tenant = ordered(tx, new);
    if !slugs::claim(tx, &tenant.slug, tenant.id).await? {
        return Err(CreateTenantError::SlugTaken);
    }
    sql::insert(tx, &tenant).await?;
    let event = event(EventType::TenantCreated, &tenant)
        .change("name", None::<String>, tenant.name.as_str())
        .change("slug", None::<String>, tenant.slug.as_str())
        .change("plan", None::<String>, tenant.plan.name())
        .change(
            "isolationStrategy",
            None::<String>,
            tenant.isolation_strategy.name(),
        );
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.id.to_string()).await?;
    Ok(tenant)
}

fn ordered(tx: &ControlTx, new: NewTenant) -> Tenant {
    let now = tx.now();
    Tenant {
        id: tx.new_id(),
        name: new.name,
        slug: new.slug,
        status: Status::Provisioning,
        plan: new.plan,
        billing_cycle: new.billing_cycle,
        isolation_strategy: new.isolation_strategy,
        custom_domain: None,
        region: new.region,
        feature_overrides: new.features,
        limit_overrides: new.limits,
        settings: new.settings,
        version: 1,
        created_at: now,
        updated_at: now,
        trial_ends_at: None,
        suspended_at: None,
        suspension_reason: None,
        canceled_at: None,
        subscription_ends_at: None,
        deletion_requested_at: None,
        purge_at: None,
        deleted_at: None,
        resume_status: None,
    }
}

/// The tenant, whatever its status.
pub async fn get(tx: &mut ControlTx, id: TenantId) -> Result<Option<Tenant>, sqlx::Error> {
    sql::get(tx, id).await
}

/// The tenant, kept from changing otherwise until the transaction ends: for rooms above that add something to it.
pub async fn get_for_update(tx: &mut ControlTx, id: TenantId) -> Result<Option<Tenant>, sqlx::Error> {
    sql::lock(tx, id).await
}

/// The tenant that uses the slug now.
pub async fn find_by_slug(tx: &mut ControlTx, slug: &Slug) -> Result<Option<Tenant>, sqlx::Error> {
    sql::find_by_slug(tx, slug).await
}

/// Changes the record, if it is still of the version that the caller expects.
pub async fn update(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
    patch: PatchTenant,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, expected).await?;
    let after = editable(&before)?.clone().patched(patch)?;
    if after == before {
        return Ok(before);
    }
    if after.slug != before.slug {
        if !slugs::claim(tx, &after.slug, id).await? {
            return Err(ChangeTenantError::SlugTaken);
        }
        slugs::give_up(tx, &before.slug, id).await?;
    }
    let (event, now) = (changes(&before, &after), tx.now());
    Ok(save(tx, after, now, event).await?)
}

/// The tenant of the transaction's own caller.
pub async fn own(tx: &mut ControlTx) -> Result<Option<Tenant>, sqlx::Error> {
    match tx.tenant() {
        Some(id) => sql::get(tx, id).await,
        None => Ok(None),
    }
}

/// Changes what a tenant may change about itself: how it is called, and its settings by a JSON Merge Patch.
pub async fn update_own(
    tx: &mut ControlTx,
    expected: Option<i64>,
    name: Option<TenantName>,
    settings: Map<String, Json>,
) -> Result<Tenant, ChangeTenantError> {
    let id = tx.tenant().ok_or(ChangeTenantError::NotFound)?;
    let before = lock(tx, id, expected).await?;
    let patch = PatchTenant {
        name,
        settings,
        ..PatchTenant::default()
    };
    let after = editable(&before)?.clone().patched(patch)?;
    if after == before {
        return Ok(before);
    }
    let event = changes(&before, &after);
    let after = touched(after, tx.now());
    sql::save_own(tx, &after).await?;
    Ok(told(tx, after, event).await?)
}

/// Sets or takes away the first of the tenant's own host names. Custom domains call it; they know what is allowed.
pub async fn set_custom_domain(
    tx: &mut ControlTx,
    id: TenantId,
    domain: Option<&str>,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, None).await?;
    if before.custom_domain.as_deref() == domain {
        return Ok(before);
    }
    let after = Tenant {
        custom_domain: domain.map(str::to_owned),
        ..before.clone()
    };
    let (event, now) = (changes(&before, &after), tx.now());
    Ok(save(tx, after, now, event).await?)
}

/// Says until when the tenant has what it pays for, once there is an end in sight. Billing calls it.
pub async fn set_subscription_end(
    tx: &mut ControlTx,
    id: TenantId,
    ends_at: Option<Timestamp>,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, None).await?;
    if before.subscription_ends_at == ends_at {
        return Ok(before);
    }
    let after = Tenant {
        subscription_ends_at: ends_at,
        ..before.clone()
    };
    let event = event(EventType::TenantUpdated, &after).change(
        "subscriptionEndsAt",
        before.subscription_ends_at,
        after.subscription_ends_at,
    );
    let now = tx.now();
    Ok(save(tx, after, now, event).await?)
}

/// The tenant for this transaction alone until it ends, if it is of the version that the caller expects.
pub(super) async fn lock(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let tenant = sql::lock(tx, id).await?.ok_or(ChangeTenantError::NotFound)?;
    match expected {
        Some(version) if version != tenant.version => Err(VersionMismatch {
            current: tenant.version,
        }
        .into()),
        _ => Ok(tenant),
    }
}

/// Stores a changed tenant with its event.
pub(super) async fn save(
    tx: &mut ControlTx,
    tenant: Tenant,
    now: Timestamp,
    event: Event,
) -> Result<Tenant, sqlx::Error> {
    let tenant = touched(tenant, now);
    sql::save(tx, &tenant).await?;
    told(tx, tenant, event).await
}

/// An event about this tenant.
pub(super) fn event(kind: EventType, tenant: &Tenant) -> Event {
    Event::new(kind)
        .of_tenant(tenant.id)
        .resource(tenant.id, Some(tenant.name.as_str()))
}

fn touched(tenant: Tenant, now: Timestamp) -> Tenant {
    Tenant {
        version: tenant.version + 1,
        updated_at: now,
        ..tenant
    }
}

async fn told(tx: &mut ControlTx, tenant: Tenant, event: Event) -> Result<Tenant, sqlx::Error> {
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.id.to_string()).await?;
    Ok(tenant)
}

const fn editable(tenant: &Tenant) -> Result<&Tenant, ChangeTenantError> {
    if tenant.status.is_editable() {
        Ok(tenant)
    } else {
        Err(ChangeTenantError::NotEditable(tenant.status))
    }
}

/// What an update changed. Settings are the application's and may hold anything: only their names are recorded.
fn changes(before: &Tenant, after: &Tenant) -> Event {
    let region = |tenant: &Tenant| tenant.region.as_ref().map(|region| region.as_str().to_owned());
    let event = event(EventType::TenantUpdated, after)
        .change("name", before.name.as_str(), after.name.as_str())
        .change("slug", before.slug.as_str(), after.slug.as_str())
        .change("status", before.status.name(), after.status.name())
        .change("plan", before.plan.name(), after.plan.name())
        .change(
            "billingCycle",
            before.billing_cycle.name(),
            after.billing_cycle.name(),
        )
        .change("region", region(before), region(after))
        .change(
            "customDomain",
            before.custom_domain.clone(),
            after.custom_domain.clone(),
        )
        .change(
            "config.features",
            Value::plain(&before.feature_overrides),
            Value::plain(&after.feature_overrides),
        )
        .change(
            "limits",
            Value::plain(&before.limit_overrides),
            Value::plain(&after.limit_overrides),
        );
    let settings = before.settings.changed(&after.settings);
    if settings.is_empty() {
        event
    } else {
        event.meta("changedSettings", Value::plain(settings))
    }
}
