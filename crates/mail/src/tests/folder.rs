use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::message;
use crate::message::{MailId, Message};
use crate::transport::{Outcome, Transport, TransportConfig};

const NAME: &str = "20260305T104200.123Z-mail_01h455vb4pex5vsknk084sn02q.eml";

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn one_private_file_per_mail_however_often_it_is_sent() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("mail");
    let transport = Transport::open(TransportConfig::Folder(folder.clone())).expect("it opens");
    transport.probe().await.expect("it can be written to");
    for _ in 0..2 {
        assert_eq!(
            transport.send(&message()).await,
            Outcome::Delivered(NAME.to_owned())
        );
    }
    let other = Message {
        id: MailId::from_uuid(uuid::Uuid::max()),
        ..message()
    };
    assert!(matches!(transport.send(&other).await, Outcome::Delivered(_)));
    assert_eq!(
        names(&folder),
        [NAME, "20260305T104200.123Z-mail_7zzzzzzzzzzzzzzzzzzzzzzzzz.eml"]
    );
    let stored = std::fs::read(folder.join(NAME)).expect("it was written");
    assert_eq!(stored, message().render().formatted());
    assert_eq!((mode(&folder), mode(&folder.join(NAME))), (0o700, 0o600));
}

#[tokio::test]
async fn a_folder_that_is_gone_is_a_reason_to_retry() {
    let root = tempfile::tempdir().expect("a folder");
    let folder = root.path().join("mail");
    let transport = Transport::open(TransportConfig::Folder(folder.clone())).expect("it opens");
    std::fs::remove_dir(&folder).expect("it was empty");
    assert!(matches!(transport.send(&message()).await, Outcome::Retry(_)));
    assert!(transport.probe().await.is_err());
}
