//! What a file is, and what it may be called.

use std::fmt;
use std::str::FromStr;

use kernel::{Entity, Id, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// Bytes that a file may have unless configured otherwise: 100 MiB.
pub const MAX_BYTES: u64 = 100 * 1024 * 1024;
/// Characters that a file's name may have.
pub const NAME_MAX: usize = 255;

/// A file, as it is stored and shown. Its content never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Which one; also the key of its object.
    pub id: FileId,
    /// What people call it.
    #[schema(example = "report.pdf")]
    pub name: String,
    /// What its first bytes are, or what the uploader declared where they do not tell.
    #[schema(example = "application/pdf")]
    pub content_type: String,
    /// Bytes.
    #[schema(example = 48_213, minimum = 0)]
    pub size: i64,
    /// The SHA-256 digest of the bytes in hexadecimal digits.
    #[schema(
        pattern = "^[0-9a-f]{64}$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    pub sha256: String,
    /// The actor who uploaded it.
    #[schema(example = "user_01h455vb4pex5vsknk084sn02q")]
    pub created_by: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

impl Entity for File {
    const PREFIX: &'static str = "file";
}
/// A file's identifier.
pub type FileId = Id<File>;

/// What people call a file: 1 to 255 characters without folders, control characters or space around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

/// The text names no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a file name of 1 to 255 characters")]
pub struct InvalidFileName;

impl FileName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = InvalidFileName;
    /// Takes what browsers and clients send: the folders before the name (RFC 7578 §4.2) and characters that would
    /// make it look like another one are left out.
    fn from_str(text: &str) -> Result<Self, InvalidFileName> {
        let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let kept: String = last
            .chars()
            .filter(|c| !c.is_control() && !is_direction(*c))
            .collect();
        let name = kept.trim();
        let fits = (1..=NAME_MAX).contains(&name.chars().count());
        if fits && name != "." && name != ".." {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidFileName)
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that reorder text (Unicode UAX #9): `invoice\u{202e}fdp.exe` would read as `invoiceexe.pdf`.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lose_their_folders_and_tricks() {
        for (text, name) in [
            ("report.pdf", "report.pdf"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\C:\\evil.exe", "evil.exe"),
            ("../../x", "x"),
            (" Jahres\u{0}bericht\n.pdf ", "Jahresbericht.pdf"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            (".env", ".env"),
            ("日本.txt", "日本.txt"),
        ] {
            assert_eq!(text.parse::<FileName>().expect(text).as_str(), name);
        }
        let (longest, too_long) = ("ä".repeat(NAME_MAX), "ä".repeat(NAME_MAX + 1));
        assert!(longest.parse::<FileName>().is_ok());
        for text in [
            "",
            " ",
            "\u{0}",
            "/",
            "folder/",
            ".",
            "..",
            "a/..",
            too_long.as_str(),
        ] {
            assert_eq!(text.parse::<FileName>(), Err(InvalidFileName), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_safe_and_stays_itself(text in any::<String>()) {
            if let Ok(name) = text.parse::<FileName>() {
                prop_assert!(!name.as_str().contains(|c: char| c.is_control() || c == '/' || c == '\\'));
                prop_assert!((1..=NAME_MAX).contains(&name.as_str().chars().count()));
                prop_assert_eq!(name.as_str().parse(), Ok(name.clone()));
            }
        }
    }
}
