//! Files on a real PostgreSQL and a local object store.

use std::path::Path;
use std::time::{Duration, SystemTime};

use ::jobs::{Handlers, Worker};
use futures_util::TryStreamExt;
use isolation::{IsolationStrategy, TenantCtx};
use testkit::TestDatabase;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::PageRequest;
use crate::fixture::{Objects, STRATEGIES, granted, told, trail};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn name(text: &str) -> FileName {
    text.parse().expect("a name")
}

async fn begun(ctx: &TenantCtx, objects: &Objects) -> Upload {
    Upload::begin(
        ctx,
        &objects.storage,
        name("logo.png"),
        Some("text/html"),
        MAX_BYTES,
    )
    .await
    .expect("it begins")
}

async fn stored(ctx: &TenantCtx, objects: &Objects, bytes: &[u8]) -> StoredFile {
    let mut upload = begun(ctx, objects).await;
    for chunk in bytes.chunks(100_000) {
        upload.write(chunk).await.expect("it takes the bytes");
    }
    upload.finish().await.expect("it is stored")
}

async fn created(ctx: &TenantCtx, objects: &Objects, bytes: &[u8]) -> File {
    let stored = stored(ctx, objects, bytes).await;
    let mut tx = ctx.write().await.expect("a transaction");
    let file = create(&mut tx, stored, None).await.expect("it is created");
    tx.commit().await.expect("it commits");
    file
}

async fn tenant(db: &TestDatabase, objects: &Objects, strategy: IsolationStrategy) -> TenantCtx {
    let ctx = db.tenant(strategy).await;
    objects
        .storage
        .tenant(ctx.tenant_id())
        .create()
        .await
        .expect("a space");
    ctx
}

async fn content(
    ctx: &TenantCtx,
    objects: &Objects,
    id: FileId,
    range: Option<std::ops::Range<u64>>,
) -> Vec<u8> {
    let opened = download(ctx, &objects.storage, id, range)
        .await
        .expect("it opens");
    opened
        .into_stream()
        .try_collect::<Vec<_>>()
        .await
        .expect("the bytes come")
        .concat()
}

/// Lets one worker run until the condition of `objects` holds.
async fn work_until_left(db: &TestDatabase, objects: &Objects, expected: usize) {
    let (stop, storage) = (CancellationToken::new(), objects.storage.clone());
    let handlers = Handlers::default()
        .on::<DeleteObject, _, _>(move |run, job| delete_object(run, job, storage.clone()));
    let worker = tokio::spawn(Worker::new(db.system(), handlers).run(stop.clone()));
    objects.left(expected).await;
    stop.cancel();
    worker.await.expect("no panic");
}

#[tokio::test]
async fn a_file_lives_in_every_strategy() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    for strategy in STRATEGIES {
        let ctx = tenant(&db, &objects, strategy).await;
        // More than a part, so that it really streams.
        let bytes: Vec<u8> = PNG
            .iter()
            .copied()
            .chain((0..3_000_000_u32).map(|n| n.to_le_bytes()[0]))
            .collect();
        let file = created(&ctx, &objects, &bytes).await;
        assert_eq!((&*file.name, &*file.content_type), ("logo.png", "image/png"));
        assert_eq!((file.size, file.sha256.len()), (3_000_016, 64));

        let mut tx = ctx.write().await.expect("a transaction");
        assert_eq!(get(&mut tx, file.id).await.expect("it is there"), file);
        assert_eq!(
            list(&mut tx, &PageRequest::first(9)).await.expect("a list"),
            std::slice::from_ref(&file)
        );
        drop(tx);
        assert!(content(&ctx, &objects, file.id, None).await == bytes);
        assert_eq!(content(&ctx, &objects, file.id, Some(1..4)).await, b"PNG");
        let outside = download(&ctx, &objects.storage, file.id, Some(3_000_016..3_000_017)).await;
        assert!(matches!(
            outside,
            Err(ContentError::RangeNotSatisfiable { size: 3_000_016 })
        ));

        let mut tx = ctx.write().await.expect("a transaction");
        delete(&mut tx, file.id).await.expect("it is deleted");
        assert!(matches!(get(&mut tx, file.id).await, Err(FileError::NotFound)));
        assert!(matches!(delete(&mut tx, file.id).await, Err(FileError::NotFound)));
        tx.commit().await.expect("it commits");
        let events = trail(&db, ctx.tenant_id()).await;
        let name = Some("logo.png");
        assert_eq!(
            events.iter().map(told).collect::<Vec<_>>(),
            [
                ("data.created", "created", name),
                ("data.deleted", "deleted", name)
            ]
        );
        assert_eq!(events[0].metadata["size"], 3_000_016);
        assert_eq!(objects.files().len(), 1, "the relayed job has not run yet");
        work_until_left(&db, &objects, 0).await;
        let gone = download(&ctx, &objects.storage, file.id, None).await;
        assert!(matches!(gone, Err(ContentError::NotFound)), "{strategy:?}");
    }
}

#[tokio::test]
async fn the_digest_is_that_of_the_bytes() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    let ctx = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let file = created(&ctx, &objects, b"abc").await;
    // FIPS 180-2, appendix B.1
    assert_eq!(
        file.sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let mut tx = ctx.read().await.expect("a transaction");
    assert_eq!(
        get(&mut tx, file.id).await.expect("it is there").sha256,
        file.sha256
    );
}

#[tokio::test]
async fn an_upload_that_ends_early_leaves_nothing() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    let ctx = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let large = vec![0; 3_000_000];

    let mut upload = begun(&ctx, &objects).await;
    upload.write(&large).await.expect("it takes the bytes");
    upload.abort().await;
    objects.left(0).await;

    let mut upload = begun(&ctx, &objects).await;
    upload.write(&large).await.expect("it takes the bytes");
    drop(upload);
    objects.left(0).await;

    let mut upload = Upload::begin(&ctx, &objects.storage, name("a"), None, 10)
        .await
        .expect("it begins");
    upload.write(&[0; 10]).await.expect("as many as allowed");
    assert!(matches!(
        upload.write(&[0]).await,
        Err(ContentError::TooLarge { limit: 10 })
    ));
    objects.left(0).await;

    drop(stored(&ctx, &objects, b"never created").await);
    objects.left(0).await;
}

#[tokio::test]
async fn a_file_that_is_not_created_takes_its_object_with_it() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    let ctx = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let other = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let stored = stored(&ctx, &objects, b"hello").await;
    assert_eq!(objects.files().len(), 1);
    let mut tx = other.write().await.expect("a transaction");
    assert!(matches!(
        create(&mut tx, stored, None).await,
        Err(FileError::NotFound)
    ));
    objects.left(0).await;
}

fn move_written(path: &Path, to: impl Fn(SystemTime) -> SystemTime) {
    let file = std::fs::File::options().write(true).open(path).expect("it opens");
    let written = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .expect("a time");
    file.set_modified(to(written)).expect("it is moved");
}

#[tokio::test]
async fn the_sweep_takes_old_objects_without_a_row_only() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    for strategy in STRATEGIES {
        let ctx = tenant(&db, &objects, strategy).await;
        let other = tenant(&db, &objects, strategy).await;
        let (kept, theirs) = (
            created(&ctx, &objects, b"kept").await,
            created(&other, &objects, b"theirs").await,
        );
        let stored = stored(&ctx, &objects, b"orphan").await;
        let mut tx = ctx.write().await.expect("a transaction");
        let orphan = create(&mut tx, stored, None).await.expect("it is created").id;
        drop(tx);
        let before = objects.files().len();
        assert_eq!(
            sweep_orphans(&ctx, &objects.storage).await.expect("it sweeps"),
            0,
            "it is too young"
        );
        assert_eq!(objects.files().len(), before);
        db.clock().advance_seconds(3601);
        // Begun long ago, but its last byte has only just come.
        let slow = objects
            .files()
            .into_iter()
            .find(|path| path.ends_with(orphan.hex()))
            .expect("it is there");
        move_written(&slow, |time| time + Duration::from_hours(4));
        assert_eq!(
            sweep_orphans(&ctx, &objects.storage).await.expect("it sweeps"),
            0,
            "it came late"
        );
        move_written(&slow, |time| time - Duration::from_hours(4));
        let young = begun(&ctx, &objects).await;
        assert_eq!(
            sweep_orphans(&ctx, &objects.storage).await.expect("it sweeps"),
            1,
            "{strategy:?}"
        );
        assert_eq!(sweep_orphans(&ctx, &objects.storage).await.expect("it sweeps"), 0);
        assert_eq!(content(&ctx, &objects, kept.id, None).await, b"kept");
        assert_eq!(content(&other, &objects, theirs.id, None).await, b"theirs");
        young.abort().await;
    }
}

#[tokio::test]
async fn deleting_an_object_may_be_repeated_and_obeys_the_jobs_own_tenant() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    let ctx = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let (file, kept) = (
        created(&ctx, &objects, b"a").await,
        created(&ctx, &objects, b"b").await,
    );
    let run = |tenant| ::jobs::Run {
        ctx: db.system(),
        job: db.databases().seams().new_id(),
        tenant: Some(tenant),
        attempt: 1,
        last: false,
    };
    let job = |file: &File| DeleteObject {
        tenant: ctx.tenant_id(),
        file: file.id,
    };
    for _ in 0..2 {
        delete_object(run(ctx.tenant_id()), job(&file), objects.storage.clone())
            .await
            .expect("it is gone");
    }
    let stranger = delete_object(
        run(db.databases().seams().new_id()),
        job(&kept),
        objects.storage.clone(),
    )
    .await;
    assert!(matches!(stranger, Err(::jobs::JobError::Hopeless(_))));
    assert_eq!(content(&ctx, &objects, kept.id, None).await, b"b");
}

#[tokio::test]
async fn another_tenants_file_is_not_there() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    for strategy in STRATEGIES {
        let (mine, theirs) = (
            tenant(&db, &objects, strategy).await,
            tenant(&db, &objects, strategy).await,
        );
        let foreign = created(&theirs, &objects, b"secret").await;
        let mut tx = mine.write().await.expect("a transaction");
        assert!(matches!(get(&mut tx, foreign.id).await, Err(FileError::NotFound)));
        assert!(matches!(
            delete(&mut tx, foreign.id).await,
            Err(FileError::NotFound)
        ));
        assert!(
            list(&mut tx, &PageRequest::first(9))
                .await
                .expect("a list")
                .is_empty()
        );
        drop(tx);
        let opened = download(&mine, &objects.storage, foreign.id, None).await;
        assert!(matches!(opened, Err(ContentError::NotFound)), "{strategy:?}");
    }
}

#[tokio::test]
async fn files_are_listed_newest_first_in_stable_pages() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    let ctx = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let mut all = Vec::new();
    for byte in 0..5 {
        all.push(created(&ctx, &objects, &[byte]).await);
    }
    all.reverse();
    let (mut seen, mut page) = (Vec::new(), PageRequest::first(2));
    loop {
        let mut tx = ctx.read().await.expect("a transaction");
        let rows = list(&mut tx, &page).await.expect("a page");
        let Some(last) = rows.last() else { break };
        page.after = Some(last.id);
        seen.extend(rows);
        drop(tx);
        created(&ctx, &objects, b"late").await;
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let db = TestDatabase::new().await;
    let objects = Objects::new(&db);
    let ctx = tenant(&db, &objects, IsolationStrategy::SharedDatabase).await;
    let file = created(&ctx, &objects, b"a").await;
    let reader = granted(&db, &ctx, &["files:read"]);
    let begun = Upload::begin(&reader, &objects.storage, name("a"), None, MAX_BYTES).await;
    assert!(matches!(begun, Err(ContentError::Forbidden(_))));
    assert_eq!(content(&reader, &objects, file.id, None).await, b"a");
    let mut tx = reader.write().await.expect("a transaction");
    assert!(matches!(
        delete(&mut tx, file.id).await,
        Err(FileError::Forbidden(_))
    ));
    let smuggled = create(&mut tx, stored(&ctx, &objects, b"b").await, None).await;
    assert!(matches!(smuggled, Err(FileError::Forbidden(_))));
    drop(tx);
    let nobody = granted(&db, &ctx, &["projects:*"]);
    let opened = download(&nobody, &objects.storage, file.id, None).await;
    assert!(matches!(opened, Err(ContentError::Forbidden(_))));
    let mut tx = nobody.read().await.expect("a transaction");
    assert!(matches!(
        get(&mut tx, file.id).await,
        Err(FileError::Forbidden(_))
    ));
    assert!(matches!(
        list(&mut tx, &PageRequest::first(9)).await,
        Err(FileError::Forbidden(_))
    ));
}
