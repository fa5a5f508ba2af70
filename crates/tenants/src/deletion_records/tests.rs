use std::collections::BTreeMap;

use kernel::{Actor, MasterKey, TenantId, Timestamp};
use testkit::TestDatabase;

use super::{DeletionRecord, InvalidDeletionRecord, SignedDeletionRecord, get, insert, signing_key};

fn record(tenant: TenantId) -> DeletionRecord {
    DeletionRecord::new(
        tenant,
        &"acme".parse().expect("a slug"),
        Timestamp::from_micros(1_700_000_000_000_000),
        Timestamp::from_micros(1_702_592_000_123_000),
        Actor::system("removal"),
        BTreeMap::from([("rows.projects".to_owned(), 12), ("objects".to_owned(), 3)]),
    )
}

fn tenant() -> TenantId {
    "tenant_01h455vb4pex5vsknk084sn02q".parse().expect("well formed")
}

#[test]
fn the_text_is_canonical_and_names_nobody() {
    let signed = record(tenant()).sign(&signing_key(&MasterKey::new([1; 32])));
    assert_eq!(
        signed.text,
        "{\"executedAt\":\"2023-12-14T22:13:20.123Z\",\"executedBy\":{\"id\":\"removal\",\"type\":\"system\"},\
         \"removed\":{\"objects\":3,\"rows.projects\":12},\"requestedAt\":\"2023-11-14T22:13:20.000Z\",\
         \"slugSha256\":\"822acd5b41d3ce1efb6a9a60f01b3c0fd1b2e6eb2daa67fef4b95ebff67cecec\",\
         \"tenantId\":\"tenant_01h455vb4pex5vsknk084sn02q\",\"type\":\"tenantry.deletion_record/1\"}"
            .replace("822acd5b41d3ce1efb6a9a60f01b3c0fd1b2e6eb2daa67fef4b95ebff67cecec", &sha256("acme"))
    );
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn only_the_key_makes_a_record_and_any_change_breaks_it() {
    let key = signing_key(&MasterKey::new([1; 32]));
    let original = record(tenant());
    let signed = original.sign(&key);
    assert_eq!(signed.verify(&key.verifying_key()), Ok(original));
    let other = signing_key(&MasterKey::new([2; 32]));
    assert_eq!(
        signed.verify(&other.verifying_key()),
        Err(InvalidDeletionRecord::Signature)
    );
    let altered = SignedDeletionRecord {
        text: signed.text.replace("12", "11"),
        ..signed
    };
    assert_eq!(
        altered.verify(&key.verifying_key()),
        Err(InvalidDeletionRecord::Signature)
    );
}

#[test]
fn another_signed_text_is_no_record() {
    use ed25519_dalek::Signer;
    let key = signing_key(&MasterKey::new([1; 32]));
    let other_kind = record(tenant())
        .sign(&key)
        .text
        .replace("deletion_record/1", "deletion_record/2");
    for text in ["{}".to_owned(), other_kind] {
        let signature = key.sign(text.as_bytes()).to_bytes();
        let signed = SignedDeletionRecord { text, signature };
        assert_eq!(
            signed.verify(&key.verifying_key()),
            Err(InvalidDeletionRecord::Shape)
        );
    }
}

#[tokio::test]
async fn the_first_record_stays() {
    let db = TestDatabase::new().await;
    let key = signing_key(db.databases().master());
    let first = record(tenant()).sign(&key);
    let mut later = record(tenant());
    later.removed.clear();
    for signed in [&first, &later.sign(&key)] {
        let mut tx = db.system().control().await.expect("a transaction");
        insert(&mut tx, tenant(), signed).await.expect("kept");
        tx.commit().await.expect("committed");
    }
    let mut tx = db.system().control().await.expect("a transaction");
    let stored = get(&mut tx, tenant()).await.expect("readable").expect("there");
    assert_eq!(stored, first);
    assert_eq!(db.audit(tenant()).await.len(), 1);
    assert_eq!(
        stored.verify(&key.verifying_key()).expect("ours").removed.len(),
        2
    );
}
