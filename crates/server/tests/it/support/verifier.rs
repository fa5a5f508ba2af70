//! Libraries of others that check our access tokens.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What the token says, by PyJWT, which is given nothing but the published keys and what a service pins; nothing where
/// it is not installed.
pub(crate) fn pyjwt(
    token: &str,
    key_set: &Value,
    issuer: &str,
    audience: &str,
) -> Option<Result<Value, String>> {
    const SCRIPT: &str = r#"
import json, sys
import jwt
given = json.load(sys.stdin)
keys = jwt.PyJWKSet.from_dict(given["keySet"])
try:
    header = jwt.get_unverified_header(given["token"])
    key = {key.key_id: key for key in keys.keys}[header["kid"]]
    claims = jwt.decode(given["token"], key.key, algorithms=["EdDSA"], issuer=given["issuer"],
                        audience=given["audience"],
                        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]})
    print(json.dumps({"header": header, "claims": claims}))
except (jwt.PyJWTError, KeyError) as refused:
    print(json.dumps({"refused": repr(refused)}))
"#;
    let python = python()?;
    let given =
        serde_json::json!({"token": token, "keySet": key_set, "issuer": issuer, "audience": audience});
    let mut child = Command::new(python)
        .args(["-I", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(given.to_string().as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "Python failed");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    Some(match said["refused"].as_str() {
        Some(refused) => Err(refused.to_owned()),
        None => Ok(said),
    })
}

/// A Python that has PyJWT with its cryptography: the one that `bin/test` found, or one that is here.
#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn python() -> Option<String> {
    let named = std::env::var("TEST_JWT_PYTHON")
        .ok()
        .filter(|path| !path.is_empty());
    let here = ["python3", "/usr/bin/python3"].map(str::to_owned);
    named.into_iter().chain(here).find(|python| {
        let mut import = Command::new(python);
        import
            .args(["-I", "-c", "import jwt, cryptography"])
            .stderr(Stdio::null());
        import.status().is_ok_and(|status| status.success())
    })
}

/// Whether OpenSSL finds the signature right, with the key that the set has for the token.
pub(crate) fn openssl(token: &str, key_set: &Value) -> bool {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (header, _) = signed.split_once('.').expect("three parts");
    let header: Value = serde_json::from_slice(&bytes(header)).expect("JSON");
    let keys = key_set["keys"].as_array().expect("keys");
    let Some(key) = keys.iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    };
    // A public key of Ed25519 (RFC 8410 section 4).
    let head = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let public = [&head[..], &bytes(key["x"].as_str().expect("a key"))].concat();
    let (public, signed, signature) = (
        file("public.der", &public),
        file("signed", signed.as_bytes()),
        file("signature", &bytes(signature)),
    );
    verified(&public, &signed, &signature)
}

fn verified(public: &Path, signed: &Path, signature: &Path) -> bool {
    let mut command = Command::new("openssl");
    command
        .args([
            "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey",
        ])
        .arg(public);
    command.arg("-in").arg(signed).arg("-sigfile").arg(signature);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status
        .expect("openssl is installed wherever certificates are")
        .success()
}

/// What base64url (RFC 4648 section 5) stands for.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digit = |character: u8| match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        other => panic!("{other} is not base64url"),
    };
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for character in text.bytes() {
        held = (held << 6) | u32::from(digit(character));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).expect("a byte"));
        }
    }
    bytes
}
