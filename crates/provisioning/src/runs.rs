//! The saga's memory in the control plane.

use std::time::Duration;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::types::Uuid;

use crate::run::{Direction, Run, RunStatus, StepRecord, StepStatus};

/// A node that did not renew its lease for so long is taken to be dead.
pub(crate) const LEASE: Duration = Duration::from_secs(8);

/// Keeps a new run, with the lease already given to `node`. False where there is one already.
pub(crate) async fn insert(tx: &mut ControlTx, run: &Run, node: Uuid) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into control.provisioning_runs
             (tenant_id, direction, status, request, created_at, lease_node, lease_until)
         values ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7))
         on conflict do nothing",
        run.tenant as _,
        run.direction as _,
        run.status as _,
        run.request,
        run.created_at as _,
        node,
        LEASE.as_secs_f64()
    )
    .execute(tx.conn())
    .await?
    .rows_affected()
        == 1;
    if inserted {
        write_steps(tx, run).await?;
    }
    Ok(inserted)
}

/// Writes where the run and all its steps stand, and renews the lease; false when another node has it.
pub(crate) async fn save(tx: &mut ControlTx, run: &Run, node: Uuid) -> Result<bool, sqlx::Error> {
    let kept = sqlx::query!(
        "update control.provisioning_runs set status = $3, error = $4, completed_at = $5, request = $6,
             lease_until = clock_timestamp() + make_interval(secs => $8)
         where tenant_id = $1 and direction = $2 and lease_node = $7",
        run.tenant as _,
        run.direction as _,
        run.status as _,
        run.error,
        run.completed_at as _,
        run.request,
        node,
        LEASE.as_secs_f64()
    )
    .execute(tx.conn())
    .await?
    .rows_affected()
        == 1;
    if kept {
        write_steps(tx, run).await?;
    }
    Ok(kept)
}

async fn write_steps(tx: &mut ControlTx, run: &Run) -> Result<(), sqlx::Error> {
    let steps = &run.steps;
    let positions: Vec<i16> = (1..).take(steps.len()).collect();
    let names: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
    let statuses: Vec<String> = steps.iter().map(|step| status_name(step.status)).collect();
    let started: Vec<Option<Timestamp>> = steps.iter().map(|step| step.started_at).collect();
    let completed: Vec<Option<Timestamp>> = steps.iter().map(|step| step.completed_at).collect();
    let messages: Vec<Option<String>> = steps.iter().map(|step| step.message.clone()).collect();
    let errors: Vec<Option<String>> = steps.iter().map(|step| step.error.clone()).collect();
    let attempts: Vec<i32> = steps.iter().map(|step| step.attempts).collect();
    sqlx::query!(
        "insert into control.provisioning_steps as kept
             (tenant_id, direction, position, name, status, started_at, completed_at, message, error, attempts)
         select $1, $2, step.* from unnest($3::smallint[], $4::text[], $5::text[], $6::timestamptz[],
             $7::timestamptz[], $8::text[], $9::text[], $10::int[]) as step
         on conflict (tenant_id, direction, position) do update
             set status = excluded.status, started_at = excluded.started_at, completed_at = excluded.completed_at,
                 message = excluded.message, error = excluded.error, attempts = excluded.attempts
             where (kept.status, kept.attempts, kept.error) is distinct from (excluded.status, excluded.attempts, excluded.error)",
        run.tenant as _,
        run.direction as _,
        &positions,
        &names,
        &statuses,
        &started as _,
        &completed as _,
        &messages as _,
        &errors as _,
        &attempts
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn status_name(status: StepStatus) -> String {
    match status {
        StepStatus::Pending => "pending",
        StepStatus::InProgress => "in_progress",
        StepStatus::Completed => "completed",
        StepStatus::Failed => "failed",
        StepStatus::Skipped => "skipped",
        StepStatus::RolledBack => "rolled_back",
        StepStatus::Retrying => "retrying",
    }
    .to_owned()
}

/// The run, if there is one.
pub(crate) async fn load(
    tx: &mut ControlTx,
    tenant: TenantId,
    direction: Direction,
) -> Result<Option<Run>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select status as "status: RunStatus", request, error, created_at as "created_at: Timestamp",
                  completed_at as "completed_at: Timestamp"
           from control.provisioning_runs where tenant_id = $1 and direction = $2"#,
        tenant as _,
        direction as _
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let steps = sqlx::query_as!(
        StepRecord,
        r#"select name, status as "status: StepStatus", started_at as "started_at: Timestamp",
                  completed_at as "completed_at: Timestamp", message, error, attempts
           from control.provisioning_steps where tenant_id = $1 and direction = $2 order by position"#,
        tenant as _,
        direction as _
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(Some(Run {
        tenant,
        direction,
        status: row.status,
        request: row.request,
        error: row.error,
        created_at: row.created_at,
        completed_at: row.completed_at,
        steps,
    }))
}

/// Open runs that no living node works on; their lease now belongs to `node`.
pub(crate) async fn take_abandoned(
    tx: &mut ControlTx,
    node: Uuid,
) -> Result<Vec<(TenantId, Direction)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"update control.provisioning_runs run
           set lease_node = $1, lease_until = clock_timestamp() + make_interval(secs => $2)
           from (select tenant_id, direction from control.provisioning_runs
                 where status in ('pending', 'in_progress', 'rolling_back') and lease_until < clock_timestamp()
                 order by lease_until limit 16 for update skip locked) open
           where run.tenant_id = open.tenant_id and run.direction = open.direction
           returning run.tenant_id as "tenant: TenantId", run.direction as "direction: Direction""#,
        node,
        LEASE.as_secs_f64()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant, row.direction)).collect())
}

/// Renews the lease; false when another node has it.
pub(crate) async fn renew(
    tx: &mut ControlTx,
    tenant: TenantId,
    direction: Direction,
    node: Uuid,
) -> Result<bool, sqlx::Error> {
    let renewed = sqlx::query!(
        "update control.provisioning_runs set lease_until = clock_timestamp() + make_interval(secs => $4)
         where tenant_id = $1 and direction = $2 and lease_node = $3",
        tenant as _,
        direction as _,
        node,
        LEASE.as_secs_f64()
    );
    Ok(renewed.execute(tx.conn()).await?.rows_affected() == 1)
}

/// Lets go of the run for a while, so that whoever comes next tries it again then.
pub(crate) async fn postpone(tx: &mut ControlTx, run: &Run, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.provisioning_runs set lease_until = clock_timestamp() + make_interval(secs => $3)
         where tenant_id = $1 and direction = $2",
        run.tenant as _,
        run.direction as _,
        pause.as_secs_f64()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
