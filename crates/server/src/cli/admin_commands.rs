//! `tenantry admin …`: operators of an installation, from the machine that holds its configuration.

use std::process::ExitCode;

use access::second_factors;
use anyhow::{Context, Result, anyhow};
use identity::admin_api_keys::{self, NewAdminApiKey};
use identity::admins::{self, AdminError, Authority, NewAdmin};
use identity::{Email, Name, Password, Person, passwords};
use isolation::Databases;
use kernel::{Grants, Secret, TenantId};
use serde_json::json;

use super::{done, print};
use crate::config::Config;
use crate::wiring::coming_in::hasher;

/// An operator to be added.
#[derive(Debug, clap::Args)]
pub(super) struct NewOperator {
    /// The address he logs in with.
    #[arg(long)]
    email: String,
    /// What he is called.
    #[arg(long)]
    name: String,
    /// What he may do: permissions, `noun:*`, or `*`, with commas between them.
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',', default_value = "*")]
    permissions: Vec<String>,
    /// The only tenants that he reaches, by their identifiers, with commas between them [default: every tenant].
    #[arg(long, value_name = "TENANTS", value_delimiter = ',')]
    tenants: Option<Vec<TenantId>>,
    /// What of that his key allows: permissions, `noun:*`, or `*`; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE", default_value = "*")]
    scopes: Vec<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What is wrong with the fields is what somebody at the command line wants to read.
fn explained(error: AdminError) -> anyhow::Error {
    match error {
        AdminError::Invalid(errors) => {
            let lines: Vec<_> = errors
                .iter()
                .map(|error| format!("{}: {}", error.pointer, error.detail))
                .collect();
            anyhow!(lines.join("; "))
        }
        other => other.into(),
    }
}

/// Adds an operator with a password and a key, and prints both this once.
pub(super) async fn create(config: Config, new: NewOperator) -> Result<ExitCode> {
    let (databases, _hints) = Databases::open(config.databases()?, config.seams()).await?;
    let random: [u8; 16] = databases.seams().random();
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = hasher(&config)
        .hash(Password::new(Secret::new(password.clone()))?)
        .await?;
    let operator = NewAdmin {
        email: new.email.parse().context("--email")?,
        name: Name::parse(&new.name).context("--name")?,
        permissions: new.permissions,
        tenants: new.tenants,
        password: hash,
    };
    let mut tx = databases.system("command line").control().await?;
    let admin = admins::create(&mut tx, &Authority::full(), operator)
        .await
        .map_err(explained)?;
    let wanted = NewAdminApiKey {
        name: "Made on the command line".to_owned(),
        scopes: new.scopes,
        admin_id: Some(admin.id),
        ..NewAdminApiKey::default()
    };
    let (_, key) = admin_api_keys::create(&mut tx, Grants::all(), wanted)
        .await
        .context("--scope")?;
    tx.commit().await?;
    databases.close().await;
    let (id, email, key) = (admin.id.to_string(), admin.email.to_string(), key.expose());
    done(print(&if new.json {
        format!(
            "{}\n",
            json!({"id": id, "email": email, "password": password, "apiKey": key})
        )
    } else {
        format!("id        {id}\nemail     {email}\npassword  {password}\nkey       {key}\n")
    })?)
}

/// Whoever holds the configuration helps who has nobody above him.
pub(super) async fn reset_second_factors(config: Config, email: &str) -> Result<ExitCode> {
    let email: Email = email.parse().context("--email")?;
    let (databases, _hints) = Databases::open(config.databases()?, config.seams()).await?;
    let mut tx = databases.system("command line").control().await?;
    let account = passwords::find_account(&mut tx, None, email.as_str()).await?;
    let Some(Person::Admin(operator)) = account.map(|account| account.person) else {
        return Err(anyhow!("there is no operator of this address"));
    };
    second_factors::reset_of_admin(&mut tx, &Authority::full(), operator).await?;
    tx.commit().await?;
    databases.close().await;
    done(print("He logs in by his password alone, and adds new ones.\n")?)
}
