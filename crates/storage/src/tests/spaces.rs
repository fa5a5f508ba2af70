use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use kernel::{Entity, Id, Seams, Secret, TenantId};
use proptest::prelude::*;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Blob, Fixture, content, store};
use crate::{S3Config, Storage, StorageConfig, StorageError, StoredObject};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn an_empty_space_exists_and_can_be_made_twice() {
    let fixture = Fixture::new();
    let space = fixture.storage.tenant(fixture.tenant());
    assert!(!space.exists().await.expect("it answers"));
    space.create().await.expect("it is made");
    space.create().await.expect("it stays");
    assert!(space.exists().await.expect("it answers"));
    assert_eq!(fixture.files(), [format!("{}/.space", space.name())]);
}

#[tokio::test]
async fn lists_what_is_there_whole_or_not() {
    let fixture = Fixture::new();
    assert_eq!(fixture.storage.spaces().await.expect("it lists"), []);
    let tenants = [fixture.tenant(), fixture.tenant()];
    for tenant in tenants {
        fixture.storage.tenant(tenant).create().await.expect("it is made");
    }
    let half = fixture.storage.tenant(tenants[1]);
    std::fs::remove_file(fixture.folder(&half).join(".space")).expect("the marker was there");
    assert!(!half.exists().await.expect("it answers"));
    let mut listed = fixture.storage.spaces().await.expect("it lists");
    listed.sort();
    assert_eq!(listed, tenants);
}

#[tokio::test]
async fn removal_takes_everything_and_nothing_of_others() {
    let fixture = Fixture::new();
    let (gone, kept) = (fixture.space().await, fixture.space().await);
    let key = fixture.key();
    store(&gone, key, b"one").await;
    store(&gone, fixture.key(), &content(3 << 20)).await;
    store(&kept, key, b"other").await;
    let mut interrupted = gone.upload(fixture.key(), u64::MAX).await.expect("it begins");
    interrupted
        .write(&content(2 << 20))
        .await
        .expect("it takes the bytes");

    gone.remove().await.expect("it goes");
    assert!(!fixture.folder(&gone).exists());
    gone.remove().await.expect("it may be repeated");
    assert!(!gone.exists().await.expect("it answers"));
    assert!(matches!(
        gone.download(key, None).await,
        Err(StorageError::NoSuchObject)
    ));
    let listed = fixture.storage.spaces().await.expect("it lists");
    assert_eq!(
        listed
            .iter()
            .map(|tenant| fixture.storage.tenant(*tenant).name().to_owned())
            .collect::<Vec<_>>(),
        [kept.name()]
    );
    assert_eq!(fixture.files().len(), 2, "{:?}", fixture.files());

    assert!(matches!(
        interrupted.finish().await,
        Err(StorageError::NoSuchSpace(_))
    ));
    assert!(!fixture.folder(&gone).exists());
}

#[tokio::test]
async fn an_upload_that_outlives_its_space_takes_its_object_back() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    let mut upload = space.upload(fixture.key(), 10).await.expect("it begins");
    upload.write(b"late").await.expect("it takes the bytes");
    space.remove().await.expect("it goes");
    assert!(matches!(upload.finish().await, Err(StorageError::NoSuchSpace(_))));
    assert!(!fixture.folder(&space).exists());
    assert!(matches!(
        space.upload(fixture.key(), 10).await,
        Err(StorageError::NoSuchSpace(_))
    ));
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_remains_of_uploads_that_race_with_the_removal() {
    let fixture = Fixture::new();
    let mut refused = 0;
    for round in 0..60 {
        let space = fixture.space().await;
        let mut uploads = JoinSet::new();
        for number in 0..8 {
            let (space, key) = (space.clone(), fixture.key());
            uploads.spawn(async move {
                let mut upload = space.upload(key, u64::MAX).await?;
                upload
                    .write(&content(if number % 4 == 0 { 2 << 20 } else { 10 }))
                    .await?;
                upload.finish().await
            });
        }
        // From round to round the removal meets the uploads at another point.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        space.remove().await.expect("it goes");
        while let Some(result) = uploads.join_next().await {
            match result.expect("no panic") {
                Ok(_) => {}
                Err(StorageError::NoSuchSpace(_)) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(fixture.files(), Vec::<String>::new(), "round {round}");
        assert!(!fixture.folder(&space).exists(), "round {round}");
    }
    assert!(refused > 0, "no upload met a removal");
}

#[tokio::test]
async fn lists_the_objects_of_one_kind() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    assert!(
        space
            .list::<Blob>()
            .try_collect::<Vec<_>>()
            .await
            .expect("it lists")
            .is_empty()
    );
    let key = fixture.key();
    store(&space, key, b"abc").await;
    let listed: Vec<StoredObject<Blob>> = space.list().try_collect().await.expect("it lists");
    assert_eq!(
        listed
            .iter()
            .map(|object| (object.key, object.size))
            .collect::<Vec<_>>(),
        [(key, 3)]
    );
    let age = fixture.seams.now().as_micros() - listed[0].written_at.as_micros();
    assert!(age.abs() < 60_000_000, "{age} µs");
}

#[tokio::test]
async fn files_and_folders_are_the_owners_alone() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    for size in [3, 3 << 20] {
        let key = fixture.key();
        store(&space, key, &content(size)).await;
        assert_eq!(mode(&fixture.folder(&space).join("blob").join(key.hex())), 0o600);
    }
    assert_eq!(mode(&fixture.folder(&space).join(".space")), 0o600);
    for folder in [
        fixture.folder(&space).join("blob"),
        fixture.folder(&space),
        fixture.root.path().join("objects"),
    ] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn the_probe_notices_and_leaves_nothing() {
    let fixture = Fixture::new();
    fixture.storage.probe().await.expect("the store works");
    assert_eq!(fixture.files(), Vec::<String>::new());
    let objects = fixture.root.path().join("objects");
    std::fs::remove_dir_all(&objects).expect("it was there");
    std::fs::write(&objects, b"in the way").expect("it can be written");
    assert!(fixture.storage.probe().await.is_err());
}

#[tokio::test]
async fn the_sweep_takes_what_a_dead_process_left_and_nothing_younger() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    store(&space, fixture.key(), b"kept").await;
    let key = fixture.key();
    let mut upload = space.upload(key, u64::MAX).await.expect("it begins");
    upload
        .write(&content((1 << 20) + 1))
        .await
        .expect("it takes the bytes");
    // A killed process runs no destructor.
    std::mem::forget(upload);
    let left = fixture
        .folder(&space)
        .join("blob")
        .join(format!("{}#1", key.hex()));
    let written = async {
        while std::fs::metadata(&left).expect("it was left").len() < 1 << 20 {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, written)
        .await
        .expect("the part arrives");
    let probe = fixture
        .root
        .path()
        .join("objects/probes/00000000000000000000000000000000");
    std::fs::write(&probe, b"left").expect("it can be written");

    let hour = Duration::from_hours(1);
    assert_eq!(fixture.storage.sweep(hour).await.expect("it sweeps"), 0);
    for file in [&left, &probe] {
        let opened = std::fs::File::options().write(true).open(file).expect("it opens");
        #[expect(clippy::disallowed_methods, reason = "file times are the machine's")]
        opened
            .set_modified(SystemTime::now() - hour)
            .expect("it takes the time");
    }
    assert_eq!(fixture.storage.sweep(hour).await.expect("it sweeps"), 2);
    assert!(!left.exists() && !probe.exists());
    assert_eq!(fixture.files().len(), 2, "{:?}", fixture.files());
}

fn bucket_config() -> StorageConfig {
    StorageConfig::S3(S3Config {
        bucket: "files".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: "http://127.0.0.1:1".parse().ok(),
        access_key: "AKIA".to_owned(),
        secret_key: Secret::new("hunter2".to_owned()),
        allow_http: true,
        server_side_encryption: true,
    })
}

fn bucket() -> Storage {
    Storage::open(&bucket_config(), Seams::real()).expect("nothing is sent yet")
}

#[test]
fn the_secret_key_does_not_print() {
    let storage = bucket();
    let space = storage.tenant(TenantId::from_uuid(Uuid::nil()));
    let printed = format!("{:?} {storage:?} {space:?}", bucket_config());
    assert!(
        !printed.contains("hunter2") && printed.contains("AmazonS3(files)"),
        "{printed}"
    );
}

/// A kind whose prefix tries to leave; real ones are plain words.
#[derive(Debug)]
enum Climber {}
impl Entity for Climber {
    const PREFIX: &'static str = "../../other";
}

proptest! {
    #[test]
    fn no_key_leaves_its_space(tenant: [u8; 16], other: [u8; 16], key: [u8; 16]) {
        let storage = bucket();
        let space = storage.tenant(TenantId::from_uuid(Uuid::from_bytes(tenant)));
        let inside = format!("{}/", space.name());
        let blob = space.path(Id::<Blob>::from_uuid(Uuid::from_bytes(key)));
        prop_assert_eq!(blob.as_ref(), format!("{inside}blob/{}", Uuid::from_bytes(key).simple()));
        let climber = space.path(Id::<Climber>::from_uuid(Uuid::from_bytes(key)));
        prop_assert!(climber.as_ref().starts_with(&inside));
        prop_assert_eq!(climber.parts_count(), 4);
        prop_assert!(climber.parts().all(|part| part.as_ref() != ".."));
        let elsewhere = storage.tenant(TenantId::from_uuid(Uuid::from_bytes(other)));
        prop_assert_eq!(blob.as_ref().starts_with(elsewhere.name()), tenant == other);
    }
}
