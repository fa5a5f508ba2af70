//! Start, use, stop, start again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;

use local_postgres::{Cluster, Durability, Error};
use rustix::process::{Signal, getpgid, kill_process_group};
use sqlx::postgres::PgConnectOptions;
use tokio::runtime::Runtime;

use crate::{
    Owner, PROGRAM, Scratch, connect, eventually, has_mark, mark, postmaster, processes, settings, start,
    value,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn from_nothing_then_stopped_then_warm_with_its_data() {
    let scratch = Scratch::new();
    let data_dir = scratch.join("made/on/the/way");
    let cluster = start(&data_dir).await;
    mark(&cluster.url("postgres")).await;
    cluster.stop().await.unwrap();
    assert_eq!(processes(&data_dir), 0);
    let cluster = start(&data_dir).await;
    assert!(has_mark(&cluster).await);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_account_reaches_it_and_only_with_the_password() {
    let scratch = Scratch::new();
    let cluster = start(&scratch.join("pg")).await;
    assert_eq!(mode(cluster.socket_folder()), 0o700);
    assert_eq!(mode(&scratch.join("pg/cluster")), 0o700);
    assert_eq!(mode(&scratch.join("pg/cluster/password")), 0o600);
    assert_eq!(value(&cluster.url("postgres"), "show listen_addresses").await, "");
    let guessed = PgConnectOptions::from_str(&cluster.url("postgres"))
        .unwrap()
        .password("guessed");
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection is what this test is about"
    )]
    let refused = sqlx::ConnectOptions::connect(&guessed).await.unwrap_err();
    assert!(
        refused.to_string().contains("password authentication failed"),
        "{refused}"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_url_says_what_sqlx_needs() {
    let scratch = Scratch::with_cluster().await;
    let cluster = start(&scratch.join("pg")).await;
    let options = PgConnectOptions::from_str(&cluster.url("a b")).unwrap();
    assert_eq!(
        options.get_socket().map(std::path::PathBuf::as_path),
        Some(cluster.socket_folder())
    );
    assert_eq!(
        (options.get_username(), options.get_database()),
        ("postgres", Some("a b"))
    );
    assert_eq!(
        (options.get_port(), cluster.tcp_url("postgres")),
        (cluster.port(), None)
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn durable_means_fsync_whatever_else_is_set() {
    let scratch = Scratch::new();
    let mut durable = settings(&scratch.join("pg"));
    durable.durability = Durability::Durable;
    durable.extra = [("fsync", "off"), ("max_connections", "33")]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
    let cluster = Cluster::start(durable.clone()).await.unwrap();
    let url = cluster.url("postgres");
    for (name, query) in [
        ("fsync", "show fsync"),
        ("pages", "show full_page_writes"),
        ("sync", "show synchronous_commit"),
    ] {
        assert_eq!(value(&url, query).await, "on", "{name}");
    }
    assert_eq!(value(&url, "show max_connections").await, "33");
    cluster.stop().await.unwrap();
    durable.durability = Durability::Fast;
    let cluster = Cluster::start(durable).await.unwrap();
    assert_eq!(value(&cluster.url("postgres"), "show fsync").await, "off");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn tcp_when_asked_for() {
    let scratch = Scratch::with_cluster().await;
    let mut open = settings(&scratch.join("pg"));
    open.port = Some(0);
    let cluster = Cluster::start(open).await.unwrap();
    let port = value(
        &cluster.tcp_url("postgres").unwrap(),
        "select inet_server_port()::text",
    )
    .await;
    assert_eq!(port, cluster.port().to_string());
    assert_eq!(
        value(&cluster.url("postgres"), "show listen_addresses").await,
        "127.0.0.1"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn paths_with_spaces_quotes_and_commas() {
    let scratch = Scratch::new();
    let cluster = start(&scratch.join("a \"b\", it's 100% é")).await;
    mark(&cluster.url("postgres")).await;
    assert!(
        cluster
            .socket_folder()
            .starts_with(scratch.join("a \"b\", it's 100% é"))
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket() {
    let scratch = Scratch::new();
    let cluster = start(&scratch.join(&"long/".repeat(30))).await;
    let socket = cluster.socket_folder().to_owned();
    assert!(socket.as_os_str().len() < 60 && mode(&socket) == 0o700);
    mark(&cluster.url("postgres")).await;
    cluster.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn dropped_it_stops_soon() {
    let scratch = Scratch::with_cluster().await;
    let cluster = start(&scratch.join("pg")).await;
    let _client = connect(&cluster.url("postgres")).await;
    drop(cluster);
    eventually("the server is gone", || processes(&scratch.join("pg")) == 0).await;
    assert!(
        !scratch.join("pg/cluster/data/postmaster.pid").exists(),
        "it was not an orderly stop"
    );
}

#[test]
fn it_outlives_the_runtime_that_started_it() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let scratch = first.block_on(Scratch::with_cluster());
    let cluster = first.block_on(start(&scratch.join("pg")));
    drop(first);
    assert_eq!(
        second.block_on(value(&cluster.url("postgres"), "show fsync")),
        "off"
    );
    drop(cluster);
    second.block_on(eventually("the server is gone", || {
        processes(&scratch.join("pg")) == 0
    }));
}

#[tokio::test]
async fn the_terminals_interrupt_reaches_the_owner_and_not_the_server() {
    let scratch = Scratch::with_cluster().await;
    let mut owner = Owner::start(Path::new(PROGRAM), &scratch.join("pg"), None)
        .await
        .unwrap();
    let _client = connect(&owner.url).await;
    let group = getpgid(Some(owner.pid())).unwrap();
    assert_ne!(
        getpgid(Some(postmaster(&scratch.join("pg/cluster/data")))).unwrap(),
        group
    );
    kill_process_group(group, Signal::INT).unwrap();
    assert!(owner.child.wait().await.unwrap().success());
    assert_eq!(processes(&scratch.join("pg")), 0);
}

#[tokio::test]
async fn a_second_starter_is_refused_by_name_and_the_first_is_unharmed() {
    let scratch = Scratch::with_cluster().await;
    let owner = Owner::start(Path::new(PROGRAM), &scratch.join("pg"), None)
        .await
        .unwrap();
    let refused = Cluster::start(settings(&scratch.join("pg"))).await.unwrap_err();
    let pid = owner.pid().as_raw_pid().to_string();
    assert!(
        matches!(&refused, Error::InUse { owner, .. } if *owner == pid),
        "{refused}"
    );
    mark(&owner.url).await;
    owner.kill().await;
    let cluster = start(&scratch.join("pg")).await;
    assert!(has_mark(&cluster).await);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn removal_takes_what_a_killed_owner_left_but_nothing_that_runs() {
    let scratch = Scratch::with_cluster().await;
    let pg = scratch.join("pg");
    let owner = Owner::start(Path::new(PROGRAM), &pg, None).await.unwrap();
    let refused = Cluster::remove(&pg).await.unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    mark(&owner.url).await;
    owner.kill().await;
    Cluster::remove(&pg).await.unwrap();
    assert!(!pg.exists());
    assert_eq!(processes(&pg), 0);
    Cluster::remove(&pg).await.unwrap();
}

#[tokio::test]
async fn another_majors_cluster_is_named_and_left_alone() {
    let scratch = Scratch::with_cluster().await;
    start(&scratch.join("pg")).await.stop().await.unwrap();
    let version = scratch.join("pg/cluster/data/PG_VERSION");
    fs::write(&version, "13\n").unwrap();
    let refused = Cluster::start(settings(&scratch.join("pg"))).await.unwrap_err();
    assert!(
        matches!(&refused, Error::OtherMajor { cluster, .. } if cluster == "13"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&version).unwrap(), "13\n");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_and_leaves_the_folder_free() {
    let scratch = Scratch::with_cluster().await;
    let mut wrong = settings(&scratch.join("pg"));
    wrong.extra = vec![("no_such_setting".into(), "1".into())];
    let refused = Cluster::start(wrong).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Ended { tail, .. } if tail.contains("no_such_setting")),
        "{refused}"
    );
    start(&scratch.join("pg")).await.stop().await.unwrap();
}
