//! Looks at everything the product needs and says what to do about what is wrong. Changes nothing, except that it
//! tries to write to folders and buckets, and makes the folders.

use std::fmt;

use isolation::{Inspection, Settings};
use kernel::Seams;
use mail::Transport;
use serde::Serialize;
use storage::Storage;

use crate::config::{Config, Loaded};

/// Clocks this far apart make signatures and one-time codes fail.
const TOLERATED_SECONDS: u64 = 5;

/// How one check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// The product would not work.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found, and what to do about it.
    pub finding: String,
}

impl Check {
    fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Outcome::Ok,
            finding: finding.into(),
        }
    }

    fn warning(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Outcome::Warning,
            finding: finding.into(),
        }
    }

    fn failed(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Outcome::Failed,
            finding: finding.into(),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.outcome {
            Outcome::Ok => "ok     ",
            Outcome::Warning => "warning",
            Outcome::Failed => "FAILED ",
        };
        write!(f, "{mark}  {:<14} {}", self.name, self.finding)
    }
}

/// Looks at everything that can be looked at.
pub async fn examine(loaded: Loaded) -> Vec<Check> {
    let mut checks = configuration(&loaded);
    let Some(config) = loaded.config else {
        return checks;
    };
    checks.push(master_key(&config));
    checks.extend(database(&config).await);
    checks.push(storage(&config).await);
    checks.push(mail(&config).await);
    checks.push(payments(&config).await);
    checks.extend(redis(&config).await);
    without_repetition(checks)
}

/// What is wrong with the configuration is also why the part that needs it fails: once is enough.
fn without_repetition(checks: Vec<Check>) -> Vec<Check> {
    let mut kept: Vec<Check> = Vec::new();
    for check in checks {
        if !kept.iter().any(|other| other.finding == check.finding) {
            kept.push(check);
        }
    }
    kept
}

fn configuration(loaded: &Loaded) -> Vec<Check> {
    let errors = loaded
        .errors
        .iter()
        .map(|error| Check::failed("configuration", error));
    let warnings = loaded
        .warnings
        .iter()
        .map(|warning| Check::warning("configuration", warning));
    let found: Vec<_> = errors.chain(warnings).collect();
    if found.is_empty() {
        return vec![Check::ok("configuration", "valid")];
    }
    found
}

fn master_key(config: &Config) -> Check {
    match config.master_key() {
        Ok(_) => Check::ok("master key", "present; is there a copy in a safe place?"),
        Err(error) => Check::failed("master key", error.to_string()),
    }
}

async fn database(config: &Config) -> Vec<Check> {
    const NAME: &str = "PostgreSQL";
    let settings = match config.databases() {
        Ok(settings) => settings,
        Err(error) => return vec![Check::failed(NAME, error.to_string())],
    };
    let inspection = match settings.inspect().await {
        Ok(inspection) => inspection,
        Err(error) => {
            let advice = "is it running, and are host, port, user and password in database.url right?";
            return vec![Check::failed(NAME, format!("{error}: {advice}"))];
        }
    };
    let mut checks = vec![
        version(&inspection),
        rights(&inspection),
        connections(config, &inspection),
        clock(&inspection, &config.seams()),
    ];
    checks.extend(preparation(&settings, &inspection).await);
    checks
}

fn version(inspection: &Inspection) -> Check {
    let version = &inspection.version;
    if inspection.supported {
        Check::ok("PostgreSQL", format!("answers, version {version}"))
    } else {
        Check::failed(
            "PostgreSQL",
            format!("version {version} is not supported: 15 to 18 are"),
        )
    }
}

fn rights(inspection: &Inspection) -> Check {
    const NAME: &str = "rights";
    if !inspection.mighty_roles.is_empty() {
        let roles = inspection.mighty_roles.join(", ");
        return Check::failed(
            NAME,
            format!("{roles} could ignore row-level security: ALTER ROLE … NOSUPERUSER NOBYPASSRLS"),
        );
    }
    if inspection.missing_rights.is_empty() {
        return Check::ok(NAME, "roles, databases and schemas can be made");
    }
    let missing = inspection.missing_rights.join(", ");
    Check::failed(
        NAME,
        format!("the role in database.url lacks {missing}: grant that, or use another role"),
    )
}

fn connections(config: &Config, inspection: &Inspection) -> Check {
    const NAME: &str = "connections";
    // The relay's listener, DDL, and whoever looks with psql.
    const OTHERS: i64 = 10;
    let database = &config.database;
    let tenants = i64::try_from(database.tenant_databases)
        .unwrap_or(i64::MAX)
        .saturating_mul(2);
    let ours = tenants.saturating_add(i64::from(database.control_connections) + OTHERS);
    let theirs = inspection.max_connections;
    if database.pooler_url.is_some() || ours <= i64::from(theirs) {
        return Check::ok(NAME, format!("up to {ours} of the server's {theirs}"));
    }
    Check::warning(
        NAME,
        format!(
            "up to {ours}, but the server takes {theirs}: lower database.control_connections or tenant_databases, or \
             use a pooler"
        ),
    )
}

fn clock(inspection: &Inspection, seams: &Seams) -> Check {
    const NAME: &str = "clock";
    let apart = seams.now().as_micros().abs_diff(inspection.now.as_micros()) / 1_000_000;
    if apart <= TOLERATED_SECONDS {
        return Check::ok(NAME, "agrees with the server's");
    }
    Check::warning(
        NAME,
        format!("{apart} s apart from the server's: set both by NTP"),
    )
}

async fn preparation(settings: &Settings, inspection: &Inspection) -> Option<Check> {
    const NAME: &str = "preparation";
    if !inspection.prepared {
        let database = &inspection.database;
        return Some(Check::warning(
            NAME,
            format!(
                "database {database} is not prepared yet: `tenantry migrate` does it, or the first start"
            ),
        ));
    }
    let login = settings.try_application_login().await;
    Some(match login {
        Ok(()) => Check::ok(
            NAME,
            "roles and schemas are there, and the application can log in",
        ),
        Err(error) => Check::failed(
            NAME,
            format!(
                "the application cannot log in: {error}; its password follows from the master key: is this the key \
                 the database was prepared with, and does the pooler know the role?"
            ),
        ),
    })
}

async fn storage(config: &Config) -> Check {
    const NAME: &str = "storage";
    let advice = match &config.storage.bucket {
        Some(bucket) => format!("does bucket {bucket} exist, and may the access key write to it?"),
        None => format!("may we write to {}?", config.storage.folder.display()),
    };
    let storage = match config.storage() {
        Ok(storage) => Storage::open(&storage, config.seams()),
        Err(error) => return Check::failed(NAME, error.to_string()),
    };
    let probed = match storage {
        Ok(storage) => storage.probe().await,
        Err(error) => Err(error),
    };
    match probed {
        Ok(()) => Check::ok(NAME, "an object was written, read and deleted"),
        Err(error) => Check::failed(NAME, format!("{error}: {advice}")),
    }
}

async fn mail(config: &Config) -> Check {
    const NAME: &str = "mail";
    let transport = match config.mail_transport() {
        Ok(transport) => transport,
        Err(error) => return Check::failed(NAME, error.to_string()),
    };
    let probed = match Transport::open(transport) {
        Ok(transport) => transport.probe().await,
        Err(error) => Err(error),
    };
    match (probed, &config.mail.smtp_host) {
        (Err(error), _) => Check::failed(NAME, format!("{error}: check the options in [mail]")),
        (Ok(()), Some(host)) => Check::ok(NAME, format!("{host} accepts us")),
        (Ok(()), None) => {
            let folder = config.mail.folder.display();
            Check::warning(
                NAME,
                format!("goes to {folder}, so nobody receives any: set SMTP_HOST"),
            )
        }
    }
}

/// Without it the product works, so nothing about it fails.
async fn redis(config: &Config) -> Option<Check> {
    const NAME: &str = "Redis";
    let link = config.redis_link().ok()??;
    Some(match link.version().await {
        Ok(version) => Check::ok(NAME, format!("answers, version {version}")),
        Err(error) => Check::warning(
            NAME,
            format!(
                "{error}: each node would hold callers to the rate limits alone; check the options in [redis]"
            ),
        ),
    })
}

async fn payments(config: &Config) -> Check {
    const NAME: &str = "payments";
    let provider = match config.provider() {
        Ok(provider) => provider,
        Err(error) => return Check::failed(NAME, error.to_string()),
    };
    let Ok(stripe) = provider.stripe() else {
        return Check::ok(NAME, "nobody is charged: invoices are paid by hand");
    };
    let mode = if stripe.livemode() { "live" } else { "test" };
    match stripe.probe().await {
        Ok(()) if config.webhook_secrets().count() == 0 => Check::warning(
            NAME,
            "Stripe accepts the key, but its webhooks are not believed: set STRIPE_WEBHOOK_SECRET",
        ),
        Ok(()) => Check::ok(NAME, format!("Stripe accepts the {mode} key")),
        Err(error) => Check::failed(NAME, format!("{error}: check the options in [stripe]")),
    }
}
