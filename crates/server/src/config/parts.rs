//! What the rooms below are configured with, made from the options.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use isolation::Settings;
use kernel::{Faults, MasterKey, Seams};
use mail::TransportConfig;
use mail::transport::{Credentials, SmtpConfig, Tls};
use storage::{S3Config, StorageConfig};
use tenants::GraceDays;
use url::Url;

use super::options::Config;
use super::setting::{Environment, HexKey, LogFormat, PlantedFaults, Setting, SmtpTls};

/// Options that do not go together, or one that is needed and not set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Inconsistent(pub(super) String);

fn inconsistent<T>(what: impl Into<String>) -> Result<T, Inconsistent> {
    Err(Inconsistent(what.into()))
}

impl Config {
    /// Where clients reach the product.
    pub fn public_url(&self) -> Url {
        let listening = || {
            let mut address = self.server.listen;
            if address.ip().is_unspecified() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            format!("http://{address}")
                .parse()
                .expect("an address and a port are a URL's authority")
        };
        self.server.public_url.clone().unwrap_or_else(listening)
    }

    /// The limits of the HTTP edge.
    pub fn edge_limits(&self) -> edge::Limits {
        let limits = &self.limits;
        edge::Limits {
            body_bytes: limits.body_bytes,
            body_time: limits.body_time,
            request_time: limits.request_time,
            concurrency: limits.concurrency,
            connections: limits.connections,
            head_time: limits.head_time,
            head_bytes: limits.head_bytes,
            head_fields: limits.head_fields,
            drain_time: limits.drain_time,
            strict_transport_security: self.server.strict_transport_security,
        }
    }

    /// How to reach PostgreSQL.
    pub fn databases(&self) -> Result<Settings, Inconsistent> {
        let database = &self.database;
        let Some(url) = &database.url else {
            return inconsistent(
                "database.url is not set: set DATABASE_URL, or use `tenantry dev`, which brings a PostgreSQL of its own",
            );
        };
        Ok(Settings {
            admin: url.options(),
            pooler: database
                .pooler_url
                .as_ref()
                .map(super::setting::DatabaseUrl::options),
            prepared_statements: database.prepared_statements,
            listen: database.listen,
            control_connections: database.control_connections.max(1),
            tenant_databases: database.tenant_databases,
            master: self.master_key()?,
        })
    }

    /// The installation's root key.
    pub fn master_key(&self) -> Result<MasterKey, Inconsistent> {
        self.hex_key().map(|key| key.key())
    }

    pub(super) fn hex_key(&self) -> Result<HexKey, Inconsistent> {
        let path = match (&self.security.master_key, &self.security.master_key_file) {
            (Some(_), Some(_)) => {
                return inconsistent(
                    "security.master_key and security.master_key_file are both set: keep one",
                );
            }
            (Some(key), None) => return Ok(key.clone()),
            (None, Some(path)) => path,
            (None, None) => {
                return inconsistent(
                    "security.master_key is not set: make one with `openssl rand -hex 32`, keep a copy, and set \
                     TENANTRY_SECURITY_MASTER_KEY or security.master_key_file",
                );
            }
        };
        let text = fs::read_to_string(path).map_err(|error| {
            Inconsistent(format!("security.master_key_file: {}: {error}", path.display()))
        })?;
        let key = HexKey::from_text(&text);
        key.ok_or_else(|| {
            let wanted = HexKey::WANTED;
            Inconsistent(format!(
                "security.master_key_file: what is in {} is not {wanted}",
                path.display()
            ))
        })
    }

    /// The object store.
    pub fn storage(&self) -> Result<StorageConfig, Inconsistent> {
        let storage = &self.storage;
        let Some(bucket) = storage.bucket.clone() else {
            return Ok(StorageConfig::Local {
                root: storage.folder.clone(),
            });
        };
        let (Some(access_key), Some(secret_key)) = (&storage.access_key, &storage.secret_key) else {
            return inconsistent(
                "storage.bucket is set, but not storage.access_key and storage.secret_key: set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY",
            );
        };
        let is_clear = storage
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.scheme() == "http");
        if is_clear && !storage.allow_http {
            return inconsistent(
                "storage.endpoint is http, so files would travel in the clear: set storage.allow_http if that is meant",
            );
        }
        Ok(StorageConfig::S3(S3Config {
            bucket,
            region: storage.region.clone(),
            endpoint: storage.endpoint.clone(),
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            allow_http: storage.allow_http,
            server_side_encryption: storage.server_side_encryption,
        }))
    }

    /// The way out for mail.
    pub fn mail_transport(&self) -> Result<TransportConfig, Inconsistent> {
        let mail = &self.mail;
        let Some(host) = &mail.smtp_host else {
            return Ok(TransportConfig::Folder(mail.folder.clone()));
        };
        let credentials = match (&mail.smtp_user, &mail.smtp_password) {
            (Some(user), Some(password)) => Some(Credentials {
                user: user.clone(),
                password: password.clone(),
            }),
            (None, None) => None,
            _ => {
                return inconsistent(
                    "mail.smtp_user and mail.smtp_password go together: set both or neither",
                );
            }
        };
        let tls = match mail.smtp_tls {
            SmtpTls::Auto => Tls::default_for(host, mail.smtp_port),
            SmtpTls::Implicit => Tls::Implicit,
            SmtpTls::StartTls => Tls::StartTls,
            SmtpTls::None => Tls::None,
        };
        Ok(TransportConfig::Smtp(SmtpConfig {
            host: host.clone(),
            port: mail.smtp_port,
            credentials,
            tls,
            hello_name: mail.smtp_hello_name.as_ref().map(|name| name.as_str().to_owned()),
            timeout: mail.smtp_timeout,
        }))
    }

    /// Where a call to an address that a tenant names may go, and how long it may take.
    pub fn outbound(&self) -> Result<(outbound::Policy, outbound::Limits), Inconsistent> {
        let options = &self.outbound;
        // A webhook's endpoint is held for one call beyond its turn.
        if options.total_time > Duration::from_mins(1) {
            return inconsistent("outbound.total_time must be at most 1m");
        }
        let policy = outbound::Policy {
            allowed_networks: options.allowed_networks.clone(),
            allow_http: options.allow_http,
        };
        let limits = outbound::Limits {
            connect: options.connect_time,
            total: options.total_time,
            ..outbound::Limits::default()
        };
        Ok((policy, limits))
    }

    /// How long a deleted tenant can be restored.
    pub fn deletion_grace(&self) -> Result<GraceDays, Inconsistent> {
        let days = u16::try_from(self.tenants.deletion_grace_days).unwrap_or(u16::MAX);
        GraceDays::new(days).map_err(|error| Inconsistent(format!("tenants.deletion_grace_days {error}")))
    }

    /// Real time and randomness, with the faults that a test planted.
    pub fn seams(&self) -> Seams {
        let faults = self
            .development
            .faults
            .as_ref()
            .map_or_else(Faults::none, PlantedFaults::faults);
        Seams {
            faults,
            ..Seams::real()
        }
    }

    /// Whether people depend on this installation.
    pub fn is_production(&self) -> bool {
        self.security.environment == Environment::Production
    }

    /// Whether log lines are JSON.
    pub fn logs_json(&self) -> bool {
        match self.logging.format {
            LogFormat::Auto => self.is_production(),
            LogFormat::Json => true,
            LogFormat::Pretty => false,
        }
    }
}
