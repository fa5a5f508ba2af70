//! An authenticator in software: what a browser and a security key do together, so that a whole passkey ceremony can
//! be tried, and also what an honest pair would never do.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The person was there.
const PRESENT: u8 = 0x01;
/// And unlocked it.
const VERIFIED: u8 = 0x04;
/// A new credential is part of the data.
const ATTESTED: u8 = 0x40;

/// One credential on one page. A clone of it is a copy of the device.
#[derive(Debug, Clone)]
pub struct Authenticator {
    /// The page it is used on.
    pub origin: String,
    /// How often it has signed.
    pub counter: u32,
    /// Whether its person unlocks it.
    pub verified: bool,
    key: Vec<u8>,
    id: [u8; 32],
}

impl Authenticator {
    /// A fresh one.
    pub fn new(origin: &str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        Self {
            origin: origin.to_owned(),
            counter: 0,
            verified: true,
            id: Sha256::digest(key.as_ref()).into(),
            key: key.as_ref().to_vec(),
        }
    }

    /// Answers a challenge to register.
    pub fn create(&mut self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.create", options);
        let mut data = self.data(&options["rp"]["id"], ATTESTED);
        data.extend([0; 16]);
        data.extend(length(self.id.len()));
        data.extend(self.id);
        data.extend(self.cose_key());
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {
                "clientDataJSON": encoded(&client_data),
                "attestationObject": encoded(&attestation(&data)),
                "transports": ["internal"],
            },
        })
    }

    /// Answers a challenge to authenticate.
    pub fn get(&mut self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(&options["rpId"], 0);
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        let signature = self.pair().sign(&SystemRandom::new(), &signed).expect("signed");
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data),
                "authenticatorData": encoded(&data),
                "signature": encoded(signature.as_ref()),
                "userHandle": null,
            },
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false,
        });
        data.to_string().into_bytes()
    }

    /// <https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data>
    fn data(&mut self, relying_party: &Value, flags: u8) -> Vec<u8> {
        self.counter += 1;
        let verified = if self.verified { VERIFIED } else { 0 };
        let mut data = Sha256::digest(relying_party.as_str().expect("a relying party")).to_vec();
        data.push(flags | PRESENT | verified);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// RFC 9053: an EC2 key on P-256 for ES256.
    fn cose_key(&self) -> Vec<u8> {
        let pair = self.pair();
        let point = pair.public_key().as_ref();
        let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        [&head, &point[1..33], &[0x22, 0x58, 0x20], &point[33..]].concat()
    }

    fn pair(&self) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.key).expect("its own key")
    }
}

/// The attestation object in CBOR (RFC 8949), with the statement "none".
fn attestation(data: &[u8]) -> Vec<u8> {
    let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59";
    [head, &length(data.len())[..], data].concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("short").to_be_bytes()
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
