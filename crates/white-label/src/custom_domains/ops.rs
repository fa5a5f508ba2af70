//! What can be done with custom domains, by operators and by the saga that sets tenants up and removes them. Every
//! change writes its event and is announced under the topic `domain`.
//!
//! The first name a tenant has is also shown in its record, which is locked first: nothing is added to a tenant that
//! is being removed.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::TenantId;
use tenants::{ChangeTenantError, Status, Tenant};

use super::hostname::Hostname;
use super::model::{CustomDomain, DomainStatus};
use super::sql;

/// The topic that changes of custom domains are announced under.
pub(super) const TOPIC: &str = "domain";

/// A domain cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterDomainError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// The tenant's status does not allow it.
    #[error("a tenant that is {} cannot be given a domain", .0.name())]
    Closed(Status),
    /// Another tenant has it, or had it until a short while ago.
    #[error("the domain is not available")]
    DomainTaken,
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A domain cannot be given up.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseDomainError {
    /// The tenant has no such domain.
    #[error("the tenant has no such domain")]
    NotFound,
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Registers a name, its ownership still to be proved. One that the tenant already has is answered as it is.
pub async fn register(
    tx: &mut ControlTx,
    tenant: TenantId,
    domain: Hostname,
) -> Result<CustomDomain, RegisterDomainError> {
    let owner = lock_owner(tx, tenant).await?;
    if let Some(present) = sql::find(tx, tenant, &domain).await? {
        return Ok(present);
    }
    let claim = CustomDomain::pending(tenant, domain, tx.seams());
    if !sql::claim(tx, &claim).await? {
        return Err(RegisterDomainError::DomainTaken);
    }
    tell(tx, EventType::DomainAdded, &claim).await?;
    if owner.custom_domain.is_none() {
        show_in_record(tx, tenant, Some(&claim.domain)).await?;
    }
    Ok(claim)
}

async fn lock_owner(tx: &mut ControlTx, tenant: TenantId) -> Result<Tenant, RegisterDomainError> {
    let owner = tenants::get_for_update(tx, tenant).await?;
    let owner = owner.ok_or(RegisterDomainError::NoSuchTenant)?;
    if owner.status == Status::Provisioning || owner.status.is_editable() {
        Ok(owner)
    } else {
        Err(RegisterDomainError::Closed(owner.status))
    }
}

/// The tenant's domain of this name.
pub async fn find(
    tx: &mut ControlTx,
    tenant: TenantId,
    domain: &Hostname,
) -> Result<Option<CustomDomain>, sqlx::Error> {
    sql::find(tx, tenant, domain).await
}

/// The tenant's domains, the first one first.
pub async fn list(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<CustomDomain>, sqlx::Error> {
    sql::list(tx, tenant).await
}

/// Gives a name up. One that was in use goes into quarantine; one that never was is free at once.
pub async fn release(
    tx: &mut ControlTx,
    tenant: TenantId,
    domain: &Hostname,
) -> Result<(), ReleaseDomainError> {
    let owner = tenants::get_for_update(tx, tenant).await?;
    let present = sql::find(tx, tenant, domain).await?;
    let (Some(owner), Some(present)) = (owner, present) else {
        return Err(ReleaseDomainError::NotFound);
    };
    match present.status {
        DomainStatus::Verified => sql::quarantine(tx, &present).await?,
        DomainStatus::Pending | DomainStatus::Released => sql::delete(tx, &present).await?,
    }
    tell(tx, EventType::DomainRemoved, &present).await?;
    if owner.custom_domain.as_deref() == Some(domain.as_str()) {
        let next = sql::list(tx, tenant).await?.into_iter().next();
        show_in_record(tx, tenant, next.as_ref().map(|next| &next.domain)).await?;
    }
    Ok(())
}

/// The tenant is being removed: all its names go into quarantine.
pub async fn release_all(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<CustomDomain>, sqlx::Error> {
    tenants::get_for_update(tx, tenant).await?;
    let released = sql::list(tx, tenant).await?;
    for domain in &released {
        sql::quarantine(tx, domain).await?;
        tell(tx, EventType::DomainRemoved, domain).await?;
    }
    Ok(released)
}

/// The tenant could not be set up: the names that were registered for it are free at once, for the next attempt.
pub async fn withdraw_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    tenants::get_for_update(tx, tenant).await?;
    for domain in sql::list(tx, tenant).await? {
        sql::delete(tx, &domain).await?;
        tell(tx, EventType::DomainRemoved, &domain).await?;
    }
    show_in_record(tx, tenant, None).await
}

async fn tell(tx: &mut ControlTx, kind: EventType, domain: &CustomDomain) -> Result<(), sqlx::Error> {
    let event = Event::new(kind)
        .of_tenant(domain.tenant)
        .resource(domain.id, Some(domain.domain.as_str()));
    audit::record(tx, event).await?;
    tx.announce(TOPIC, domain.domain.as_str()).await
}

async fn show_in_record(
    tx: &mut ControlTx,
    tenant: TenantId,
    domain: Option<&Hostname>,
) -> Result<(), sqlx::Error> {
    match tenants::set_custom_domain(tx, tenant, domain.map(Hostname::as_str)).await {
        Ok(_) | Err(ChangeTenantError::NotFound) => Ok(()),
        Err(ChangeTenantError::Database(error)) => Err(error),
        Err(other) => Err(sqlx::Error::Protocol(other.to_string())),
    }
}
