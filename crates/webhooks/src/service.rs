//! What webhooks stand on.

use std::sync::Arc;

use kernel::{BrokenSeal, MasterKey, SealingKey, Seams};
use outbound::{Client, Limits, Policy};

use crate::endpoints::EndpointId;
use crate::signature::SigningSecret;

/// What is read of an answer: enough to see what a receiver complains of.
const ANSWER_BYTES: usize = 4096;

/// The way out, and what secrets are sealed with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<Means>);

#[derive(Debug)]
struct Means {
    client: Client,
    sealing: SealingKey,
}

impl Webhooks {
    /// Endpoints that this policy lets through.
    pub fn new(master: &MasterKey, policy: Policy, limits: Limits) -> Self {
        let limits = Limits {
            answer_bytes: ANSWER_BYTES,
            ..limits
        };
        Self(Arc::new(Means {
            client: Client::guarded(policy, limits),
            sealing: SealingKey::derive(master, "webhooks"),
        }))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn seal(&self, seams: &Seams, endpoint: EndpointId, secret: &SigningSecret) -> Vec<u8> {
        let place = endpoint.uuid();
        self.0.sealing.seal(seams, place.as_bytes(), secret.bytes())
    }

    pub(crate) fn open(&self, endpoint: EndpointId, sealed: &[u8]) -> Result<SigningSecret, BrokenSeal> {
        let place = endpoint.uuid();
        let opened = self.0.sealing.open(place.as_bytes(), sealed)?;
        Ok(SigningSecret::from_bytes(opened))
    }
}
