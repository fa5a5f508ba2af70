//! Which object store, and how to reach it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::Secret;
use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

/// Which object store holds the tenants' files.
#[derive(Debug, Clone)]
pub enum StorageConfig {
    /// A folder of this machine (or a mounted one); made when missing.
    Local {
        /// The folder; everything in it is the product's own.
        root: PathBuf,
    },
    /// A bucket of S3 or of something that speaks S3.
    S3(S3Config),
}

/// A bucket and the right to use it.
///
/// The bucket must exist and be unversioned (or expire noncurrent versions), or else removed objects stay
/// recoverable; a lifecycle rule should abort incomplete multipart uploads after a day.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// The region that requests are signed for; compatible stores usually accept `us-east-1`.
    pub region: String,
    /// The server's address when it is not Amazon's own; the bucket is then part of the path.
    pub endpoint: Option<Url>,
    /// The access key's identifier, which is not secret.
    pub access_key: String,
    /// The access key itself.
    pub secret_key: Secret<String>,
    /// Whether an `http:` endpoint is accepted.
    pub allow_http: bool,
    /// Whether every write asks for encryption at rest with the store's own keys (SSE-S3, `AES256`). Some
    /// compatible stores refuse the request when they have no key service.
    pub server_side_encryption: bool,
}

impl S3Config {
    /// A client of this bucket; nothing is sent yet.
    pub(crate) fn connect(&self) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
        // A whole-request timeout would cut long downloads off; silence is what counts.
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(Duration::from_secs(5))
            .with_read_timeout(Duration::from_mins(1))
            .with_allow_http(self.allow_http);
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(30),
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(self.secret_key.expose())
            .with_client_options(client)
            .with_retry(retry);
        builder = match &self.endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint.as_str()),
            // Amazon's certificates do not cover a bucket with dots as a host name.
            None => builder.with_virtual_hosted_style_request(!self.bucket.contains('.')),
        };
        if self.server_side_encryption {
            builder = builder.with_config("aws_server_side_encryption".parse()?, "AES256");
        }
        Ok(Arc::new(builder.build()?))
    }
}
