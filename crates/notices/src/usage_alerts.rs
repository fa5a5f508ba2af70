//! A use reached a threshold: the tenant's owners and admins are written to, and `usage.alert` is published.

use isolation::{ControlTx, Tx};
use jobs::{JobError, Run};
use metering::alerts::{self, Alert, UsageAlerted};
use serde_json::json;
use webhooks::{Event, EventType};

use crate::people::{Letter, Sender, write_to_tenant};

/// The job's handler.
pub async fn tell(run: Run, job: UsageAlerted, sender: Sender) -> Result<(), JobError> {
    let mut tx = run.ctx.control().await?;
    let Some(alert) = alerts::take_untold(&mut tx, job.tenant, job.alert).await? else {
        return Ok(());
    };
    publish(&mut tx, &alert).await?;
    if let Some(tenant) = tenants::get(&mut tx, job.tenant).await? {
        let letter = letter(&alert, tenant.name.as_str());
        write_to_tenant(&mut tx, &sender, job.tenant, &letter).await?;
    }
    let reached = tx.seams().faults.reach("notices.alert");
    reached.map_err(|planted| JobError::Retry(planted.to_string()))?;
    Ok(tx.commit().await?)
}

async fn publish(tx: &mut ControlTx, alert: &Alert) -> Result<(), sqlx::Error> {
    let data = json!({
        "alertId": alert.id, "metric": alert.metric, "period": alert.period, "startsAt": alert.starts_at,
        "endsAt": alert.ends_at, "percent": alert.percent, "limit": alert.limit, "used": alert.used,
        "raisedAt": alert.raised_at,
    });
    let event = Event {
        kind: EventType::UsageAlert,
        tenant: Some(alert.tenant_id),
        data,
    };
    webhooks::publish(tx, &event).await.map(drop)
}

fn letter(alert: &Alert, tenant: &str) -> Letter {
    let metric = alert.metric.as_str().replace('_', " ");
    Letter {
        subject: format!("{tenant}: {} % of {metric} used", alert.percent),
        text: format!(
            "{tenant} has used {} of {} ({metric}, {}), which is {} % or more of what it may.\n\n\
             The period began at {} and ends at {}.\n",
            alert.used,
            alert.limit,
            alert.period.name(),
            alert.percent,
            alert.starts_at,
            alert.ends_at,
        ),
    }
}
