//! Kills of every part at bad moments, and what they leave.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use local_postgres::Binaries;
use rustix::process::Signal;
use tokio::time::timeout;

use crate::{
    Owner, PROGRAM, Scratch, connect, eventually, has_mark, is_root, kill, mark, postmaster, processes,
    spawn, start,
};

/// The cluster's server run by somebody else: as one that a killed owner left behind.
async fn left_behind(data_dir: &Path) -> Child {
    let (pgdata, owner) = (
        data_dir.join("cluster/data"),
        fs::metadata(data_dir.join("cluster")).unwrap(),
    );
    let mut command = Command::new(Binaries::find(None).unwrap().folder().join("postgres"));
    command
        .arg("-D")
        .arg(&pgdata)
        .args(["-c", "listen_addresses=", "-c"]);
    command.arg(format!(
        "unix_socket_directories={}",
        data_dir.join("cluster/socket").display()
    ));
    if is_root() {
        command.gid(owner.gid()).uid(owner.uid());
    }
    fs::create_dir(data_dir.join("cluster/socket")).unwrap();
    std::os::unix::fs::chown(
        data_dir.join("cluster/socket"),
        Some(owner.uid()),
        Some(owner.gid()),
    )
    .unwrap();
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    let ready = || fs::read_to_string(pgdata.join("postmaster.pid")).is_ok_and(|text| text.contains("ready"));
    eventually("the server left behind is ready", ready).await;
    child
}

/// A cluster with a mark, stopped; and its superuser's URL.
async fn stopped(data_dir: &Path) -> String {
    let cluster = start(data_dir).await;
    let url = cluster.url("postgres");
    mark(&url).await;
    cluster.stop().await.unwrap();
    url
}

async fn assert_starts_intact(data_dir: &Path) {
    let cluster = start(data_dir).await;
    assert!(has_mark(&cluster).await);
    cluster.stop().await.unwrap();
    assert_eq!(processes(data_dir), 0);
}

#[tokio::test]
async fn a_killed_postmaster_is_noticed_and_its_busy_orphans_make_way() {
    let scratch = Scratch::with_cluster().await;
    let data_dir = scratch.join("pg");
    let mut cluster = start(&data_dir).await;
    let mut client = connect(&cluster.url("postgres")).await;
    let busy = tokio::spawn(async move {
        // It computes and never looks whether its postmaster lives.
        sqlx::raw_sql("begin; create table busy (); select sum(n) from generate_series(1, 1000000000000) n")
            .execute(&mut client)
            .await
    });
    let busy_now = "select count(*)::text from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()";
    while crate::value(&cluster.url("postgres"), busy_now).await == "0" {
        tokio::task::yield_now().await;
    }
    mark(&cluster.url("postgres")).await; // the last moment: what is acknowledged may not only be in memory
    kill(postmaster(&data_dir.join("cluster/data")), Signal::KILL);
    assert!(!cluster.exited().await.unwrap().success());
    drop(cluster);
    assert!(processes(&data_dir) > 0, "nothing was left to make way");
    // Sooner than the 30 s that a postmaster would get for a fast shutdown: there is none to wait for.
    timeout(Duration::from_secs(25), assert_starts_intact(&data_dir))
        .await
        .unwrap();
    assert!(busy.await.unwrap().is_err());
}

#[tokio::test]
async fn a_server_left_running_is_stopped_and_succeeded() {
    let scratch = Scratch::with_cluster().await;
    stopped(&scratch.join("pg")).await;
    let mut old = left_behind(&scratch.join("pg")).await;
    assert_starts_intact(&scratch.join("pg")).await;
    assert!(old.wait().unwrap().success(), "it was not stopped in order"); // and until here it was a zombie
}

#[tokio::test]
async fn a_server_that_is_still_stopping_is_hurried() {
    let scratch = Scratch::with_cluster().await;
    let url = stopped(&scratch.join("pg")).await;
    let mut old = left_behind(&scratch.join("pg")).await;
    let _client = connect(&url).await; // a smart shutdown waits for it
    kill(postmaster(&scratch.join("pg/cluster/data")), Signal::TERM);
    assert_starts_intact(&scratch.join("pg")).await;
    old.wait().unwrap();
}

#[tokio::test]
async fn a_zombie_that_the_pid_file_names_is_dead() {
    let scratch = Scratch::with_cluster().await;
    stopped(&scratch.join("pg")).await;
    let mut old = left_behind(&scratch.join("pg")).await;
    kill(postmaster(&scratch.join("pg/cluster/data")), Signal::KILL);
    assert_starts_intact(&scratch.join("pg")).await;
    old.wait().unwrap();
}

#[tokio::test]
async fn a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle() {
    let scratch = Scratch::with_cluster().await;
    let data_dir = scratch.join("pg");
    stopped(&data_dir).await;
    let owner = fs::metadata(data_dir.join("cluster")).unwrap();
    let mut stranger = Command::new("sleep")
        .arg("60")
        .gid(owner.gid())
        .uid(owner.uid())
        .spawn()
        .unwrap();
    let pgdata = data_dir.join("cluster/data");
    let stale = format!(
        "{}\n{}\n1700000000\n5432\n\n\n\nready\n",
        stranger.id(),
        pgdata.display()
    );
    fs::write(pgdata.join("postmaster.pid"), stale).unwrap();
    assert_starts_intact(&data_dir).await;
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_killed_owner_is_succeeded_at_once_with_its_data() {
    let scratch = Scratch::with_cluster().await;
    let owner = Owner::start(Path::new(PROGRAM), &scratch.join("pg"), None)
        .await
        .unwrap();
    mark(&owner.url).await;
    owner.kill().await;
    assert_starts_intact(&scratch.join("pg")).await;
}

#[tokio::test]
async fn a_killed_owners_server_stops_by_itself() {
    let scratch = Scratch::with_cluster().await;
    let owner = Owner::start(Path::new(PROGRAM), &scratch.join("pg"), None)
        .await
        .unwrap();
    assert!(processes(&scratch.join("pg")) > 0);
    owner.kill().await;
    eventually("the server is gone", || processes(&scratch.join("pg")) == 0).await;
}

#[tokio::test]
async fn a_kill_during_initialisation_leaves_nothing_half_made() {
    let scratch = Scratch::new();
    let data_dir = scratch.join("pg");
    let entries = |prefix: &str| {
        let names = fs::read_dir(&data_dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with(prefix))
            .count()
    };
    let mut owner = spawn(Path::new(PROGRAM), &data_dir, None);
    eventually("initdb has begun", || entries("cluster.new.") > 0).await;
    owner.kill().await.unwrap();
    assert!(!data_dir.join("cluster").exists());
    stopped(&data_dir).await;
    eventually("the orphaned initdb has ended", || processes(&data_dir) == 0).await;
    assert_starts_intact(&data_dir).await;
    assert_eq!((entries("cluster.new."), entries("cluster")), (0, 1));
}
