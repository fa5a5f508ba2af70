//! Every option of the product. A new one is added here and nowhere else; then `bin/generate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use kernel::Secret;
use mail::Mailbox;
use url::Url;

use super::declaration::{OptionInfo, SectionInfo, first, sections};
use super::rate::RateLimit;
use super::reader::Reader;
use super::setting::{
    DatabaseUrl, Domain, Environment, ForwardingHeader, HexKey, LogFilter, LogFormat, PasswordAlgorithm,
    PlantedFaults, Setting, SmtpTls,
};

sections! {
    /// Where the product listens and what it is called from outside.
    [server] Server {
        /// The address and port to listen on.
        listen: SocketAddr = "127.0.0.1:3000";
        /// Where clients reach the product: links in mails lead there. Without it, the address it listens on.
        public_url: Option<Url>, example "https://app.example.com";
        /// The domain whose subdomains select tenants: `acme.app.example.com`. Without it, none does.
        base_domain: Option<Domain>, example "app.example.com";
        /// The proxies in front, whose forwarding headers are believed. Nobody else's are.
        trusted_proxies: Vec<IpNet> = [], example ["10.0.0.0/8"];
        /// The header in which they name the caller's address: "x-forwarded-for", or "forwarded" (RFC 7239). The other
        /// one is not read, because proxies pass it on as callers send it.
        forwarding_header: ForwardingHeader = "x-forwarded-for";
        /// Sends `Strict-Transport-Security`, where TLS ends in front of us.
        strict_transport_security: bool = false;
    }

    /// How much one client, and all of them together, may ask for. Sizes in bytes, times such as "30s" or "5m".
    [limits] Limits {
        /// A request's body, except where a route takes files.
        body_bytes: usize = 1_048_576;
        /// How long a body may take to arrive, and a streamed one from piece to piece.
        body_time: Duration = "15s";
        /// How long a request may take until its answer begins.
        request_time: Duration = "30s";
        /// Requests that are worked on at once; more are answered 503 immediately.
        concurrency: usize = 512;
        /// Open connections; more wait.
        connections: usize = 8_192;
        /// How long a request's head may take to arrive, and how long an idle connection is kept.
        head_time: Duration = "30s";
        /// A request's head; at least 8192.
        head_bytes: usize = 32_768;
        /// Header fields of a request.
        head_fields: usize = 100;
        /// How long a shutdown waits for running requests.
        drain_time: Duration = "20s";
    }

    /// PostgreSQL 15 to 18, the only database.
    [database] Database {
        /// A direct connection with CREATEROLE and CREATEDB that owns the database named (or is superuser). Used for DDL
        /// only; the product serves as roles of its own, which it creates.
        #[env("DATABASE_URL")]
        url: Option<DatabaseUrl>, example "postgres://tenantry:password@db.example.com/tenantry";
        /// A transaction pooler (PgBouncer) in front of the same server, through which requests go instead.
        pooler_url: Option<DatabaseUrl>, example "postgres://db.example.com:6432/tenantry";
        /// Whether statements are prepared by name. PgBouncer before 1.21 cannot carry that in transaction mode.
        prepared_statements: bool = true;
        /// Whether caches hear of changes by LISTEN over the direct connection; otherwise by polling.
        listen: bool = true;
        /// Connections to the control plane.
        control_connections: u32 = 20;
        /// Tenant databases that are connected to at one time, with two connections each.
        tenant_databases: usize = 20;
    }

    /// Redis, 6 or newer, or Valkey: for rate limits that several nodes share. One node needs none, and without it, or while
    /// it is away, each node holds callers to the limits alone.
    [redis] Redis {
        /// Where it is; `rediss:` for TLS. What is in it may be lost at any time, so it need not be saved.
        #[env("REDIS_URL")]
        url: Option<Secret<String>>, example "redis://redis.example.com";
        /// How long a request waits for it. Then it is decided without, and Redis is not asked again until it answers.
        patience: Duration = "25ms";
    }

    /// Stripe, which collects money where a secret key is set. Otherwise invoices are paid by bank transfer, and somebody
    /// writes down that they were.
    [stripe] Stripe {
        /// The secret API key.
        #[env("STRIPE_SECRET_KEY")]
        secret_key: Option<Secret<String>>, example "sk_live_...";
        /// What its webhooks are signed with; several, by commas, while one is replaced by another.
        #[env("STRIPE_WEBHOOK_SECRET")]
        webhook_secret: Option<Secret<String>>, example "whsec_...";
        /// The publishable API key, which is not secret.
        #[env("STRIPE_PUBLISHABLE_KEY")]
        publishable_key: Option<String>, example "pk_live_...";
        /// Where Stripe is, or what stands in for it.
        #[env("STRIPE_API_BASE")]
        base_url: Url = "https://api.stripe.com/";
        /// How long connecting to it may take.
        connect_time: Duration = "5s";
        /// How long one exchange with it may take; a call may have three.
        exchange_time: Duration = "20s";
    }

    /// What tenants owe.
    [billing] Billing {
        /// The page of your application where somebody pays or adds a method of payment: letters about money lead there,
        /// with `?invoice=` where they are about one. Without it they say so in words.
        payment_page: Option<Url>, example "https://app.example.com/billing";
        /// Days from an invoice to the day on which it is due. From then on it is dunned, if it was not charged before.
        payment_days: u16 = 14;
    }

    /// Where tenants' files are: in a bucket if one is named, else in a folder.
    [storage] Storage {
        /// The folder; on several nodes it must be the same one.
        folder: PathBuf = "/var/lib/tenantry/files";
        /// The bucket, of S3 or something that speaks S3. It must exist and be unversioned.
        #[env("AWS_S3_BUCKET")]
        bucket: Option<String>, example "tenantry-files";
        /// The region that requests are signed for.
        #[env("AWS_REGION")]
        region: String = "us-east-1";
        /// The server's address when it is not Amazon's own.
        #[env("AWS_ENDPOINT_URL")]
        endpoint: Option<Url>, example "https://s3.example.com";
        /// The access key's identifier.
        #[env("AWS_ACCESS_KEY_ID")]
        access_key: Option<String>, example "AKIA...";
        /// The access key itself.
        #[env("AWS_SECRET_ACCESS_KEY")]
        secret_key: Option<Secret<String>>, example "...";
        /// Whether an `http:` endpoint is accepted.
        allow_http: bool = false;
        /// Asks for encryption at rest with every write (SSE-S3). Some compatible stores refuse that.
        server_side_encryption: bool = false;
    }

    /// How mail leaves: by SMTP if a host is named, else into a folder, one `.eml` file each.
    [mail] Mail {
        /// Whom mail is from.
        #[env("SMTP_FROM")]
        from: Mailbox = "Tenantry <no-reply@localhost>";
        /// The folder.
        folder: PathBuf = "/var/lib/tenantry/mail";
        /// The SMTP server's name, which its certificate must carry.
        #[env("SMTP_HOST")]
        smtp_host: Option<String>, example "smtp.example.com";
        /// Its port.
        #[env("SMTP_PORT")]
        smtp_port: u16 = 587;
        /// Who we are to it.
        #[env("SMTP_USER")]
        smtp_user: Option<String>, example "tenantry";
        /// The password for that.
        #[env("SMTP_PASSWORD")]
        smtp_password: Option<Secret<String>>, example "...";
        /// "implicit" (from the first byte), "starttls" (required), "none", or "auto": implicit on port 465, none to
        /// this machine, else starttls.
        smtp_tls: SmtpTls = "auto";
        /// The name we greet it with.
        smtp_hello_name: Option<Domain>, example "app.example.com";
        /// How long connecting may take, and again one mail.
        smtp_timeout: Duration = "60s";
    }

    /// Keys, and who is believed.
    [security] Security {
        /// "production", or "development", which permits what only a developer's machine may have.
        environment: Environment = "production";
        /// The installation's root key, from which its other keys and database passwords follow: 64 hexadecimal digits,
        /// from `openssl rand -hex 32`. Keep a copy: without it, what was encrypted with it is lost.
        master_key: Option<HexKey>, example "...";
        /// A file that holds it instead.
        master_key_file: Option<PathBuf>, example "/run/secrets/tenantry-master-key";
        /// Gateways that authenticate in front of us: `X-Tenant-Id` and `X-User-Id` from these networks are believed.
        trusted_header_networks: Vec<IpNet> = [], example ["10.1.2.0/24"];
        /// How new passwords are hashed: "bcrypt" or "argon2id". Both are understood, and a password that is stored the
        /// other way is hashed anew when it is next used.
        password_hash: PasswordAlgorithm = "bcrypt";
        /// Whether operators must have a second factor. Who has one passes it either way.
        admin_mfa_required: bool = false;
        /// The networks that operators may come from, also to log in. Empty: everywhere.
        admin_networks: Vec<IpNet> = [], example ["192.0.2.0/24"];
    }

    /// Tenants and what they may store.
    [tenants] Tenants {
        /// How many days a deleted tenant can be restored; at most 365.
        deletion_grace_days: u32 = 30;
        /// The largest file, in bytes.
        upload_max_bytes: u64 = 104_857_600;
    }

    /// What tenants use, counted in memory and written at intervals.
    [usage] Usage {
        /// How often what was counted is written: as much is lost when the process is killed. From "50ms" to "1m".
        flush_interval: Duration = "250ms";
        /// How long a tenant must be silent until its counters leave the memory.
        idle_time: Duration = "5m";
        /// How many days usage is kept by the hour; at least 402, so that a year can be invoiced. A plan may keep less.
        hourly_retention_days: u32 = 402;
        /// How many days it is kept by the day, and alerts; at least as long. By the month it is kept as long as the tenant.
        daily_retention_days: u32 = 1865;
        /// How many days reported events are kept; at least 35.
        event_retention_days: u32 = 400;
    }

    /// How fast callers may come, as so many requests a second in the long run and so many at once: a tenant, by its
    /// plan; one API key; one address, of IPv6 one /64. Whoever comes faster is answered 429.
    [rate_limits] RateLimits {
        /// A tenant on the plan "free".
        free: RateLimit = "10/s burst 50";
        /// On the plan "starter".
        starter: RateLimit = "50/s burst 250";
        /// On the plan "pro".
        pro: RateLimit = "200/s burst 1000";
        /// On the plan "enterprise".
        enterprise: RateLimit = "2000/s burst 10000";
        /// One API key of a tenant, whatever the plan.
        api_key: RateLimit = "1000/s burst 5000";
        /// One address, before it is known who comes from there. A proxy that is not among server.trusted_proxies is one
        /// address for all behind it.
        address: RateLimit = "200/s burst 1000";
        /// API keys and addresses that are remembered, at 16 bytes each.
        remembered: usize = 262_144;
    }

    /// Calls to addresses that tenants name, such as webhooks: to public addresses, by https.
    [outbound] Outbound {
        /// Networks that may be called although they are not public. What is reachable there is reachable for tenants.
        allowed_networks: Vec<IpNet> = [], example ["10.20.0.0/16"];
        /// Whether `http:` is accepted too.
        allow_http: bool = false;
        /// How long a connection may take to stand.
        connect_time: Duration = "5s";
        /// How long a call may take in all; at most a minute.
        total_time: Duration = "15s";
    }

    /// What is logged, to standard error.
    [logging] Logging {
        /// "json" (a line each), "pretty" (for people), or "auto": json in production.
        format: LogFormat = "auto";
        /// What is logged, as `level` or `target=level,…`: error, warn, info, debug, trace.
        filter: LogFilter = "info";
    }

    /// For tests of the product. Refused in production.
    [development] Development {
        /// Points in the code where the process is to fail or to die: `point=error` or `point=abort`, by commas.
        #[env("TENANTRY_FAULTS")]
        faults: Option<PlantedFaults>, example "provision.storage=error";
    }
}
