//! Putting the first data there.

use audit::{Event, EventType, Value};
use isolation::{TenantTx, Tx};

use super::model::{self, MARKER};
use crate::{holdings, projects, settings, tasks};

/// Puts the first data there unless it was put there before; answers whether it did.
pub async fn initial(tx: &mut TenantTx, plan_is_free: bool, tenant_name: &str) -> Result<bool, sqlx::Error> {
    let sample = (!plan_is_free).then(|| tx.new_id());
    let added = settings::insert_all(tx, &model::settings(tenant_name, sample)).await?;
    let keys: Vec<_> = added.iter().map(|setting| setting.key.as_str()).collect();
    if !keys.contains(&MARKER) {
        return Ok(false);
    }
    let event = Event::new(EventType::SettingUpdated)
        .action("seeded")
        .resource_named("setting", MARKER, None)
        .meta("keys", Value::plain(&keys));
    audit::record(tx, event).await?;
    if let Some(id) = sample {
        add_sample(tx, id, tenant_name).await?;
    }
    Ok(true)
}

async fn add_sample(
    tx: &mut TenantTx,
    id: projects::ProjectId,
    tenant_name: &str,
) -> Result<(), sqlx::Error> {
    let project = model::project(id, tenant_name, &tx.actor().id, tx.now());
    let unbounded = holdings::take_projects(tx, 1, None).await?;
    unbounded.expect("without a bound there is room");
    projects::insert(tx, &project).await?;
    let tasks = model::tasks(&project, || tx.seams().random());
    for task in &tasks {
        tasks::insert(tx, task).await?;
    }
    let event = Event::new(EventType::DataCreated)
        .action("seeded")
        .resource(project.id, Some(&project.name))
        .meta("tasks", tasks.len() as u64);
    audit::record(tx, event).await
}
