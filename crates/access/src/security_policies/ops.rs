//! Reading and replacing a tenant's policy.

use audit::{Event, EventType, Value};
use identity::TENANT_PEOPLE_TOPIC;
use isolation::{ControlTx, Tx};
use kernel::{FieldError, TenantId};

use super::model::{NewSecurityPolicy, SecurityPolicy};
use super::{TOPIC, sql};

/// What becomes of a policy whose networks do not have the address of who sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnAddress {
    /// He would shut himself out: it is refused.
    MustStayIn,
    /// That is meant, or he does not come in by this door.
    DoesNotMatter,
}

/// A policy cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum SecurityPolicyError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NotFound,
    /// Somebody else changed it first.
    #[error("the policy was changed in the meantime")]
    VersionMismatch,
    /// Fields that are not valid.
    #[error("the policy is not valid")]
    Invalid(Vec<FieldError>),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What holds for the tenant.
pub async fn get(tx: &mut ControlTx, tenant: TenantId) -> Result<SecurityPolicy, sqlx::Error> {
    Ok(sql::find(tx, tenant).await?.unwrap_or_default())
}

/// What holds for the tenant until the transaction ends: whoever would change it waits.
pub(crate) async fn get_held(tx: &mut ControlTx, tenant: TenantId) -> Result<SecurityPolicy, sqlx::Error> {
    sql::hold(tx, tenant).await?;
    get(tx, tenant).await
}

/// Lets this hold from now on. Open sessions get no longer than it says, and where a second factor is demanded anew,
/// browsers' sessions of people who have none open nothing any more but adding one, and programs' ones end.
pub async fn put(
    tx: &mut ControlTx,
    tenant: TenantId,
    expected: Option<i64>,
    new: &NewSecurityPolicy,
    own_address: OwnAddress,
) -> Result<SecurityPolicy, SecurityPolicyError> {
    // Whoever sets it at the same time waits here.
    let known = tenants::get_for_update(tx, tenant).await?;
    known.ok_or(SecurityPolicyError::NotFound)?;
    let before = get(tx, tenant).await?;
    if expected.is_some_and(|version| version != before.version) {
        return Err(SecurityPolicyError::VersionMismatch);
    }
    let after = new.check(before.version).map_err(SecurityPolicyError::Invalid)?;
    if own_address == OwnAddress::MustStayIn {
        require_within(tx, &after)?;
    }
    if after == before {
        return Ok(before);
    }
    save(tx, tenant, &before, after).await
}

fn require_within(tx: &ControlTx, policy: &SecurityPolicy) -> Result<(), SecurityPolicyError> {
    let address = tx.request().ip;
    if policy.lets_in(address) {
        return Ok(());
    }
    let shown = address.map_or("unknown".to_owned(), |address| address.to_string());
    let detail = format!(
        "does not have the address that this request comes from ({shown}), so you would shut yourself out: add it, or \
         repeat the request with ?allowSelfLockout=true"
    );
    Err(SecurityPolicyError::Invalid(vec![FieldError::new(
        "/ipAllowList",
        detail,
    )]))
}

async fn save(
    tx: &mut ControlTx,
    tenant: TenantId,
    before: &SecurityPolicy,
    after: SecurityPolicy,
) -> Result<SecurityPolicy, SecurityPolicyError> {
    let after = SecurityPolicy {
        version: before.version + 1,
        ..after
    };
    sql::save(tx, tenant, &after).await?;
    let mut event = changes(before, &after).of_tenant(tenant);
    if after.tightens(before) {
        let confined = sql::confine_sessions(tx, tenant, &after).await?;
        event = event.meta("sessionsConfined", confined);
        tx.announce(TENANT_PEOPLE_TOPIC, &tenant.uuid().to_string())
            .await?;
    }
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.uuid().to_string()).await?;
    Ok(after)
}

fn changes(before: &SecurityPolicy, after: &SecurityPolicy) -> Event {
    Event::new(EventType::SecurityPolicyUpdated)
        .change("mfaRequired", before.mfa_required, after.mfa_required)
        .change(
            "ipAllowList",
            Value::plain(&before.ip_allow_list),
            Value::plain(&after.ip_allow_list),
        )
        .change(
            "allowedOrigins",
            Value::plain(&before.allowed_origins),
            Value::plain(&after.allowed_origins),
        )
        .change(
            "sessionIdleMinutes",
            before.session_idle_minutes,
            after.session_idle_minutes,
        )
        .change(
            "sessionLifetimeHours",
            before.session_lifetime_hours,
            after.session_lifetime_hours,
        )
}
