//! A new cluster, whole or not at all: made in a sibling folder, synced, then renamed into place.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::Binaries;
use crate::cluster::Durability;
use crate::error::{Doing, Error};
use crate::place::{Place, make_private, token};

const UNFINISHED: &str = "cluster.new.";

/// Sees to it that the cluster exists and is of the binaries' version.
pub(crate) async fn ensure(place: &Place, binaries: &Binaries, durability: Durability) -> Result<(), Error> {
    remove_unfinished(&place.home);
    if !place.cluster().exists() {
        initialise(place, binaries, durability).await?;
    }
    let version = place.pgdata().join("PG_VERSION");
    let cluster = fs::read_to_string(&version)
        .doing("reading", &version)?
        .trim()
        .to_owned();
    if cluster == binaries.major().to_string() {
        return Ok(());
    }
    Err(Error::OtherMajor {
        folder: place.cluster(),
        cluster,
        binaries: binaries.major(),
    })
}

/// The superuser's password.
pub(crate) fn password(cluster: &Path) -> Result<String, Error> {
    let path = cluster.join("password");
    Ok(fs::read_to_string(&path)
        .doing("reading", &path)?
        .trim()
        .to_owned())
}

/// What a killed start left behind. An `initdb` of it may still be writing there: then a later start gets it.
fn remove_unfinished(home: &Path) {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

async fn initialise(place: &Place, binaries: &Binaries, durability: Durability) -> Result<(), Error> {
    let unfinished = place.home.join(format!("{UNFINISHED}{}", token()?));
    make_private(&unfinished, place.account)?;
    let made = fill(&unfinished, place, binaries, durability).await;
    if made.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
        return made;
    }
    fs::rename(&unfinished, place.cluster()).doing("renaming", &unfinished)?;
    sync(&place.home)
}

async fn fill(
    folder: &Path,
    place: &Place,
    binaries: &Binaries,
    durability: Durability,
) -> Result<(), Error> {
    let (initdb, pgdata) = (binaries.program("initdb"), folder.join("data"));
    let password = write_password(folder)?;
    place.account.own(&password)?;
    let mut command = place.account.command(&initdb);
    command.args([
        "--no-sync",
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ]);
    command
        .args(["--auth=scram-sha-256", "--pwfile"])
        .arg(&password)
        .arg("-D")
        .arg(&pgdata);
    run(command).await?;
    if durability == Durability::Durable {
        // One pass at the end instead of a sync per file on the way.
        let mut command = place.account.command(&initdb);
        command.arg("--sync-only").arg("-D").arg(&pgdata);
        run(command).await?;
        sync(&password)?;
        sync(folder)?;
    }
    Ok(())
}

fn write_password(folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join("password");
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    writeln!(created.doing("creating", &path)?, "{}", token()?).doing("writing", &path)?;
    Ok(path)
}

async fn run(command: Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await;
    let output = output.doing("running", &program)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    Err(Error::Initialisation {
        output: String::from_utf8_lossy(&said).trim().to_owned(),
    })
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .doing("syncing", path)
}
