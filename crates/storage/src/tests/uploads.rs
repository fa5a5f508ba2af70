use std::time::Duration;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{Fixture, content, read, store};
use crate::{StorageError, Uploaded};

#[tokio::test]
async fn returns_what_was_written_whole_and_in_part() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    for size in [0, 1, 300_000, (2 << 20) + 5] {
        let (key, bytes) = (fixture.key(), content(size));
        store(&space, key, &bytes).await;
        let whole = space.download(key, None).await.expect("it is there");
        assert_eq!((whole.size, whole.range.clone()), (size as u64, 0..size as u64));
        assert!(read(whole).await == bytes, "{size}");
    }
}

#[tokio::test]
async fn ranges_are_cut_to_the_object_or_refused_with_its_size() {
    let fixture = Fixture::new();
    let (space, key) = (fixture.space().await, fixture.key());
    store(&space, key, b"0123456789").await;
    for (asked, given, bytes) in [
        (2..5, 2..5, "234"),
        (9..10, 9..10, "9"),
        (8..99, 8..10, "89"),
        (0..10, 0..10, "0123456789"),
    ] {
        let part = space.download(key, Some(asked)).await.expect("it is there");
        assert_eq!((part.size, part.range.clone()), (10, given));
        assert_eq!(read(part).await, bytes.as_bytes());
    }
    for outside in [10..11, 99..100, 3..3] {
        let refused = space.download(key, Some(outside.clone())).await;
        assert!(
            matches!(refused, Err(StorageError::RangeNotSatisfiable { size: 10 })),
            "{outside:?}: {refused:?}"
        );
    }
    let absent = space.download(fixture.key(), Some(0..1)).await;
    assert!(matches!(absent, Err(StorageError::NoSuchObject)), "{absent:?}");
}

#[tokio::test]
async fn too_many_bytes_are_refused_while_they_come_and_leave_nothing() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    let before = fixture.files();
    for limit in [5_usize, 3 << 20] {
        let key = fixture.key();
        let mut upload = space.upload(key, limit as u64).await.expect("it begins");
        upload.write(&content(limit)).await.expect("as many as allowed");
        assert_eq!(upload.size(), limit as u64);
        let refused = upload.write(b"!").await;
        assert!(
            matches!(refused, Err(StorageError::TooLarge { limit: given }) if given == limit as u64),
            "{refused:?}"
        );
        assert_eq!(fixture.files(), before);
        assert!(matches!(upload.write(b"").await, Err(StorageError::UploadClosed)));
        assert!(matches!(upload.finish().await, Err(StorageError::UploadClosed)));
        assert!(matches!(
            space.download(key, None).await,
            Err(StorageError::NoSuchObject)
        ));
    }
    assert_eq!(fixture.files(), before);
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing_and_is_never_readable() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    let before = fixture.files();
    for size in [5, 3 << 20] {
        let key = fixture.key();
        let mut upload = space.upload(key, u64::MAX).await.expect("it begins");
        upload.write(&content(size)).await.expect("it takes the bytes");
        assert!(matches!(
            space.download(key, None).await,
            Err(StorageError::NoSuchObject)
        ));
        upload.abort().await;
        assert_eq!(fixture.files(), before);
    }
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    let before = fixture.files();
    let mut upload = space.upload(fixture.key(), u64::MAX).await.expect("it begins");
    upload.write(&content(3 << 20)).await.expect("it takes the bytes");
    assert_ne!(fixture.files(), before);
    drop(upload);
    let gone = async {
        while fixture.files() != before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("the file goes");
}

#[tokio::test]
async fn uploads_to_different_keys_do_not_mix() {
    let fixture = Fixture::new();
    let space = fixture.space().await;
    let (first, second) = (fixture.key(), fixture.key());
    let (ones, twos) = (vec![1; 5 << 20], vec![2; 4 << 20]);
    let mut left = space.upload(first, u64::MAX).await.expect("it begins");
    let mut right = space.upload(second, u64::MAX).await.expect("it begins");
    for (one, two) in ones.chunks(100_000).zip(twos.chunks(80_000)) {
        let (one, two) = tokio::join!(left.write(one), right.write(two));
        one.and(two).expect("they take the bytes");
    }
    let (left, right) = tokio::join!(left.finish(), right.finish());
    assert_eq!(
        (left.expect("stored").size, right.expect("stored").size),
        (5 << 20, 4 << 20)
    );
    assert!(read(space.download(first, None).await.expect("it is there")).await == ones);
    assert!(read(space.download(second, None).await.expect("it is there")).await == twos);
}

#[tokio::test]
async fn the_same_key_is_another_object_in_another_space() {
    let fixture = Fixture::new();
    let (mine, theirs, key) = (fixture.space().await, fixture.space().await, fixture.key());
    store(&mine, key, b"mine").await;
    assert!(matches!(
        theirs.download(key, None).await,
        Err(StorageError::NoSuchObject)
    ));
    theirs.delete(key).await.expect("nothing to delete");
    assert_eq!(
        read(mine.download(key, None).await.expect("it is there")).await,
        b"mine"
    );
}

#[tokio::test]
async fn deletion_may_be_repeated() {
    let fixture = Fixture::new();
    let (space, key) = (fixture.space().await, fixture.key());
    space.delete(key).await.expect("nothing to delete");
    store(&space, key, b"bytes").await;
    for _ in 0..2 {
        space.delete(key).await.expect("it goes");
        assert!(matches!(
            space.download(key, None).await,
            Err(StorageError::NoSuchObject)
        ));
    }
    assert!(space.exists().await.expect("it answers"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn counts_and_hashes_what_came_in_whatever_pieces(pieces in prop::collection::vec(0_usize..700_000, 0..6)) {
        let bytes = content(pieces.iter().sum());
        let expected = Uploaded { size: bytes.len() as u64, sha256: Sha256::digest(&bytes).into() };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new();
            let (space, key) = (fixture.space().await, fixture.key());
            let mut upload = space.upload(key, expected.size).await.expect("it begins");
            let mut rest = bytes.as_slice();
            for piece in pieces {
                let (chunk, tail) = rest.split_at(piece);
                upload.write(chunk).await.expect("it takes the bytes");
                rest = tail;
            }
            assert_eq!(upload.finish().await.expect("it is stored"), expected);
            assert!(read(space.download(key, None).await.expect("it is there")).await == bytes);
        });
    }
}
