//! The statements on `control.security_policies`, and what a stricter policy does to `control.sessions`.

use isolation::{ControlTx, Tx};
use kernel::TenantId;

use super::model::SecurityPolicy;
use crate::sessions::{EndReason, PENDING_LIFETIME};

struct Row {
    mfa_required: bool,
    networks: Vec<String>,
    origins: Vec<String>,
    idle_minutes: i32,
    lifetime_hours: i32,
    version: i64,
}

pub(super) async fn find(
    tx: &mut ControlTx,
    tenant: TenantId,
) -> Result<Option<SecurityPolicy>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select mfa_required, ip_allow_list::text[] as "networks!", allowed_origins as origins,
                  session_idle_minutes as idle_minutes, session_lifetime_hours as lifetime_hours, version
           from control.security_policies where tenant_id = $1"#,
        tenant as _
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(SecurityPolicy::try_from).transpose()
}

impl TryFrom<Row> for SecurityPolicy {
    type Error = sqlx::Error;
    /// A row that does not read is an error and not an open door.
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let networks = row.networks.iter().map(|text| text.parse());
        let origins = row.origins.iter().map(|text| text.parse());
        Ok(Self {
            mfa_required: row.mfa_required,
            ip_allow_list: networks.collect::<Result<_, _>>().map_err(unreadable)?,
            allowed_origins: origins.collect::<Result<_, _>>().map_err(unreadable)?,
            session_idle_minutes: row.idle_minutes.cast_unsigned(),
            session_lifetime_hours: row.lifetime_hours.cast_unsigned(),
            version: row.version,
        })
    }
}

/// Keeps [`tenants::get_for_update`] waiting, and with it whoever replaces the policy.
pub(super) async fn hold(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"select 1 as "held!" from control.tenants where id = $1 for share"#,
        tenant as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(())
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

pub(super) async fn save(
    tx: &mut ControlTx,
    tenant: TenantId,
    policy: &SecurityPolicy,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let networks: Vec<String> = policy.ip_allow_list.iter().map(ToString::to_string).collect();
    let origins: Vec<String> = policy.allowed_origins.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "insert into control.security_policies
             (tenant_id, mfa_required, ip_allow_list, allowed_origins, session_idle_minutes, session_lifetime_hours,
              version, updated_at)
         values ($1, $2, $3::text[]::cidr[], $4, $5, $6, $7, $8)
         on conflict (tenant_id) do update set
             mfa_required = excluded.mfa_required, ip_allow_list = excluded.ip_allow_list,
             allowed_origins = excluded.allowed_origins, session_idle_minutes = excluded.session_idle_minutes,
             session_lifetime_hours = excluded.session_lifetime_hours, version = excluded.version,
             updated_at = excluded.updated_at",
        tenant as _,
        policy.mfa_required,
        &networks,
        &origins,
        policy.session_idle_minutes.cast_signed(),
        policy.session_lifetime_hours.cast_signed(),
        policy.version,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Confines the tenant's living sessions to what the policy allows; answers how many that changed. A program's session
/// cannot wait for a second factor once it is open, because access tokens name nothing else: it ends.
pub(super) async fn confine_sessions(
    tx: &mut ControlTx,
    tenant: TenantId,
    policy: &SecurityPolicy,
) -> Result<u64, sqlx::Error> {
    let now = tx.now();
    let waiting_ends = now.plus(PENDING_LIFETIME);
    let confined = sqlx::query!(
        "with living as (
             select s.id, least(s.idle_seconds, $3 * 60) as idle_seconds,
                    least(s.expires_at, s.created_at + make_interval(hours => $4)) as expires_at,
                    $2 and s.stage = 'open'
                       and not exists (select from control.totp_factors f where f.tenant_id = s.tenant_id
                                         and f.person_id = s.person_id and f.confirmed_at is not null)
                       and not exists (select from control.passkeys p where p.tenant_id = s.tenant_id
                                         and p.person_id = s.person_id) as bare
             from control.sessions s
             where s.tenant_id = $1 and s.ended_at is null and s.expires_at > $5)
         update control.sessions s
         set idle_seconds = living.idle_seconds,
             expires_at = living.expires_at,
             waiting_until = case when bare then $6::timestamptz else s.waiting_until end,
             stage = case when bare then 'enrolment' else s.stage end,
             ended_at = case when bare and s.kind = 'token' then $5::timestamptz end,
             end_reason = case when bare and s.kind = 'token' then $7 end
         from living
         where s.id = living.id and s.tenant_id = $1
           and (bare or s.idle_seconds > living.idle_seconds or s.expires_at > living.expires_at)",
        tenant as _,
        policy.mfa_required,
        policy.session_idle_minutes.cast_signed(),
        policy.session_lifetime_hours.cast_signed(),
        now as _,
        waiting_ends as _,
        EndReason::SecondFactorRequired.name()
    )
    .execute(tx.conn())
    .await?;
    Ok(confined.rows_affected())
}
