//! Where the cluster is, and whose it is.

use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{Doing, Error};

/// Where a cluster goes that root wants below a folder which only root can enter.
const REACHABLE: &str = "/var/lib/tenantry-dev";
/// A socket's path, `/.s.PGSQL.65535` included, must fit into 107 bytes (unix(7), `sun_path`).
const LONGEST_SOCKET_FOLDER: usize = 107 - 15;

const README: &str = "\
This folder holds the private PostgreSQL of a development server. It is safe to remove while that is not running:
the next start begins with an empty database.

If there is a link `relocated` here, then this folder cannot be reached by the account that PostgreSQL runs as (it
does not run as root), and the database is where the link leads. Remove that place too if you remove this folder.
";

/// A cluster's folder, complete or still to be made.
#[derive(Debug)]
pub(crate) struct Place {
    /// The folder in which `cluster` is.
    pub(crate) home: PathBuf,
    /// Whom the cluster belongs to and who runs it.
    pub(crate) account: Account,
}

/// Makes the data folder and gives its absolute path without links.
pub(crate) fn make_data_dir(path: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(path).doing("creating", path)?;
    let path = fs::canonicalize(path).doing("resolving", path)?;
    let owner = Account::owner_of(&path);
    if Account::current().is_root() && owner.is_some_and(Account::is_root) {
        let mode = fs::metadata(&path).doing("reading", &path)?.permissions().mode();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o011))
            .doing("opening the way into", &path)?;
    }
    Ok(path)
}

impl Place {
    /// Decides where the cluster of a data folder is; the caller holds the folder's lock.
    pub(crate) fn settle(data_dir: &Path) -> Result<Self, Error> {
        let readme = data_dir.join("README.txt");
        if !readme.exists() {
            fs::write(&readme, README).doing("writing", &readme)?;
        }
        // A link whose target is gone means that the database was removed on purpose.
        let home = fs::canonicalize(data_dir.join("relocated")).unwrap_or_else(|_| data_dir.to_owned());
        let place = match Account::owner_of(&home.join("cluster")) {
            Some(owner) => Self::existing(home, owner)?,
            None if Account::current().is_root() => Self::new_by_root(home, data_dir)?,
            None => Self {
                home,
                account: Account::current(),
            },
        };
        if place.account.reaches(&place.home) {
            return Ok(place);
        }
        Err(Error::Unreachable {
            path: place.home,
            uid: place.account.uid,
        })
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.home.join("cluster")
    }

    /// PostgreSQL's data folder.
    pub(crate) fn pgdata(&self) -> PathBuf {
        self.home.join("cluster/data")
    }

    /// Removes everything below a data folder, also where it was relocated to. Nothing runs on the cluster, and the
    /// caller holds the folder's lock.
    pub(crate) fn remove(data_dir: &Path) -> Result<(), Error> {
        let relocated = fs::canonicalize(data_dir.join("relocated")).ok();
        let home = relocated.as_deref().unwrap_or(data_dir);
        let socket = socket_folder(&home.join("cluster"));
        // A link to somewhere else is not ours to follow.
        let relocated = relocated
            .as_deref()
            .filter(|home| home.parent() == Some(Path::new(REACHABLE)));
        for folder in [Some(socket.as_path()), relocated, Some(data_dir)]
            .into_iter()
            .flatten()
        {
            let removed = fs::remove_dir_all(folder);
            if !matches!(&removed, Err(error) if error.kind() == io::ErrorKind::NotFound) {
                removed.doing("removing", folder)?;
            }
        }
        Ok(())
    }

    /// An empty folder for the socket that only the account (and root) can enter. Nothing runs on the cluster, so
    /// what an earlier run left there is rubbish.
    pub(crate) fn fresh_socket_folder(&self) -> Result<PathBuf, Error> {
        let folder = socket_folder(&self.cluster());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("removing", &folder)?,
            _ => make_private(&folder, self.account)?,
        }
        Ok(folder)
    }

    fn existing(home: PathBuf, owner: Account) -> Result<Self, Error> {
        let (current, cluster) = (Account::current(), home.join("cluster"));
        match (current.is_root(), owner.is_root()) {
            (true, true) => {
                let account = Account::unprivileged()?;
                account.own_all(&cluster)?;
                Ok(Self { home, account })
            }
            (true, false) => Ok(Self { home, account: owner }),
            (false, _) if owner.uid == current.uid => Ok(Self {
                home,
                account: current,
            }),
            (false, _) => Err(Error::ForeignOwner {
                path: cluster,
                owner: owner.uid,
            }),
        }
    }

    fn new_by_root(home: PathBuf, data_dir: &Path) -> Result<Self, Error> {
        let account = Account::unprivileged()?;
        let home = if account.reaches(&home) {
            home
        } else {
            relocate(data_dir)?
        };
        Ok(Self { home, account })
    }
}

/// A folder of mode 0700 that belongs to the account.
pub(crate) fn make_private(folder: &Path, account: Account) -> Result<(), Error> {
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .doing("creating", folder)?;
    account.own(folder)
}

/// Sixteen random bytes as hexadecimal digits. Not by way of the kernel crate, so that this one stands alone.
pub(crate) fn token() -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .doing("reading", source)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The new place has a random name, not one derived from the path, so that a removed and remade data folder
/// begins with an empty database as it does everywhere else.
fn relocate(data_dir: &Path) -> Result<PathBuf, Error> {
    let home = Path::new(REACHABLE).join(token()?);
    fs::create_dir_all(&home).doing("creating", &home)?;
    for folder in [Path::new(REACHABLE), &home] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711))
            .doing("opening the way into", folder)?;
    }
    let link = data_dir.join("relocated");
    let _ = fs::remove_file(&link);
    symlink(&home, &link).doing("linking", &link)?;
    Ok(home)
}

fn socket_folder(cluster: &Path) -> PathBuf {
    let folder = cluster.join("socket");
    if folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER && folder.to_str().is_some() {
        return folder;
    }
    let mut hasher = DefaultHasher::new();
    cluster.hash(&mut hasher);
    // Not the session's own temporary folder: PostgreSQL's account might not be able to enter that.
    Path::new("/tmp").join(format!("tenantry-pg-{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_folder_that_would_be_too_long_moves_to_tmp_and_keeps_its_name() {
        let short = Path::new("/srv").join("x".repeat(LONGEST_SOCKET_FOLDER - "/srv//socket".len()));
        assert_eq!(socket_folder(&short), short.join("socket"));
        let long = Path::new("/srv").join("x".repeat(LONGEST_SOCKET_FOLDER - "/srv//socket".len() + 1));
        assert!(socket_folder(&long).starts_with("/tmp"));
        assert_eq!(socket_folder(&long), socket_folder(&long));
        assert_ne!(socket_folder(&long), socket_folder(&long.join("y")));
    }

    #[test]
    fn tokens_differ() {
        assert_eq!(token().unwrap().len(), 32);
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
