//! What can be done with settings.

use audit::{Event, EventType};
use isolation::{Forbidden, TenantTx, Tx, violates};
use kernel::{FieldError, Permission, Secret};

use super::model::{PutSetting, SETTINGS_MAX, Setting, SettingKey};
use super::sql;
use crate::page::PageRequest;
use crate::text::Invalid;
use crate::version::{self, VersionMismatch};

/// Expected of a setting that must not be there yet.
pub const NOT_THERE: i64 = 0;

/// What was put.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The setting as it is now.
    pub setting: Setting,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Why something could not be done with a setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// This tenant has no setting of that key.
    #[error("there is no such setting")]
    NotFound,
    /// The tenant has as many settings as it may have.
    #[error("a tenant may have at most {SETTINGS_MAX} settings")]
    TooMany,
    /// It was changed since the caller read it.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// The request has fields that are not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for SettingError {
    fn from(error: sqlx::Error) -> Self {
        if violates(&error, sql::VALUE_SIZE) {
            let detail = "has numbers that are too long when written out";
            Self::Invalid(Invalid(vec![FieldError::new("/value", detail)]))
        } else {
            Self::Database(error)
        }
    }
}

/// One setting.
pub async fn get(tx: &mut TenantTx, key: &SettingKey) -> Result<Setting, SettingError> {
    tx.ctx().authorize(Permission::SettingsRead)?;
    sql::find(tx, key).await?.ok_or(SettingError::NotFound)
}

/// The settings, by key.
pub async fn list(tx: &mut TenantTx, page: &PageRequest<SettingKey>) -> Result<Vec<Setting>, SettingError> {
    tx.ctx().authorize(Permission::SettingsRead)?;
    Ok(sql::list(tx, page).await?)
}

/// Creates or replaces a setting. One that is expected in some version has to be there (RFC 9110 §13.1.1), one that
/// is expected to be [`NOT_THERE`] must not be (§13.1.2).
pub async fn put(
    tx: &mut TenantTx,
    key: &SettingKey,
    expected: Option<i64>,
    put: PutSetting,
) -> Result<Written, SettingError> {
    tx.ctx().authorize(Permission::SettingsWrite)?;
    Invalid::unless_valid(&put)?;
    let mut before = sql::lock(tx, key).await?;
    if before.is_none() {
        sql::lock_keys(tx).await?;
        // Another transaction may have added it while this one waited.
        before = sql::lock(tx, key).await?;
    }
    let is_new = before.is_none();
    if !(is_new && expected == Some(NOT_THERE)) {
        version::require(before.as_ref().map(|setting| setting.version), expected)?;
    }
    let setting = match before {
        Some(before) if before.value == put.value => before,
        Some(before) => replace(tx, before, put).await?,
        None => add(tx, key, put).await?,
    };
    Ok(Written { setting, is_new })
}

/// Deletes a setting.
pub async fn delete(tx: &mut TenantTx, key: &SettingKey, expected: Option<i64>) -> Result<(), SettingError> {
    tx.ctx().authorize(Permission::SettingsWrite)?;
    let setting = sql::lock(tx, key).await?.ok_or(SettingError::NotFound)?;
    version::require(Some(setting.version), expected)?;
    sql::delete(tx, key).await?;
    let event = changed(key, "deleted").change("value", Secret::new(()), None::<Secret<()>>);
    audit::record(tx, event).await?;
    Ok(())
}

async fn replace(tx: &mut TenantTx, before: Setting, put: PutSetting) -> Result<Setting, SettingError> {
    let after = Setting {
        value: put.value,
        version: before.version + 1,
        updated_at: tx.now(),
        ..before
    };
    sql::update(tx, &after).await?;
    let event = changed(&after.key, "updated").change("value", Secret::new(()), Secret::new(()));
    audit::record(tx, event).await?;
    Ok(after)
}

/// Adds a key that the transaction has made sure is not there.
async fn add(tx: &mut TenantTx, key: &SettingKey, put: PutSetting) -> Result<Setting, SettingError> {
    if sql::count(tx).await? >= SETTINGS_MAX {
        return Err(SettingError::TooMany);
    }
    let added = sql::insert_all(tx, &[(key.clone(), put.value)]).await?;
    let setting = added.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
    let event = changed(key, "created").change("value", None::<Secret<()>>, Secret::new(()));
    audit::record(tx, event).await?;
    Ok(setting)
}

fn changed(key: &SettingKey, action: &str) -> Event {
    Event::new(EventType::SettingUpdated)
        .action(action)
        .resource_named("setting", key.as_str(), None)
}
