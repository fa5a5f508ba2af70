//! Root and other accounts. Only root can change accounts: as a normal user, the other files have run as one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use local_postgres::{Cluster, Error};

use crate::{Owner, PROGRAM, Scratch, has_mark, is_root, mark, owner, processes, settings, start};

/// Of the account `nobody` everywhere that these tests run as root.
const NOBODY: (u32, u32) = (65534, 65534);

/// The program where every account can run it, wherever it was built.
fn program(scratch: &Scratch) -> PathBuf {
    let copy = scratch.join("local-postgres");
    fs::copy(PROGRAM, &copy).unwrap();
    copy
}

/// A folder of nobody's.
fn nobodys(scratch: &Scratch) -> PathBuf {
    let folder = scratch.join("nobody");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(NOBODY.0), Some(NOBODY.1)).unwrap();
    folder
}

#[tokio::test]
async fn the_server_never_runs_as_root() {
    let scratch = Scratch::with_cluster().await;
    let cluster = start(&scratch.join("pg")).await;
    let runs_as = owner(&scratch.join("pg/cluster/data/postmaster.pid"));
    assert_ne!(runs_as, 0);
    assert_eq!(runs_as == owner(&scratch.join("pg")), !is_root());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn root_continues_what_a_user_began_as_that_user_and_gives_it_back() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let (program, data_dir) = (program(&scratch), nobodys(&scratch));
    let first = Owner::start(&program, &data_dir, Some(NOBODY)).await.unwrap();
    mark(&first.url).await;
    first.kill().await;
    let cluster = start(&data_dir).await;
    assert!(has_mark(&cluster).await);
    assert_eq!(owner(&data_dir.join("cluster/data/postmaster.pid")), NOBODY.0);
    cluster.stop().await.unwrap();
    Owner::start(&program, &data_dir, Some(NOBODY))
        .await
        .unwrap()
        .kill()
        .await;
    start(&data_dir).await.stop().await.unwrap(); // waits for the one killed
}

#[tokio::test]
async fn a_user_is_told_whose_the_cluster_is_that_root_began() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let (program, data_dir) = (program(&scratch), nobodys(&scratch));
    start(&data_dir).await.stop().await.unwrap();
    std::os::unix::fs::chown(data_dir.join("lock"), Some(NOBODY.0), None).unwrap();
    let told = |refused: Result<Owner, String>| {
        refused
            .err()
            .is_some_and(|error| error.contains("belongs to another account"))
    };
    assert!(told(Owner::start(&program, &data_dir, Some(NOBODY)).await));
    start(&scratch.join("roots")).await.stop().await.unwrap();
    assert!(told(
        Owner::start(&program, &scratch.join("roots"), Some(NOBODY)).await
    ));
}

#[tokio::test]
async fn a_cluster_given_to_root_is_taken_back() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::with_cluster().await;
    let data_dir = scratch.join("pg");
    let cluster = start(&data_dir).await;
    mark(&cluster.url("postgres")).await;
    cluster.stop().await.unwrap();
    let chown = std::process::Command::new("chown")
        .args(["-R", "0:0"])
        .arg(&data_dir)
        .status()
        .unwrap();
    assert!(chown.success());
    let cluster = start(&data_dir).await;
    assert!(has_mark(&cluster).await);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn below_roots_private_folder_the_cluster_goes_where_the_account_can_reach_it() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let private = scratch.join("private");
    let data_dir = private.join("pg");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let cluster = start(&data_dir).await;
    mark(&cluster.url("postgres")).await;
    let home = fs::read_link(data_dir.join("relocated")).unwrap();
    let _removal = RemoveOnDrop(&home);
    assert!(home.join("cluster/data/PG_VERSION").exists() && !data_dir.join("cluster").exists());
    assert!(
        fs::read_to_string(data_dir.join("README.txt"))
            .unwrap()
            .contains("relocated")
    );
    cluster.stop().await.unwrap();

    let cluster = start(&data_dir).await;
    assert!(has_mark(&cluster).await);
    cluster.stop().await.unwrap();
    assert_eq!(processes(&home), 0);

    fs::remove_dir_all(&data_dir).unwrap();
    let cluster = start(&data_dir).await;
    let second_home = fs::read_link(data_dir.join("relocated")).unwrap();
    let _second_removal = RemoveOnDrop(&second_home);
    assert!(
        !has_mark(&cluster).await,
        "removing the data folder did not begin anew"
    );
    cluster.stop().await.unwrap();
    Cluster::remove(&data_dir).await.unwrap();
    assert!(!second_home.exists() && !data_dir.exists());
}

#[tokio::test]
async fn binaries_that_the_account_cannot_reach_are_named() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let private = scratch.join("private");
    fs::create_dir(&private).unwrap();
    for name in ["postgres", "initdb"] {
        fs::copy(
            settings(&private).binaries.folder().join(name),
            private.join(name),
        )
        .unwrap();
    }
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let mut wanted = settings(&scratch.join("pg"));
    wanted.binaries = local_postgres::Binaries::find(Some(&private)).unwrap();
    let refused = Cluster::start(wanted).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unreachable { path, .. } if path.ends_with("private/postgres")),
        "{refused}"
    );
}

struct RemoveOnDrop<'a>(&'a Path);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0); // the test may have removed it itself
    }
}
