//! `tenantry admin …`: operators of an installation, from the machine that holds its configuration.

use std::process::ExitCode;

use anyhow::{Context, Result};
use identity::admin_api_keys::{self, NewAdminApiKey};
use identity::admins::{self, NewAdmin};
use identity::{Hasher, Name, Password};
use isolation::Databases;
use kernel::{Grants, Secret};
use serde_json::json;

use super::{done, print};
use crate::config::Config;

/// An operator to be added.
#[derive(Debug, clap::Args)]
pub(super) struct NewOperator {
    /// The address he logs in with.
    #[arg(long)]
    email: String,
    /// What he is called.
    #[arg(long)]
    name: String,
    /// What his key allows: permissions, `noun:*`, or `*`; may be repeated.
    #[arg(long = "scope", value_name = "SCOPE", default_value = "*")]
    scopes: Vec<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Adds an operator with a password and a key, and prints both this once.
pub(super) async fn create(config: Config, new: NewOperator) -> Result<ExitCode> {
    let (databases, _hints) = Databases::open(config.databases()?, config.seams()).await?;
    let random: [u8; 16] = databases.seams().random();
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = Hasher::new(config.seams(), 1)
        .hash(Password::new(Secret::new(password.clone()))?)
        .await?;
    let operator = NewAdmin {
        email: new.email.parse().context("--email")?,
        name: Name::parse(&new.name).context("--name")?,
        password: hash,
    };
    let mut tx = databases.system("command line").control().await?;
    let admin = admins::create(&mut tx, operator).await?;
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
