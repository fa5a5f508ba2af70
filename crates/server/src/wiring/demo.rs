//! The first admin and the demo tenant of a development server.

use anyhow::{Context, Result, bail};
use gate::{AppState, Development, GateSettings};
use identity::admin_api_keys::{self, NewAdminApiKey};
use identity::admins::{self, Authority, NewAdmin};
use identity::api_keys::{self, NewApiKey};
use identity::{Name, Password, Person, passwords, users};
use kernel::{Grants, Secret, TenantId, Validate};
use provisioning::{ProvisionRequest, RunStatus};
use serde_json::json;
use std::time::Duration;

use crate::dev::Credentials;

const ADMIN_EMAIL: &str = "admin@example.com";
const OWNER_EMAIL: &str = "owner@example.com";
const SLUG: &str = "demo";

/// What an earlier start made, where it is still valid, else made anew.
pub(super) async fn prepare(state: &AppState, known: Option<Credentials>) -> Result<Credentials> {
    if let Some(known) = known {
        let admin = state.authenticator.authenticate(&known.admin_api_key).await;
        let tenant = state.authenticator.authenticate(&known.demo_tenant_api_key).await;
        if admin.is_ok() && tenant.is_ok() {
            return Ok(known);
        }
    }
    let password = random_password(state);
    let (admin_email, admin_api_key) = make_admin(state, &password).await?;
    let owner_password = random_password(state);
    let tenant = find_or_make_tenant(state, &owner_password).await?;
    let (demo_user_id, demo_tenant_api_key) = make_tenant_key(state, tenant).await?;
    Ok(Credentials {
        admin_api_key,
        admin_email,
        admin_password: password.expose().clone(),
        demo_tenant_id: tenant.to_string(),
        demo_tenant_slug: SLUG.to_owned(),
        demo_tenant_api_key,
        demo_user_id,
        demo_owner_email: OWNER_EMAIL.to_owned(),
        demo_owner_password: owner_password.expose().clone(),
    })
}

/// The gate's settings with a developer's conveniences.
pub(super) fn settings(gate: &GateSettings, credentials: &Credentials, open: bool) -> Result<GateSettings> {
    let development = Development {
        open,
        demo_tenant: credentials
            .demo_tenant_id
            .parse()
            .context("the demo tenant's identifier")?,
        demo_user: credentials
            .demo_user_id
            .parse()
            .context("the demo user's identifier")?,
    };
    Ok(GateSettings {
        development: Some(development),
        ..gate.clone()
    })
}

fn random_password(state: &AppState) -> Secret<String> {
    let bytes: [u8; 12] = state.databases.seams().random();
    Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The first admin. Where there is one whose password nobody remembers, another beside him.
async fn make_admin(state: &AppState, password: &Secret<String>) -> Result<(String, String)> {
    let mut tx = state.databases.system("development").control().await?;
    let email = if admins::any(&mut tx).await? {
        let suffix: [u8; 4] = state.databases.seams().random();
        format!("admin-{:08x}@example.com", u32::from_be_bytes(suffix))
    } else {
        ADMIN_EMAIL.to_owned()
    };
    let hashed = state.hasher.hash(Password::new(password.clone())?).await?;
    let name = Name::parse("Development admin")?;
    let admin = admins::create(
        &mut tx,
        &Authority::full(),
        NewAdmin {
            email: email.parse()?,
            name,
            permissions: vec!["*".to_owned()],
            tenants: None,
            password: hashed,
        },
    )
    .await?;
    let new = NewAdminApiKey {
        name: "Development".to_owned(),
        scopes: vec!["*".to_owned()],
        admin_id: Some(admin.id),
        ..NewAdminApiKey::default()
    };
    let (_, key) = admin_api_keys::create(&mut tx, Grants::all(), new).await?;
    tx.commit().await?;
    Ok((email, key.expose().clone()))
}

async fn find_or_make_tenant(state: &AppState, password: &Secret<String>) -> Result<TenantId> {
    if let Some(found) = state.directory.by_slug(&SLUG.parse()?).await? {
        let tenant = found.tenant.id;
        give_owner(state, tenant, password).await?;
        return Ok(tenant);
    }
    let order: ProvisionRequest = serde_json::from_value(json!({
        "name": "Demo Company", "slug": SLUG, "plan": "enterprise",
        "owner": {"email": OWNER_EMAIL, "name": "Demo Owner", "password": password.expose()},
    }))?;
    let mut errors = Vec::new();
    order.check(&mut errors);
    let checked = state.provisioner.check(order).await?;
    let ctx = state.databases.system("development");
    let mut tx = ctx.control().await?;
    let ordered = state.provisioner.order(&ctx, &mut tx, checked).await?;
    tx.commit().await?;
    let launched = state.provisioner.launch(ordered);
    let run = state.provisioner.follow(launched, Duration::from_mins(1)).await?;
    match run {
        Some(run) if run.status == RunStatus::Completed => Ok(run.tenant_id),
        Some(run) => bail!(
            "the demo tenant could not be made: {}",
            run.error.unwrap_or_default()
        ),
        None => bail!("the demo tenant could not be made"),
    }
}

/// The owner of a demo tenant that was there already: nobody remembers his password.
async fn give_owner(state: &AppState, tenant: TenantId, password: &Secret<String>) -> Result<()> {
    let hashed = state.hasher.hash(Password::new(password.clone())?).await?;
    let mut tx = state.databases.system("development").control().await?;
    let name = Name::parse("Demo Owner")?;
    let owner = users::create_owner(&mut tx, tenant, OWNER_EMAIL.parse()?, name, None).await?;
    passwords::set(&mut tx, Person::User(tenant, owner.id), &hashed).await?;
    Ok(tx.commit().await?)
}

async fn make_tenant_key(state: &AppState, tenant: TenantId) -> Result<(String, String)> {
    let mut tx = state.databases.system("development").control().await?;
    let name = Name::parse("Demo Owner")?;
    let owner = users::create_owner(&mut tx, tenant, OWNER_EMAIL.parse()?, name, None).await?;
    let new = NewApiKey {
        name: "Development".to_owned(),
        scopes: vec!["*".to_owned()],
        ..NewApiKey::default()
    };
    let (_, key) = api_keys::create(&mut tx, tenant, Grants::all(), new).await?;
    tx.commit().await?;
    Ok((owner.id.to_string(), key.expose().clone()))
}
