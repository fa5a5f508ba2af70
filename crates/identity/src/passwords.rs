//! Passwords: what one must be, and its hash.
//!
//! Rules after NIST SP 800-63B-4 §3.1.1.2: at least 12 characters, not one of those that everybody tries, and no
//! rule about which characters. bcrypt looks at 72 bytes, so a longer password is refused rather than cut.
//!
//! Hashing takes a processor a quarter of a second: it runs off the asynchronous threads, so many at once as there
//! are turns, and so many more waiting; whoever comes then is told that we are busy.
//!
//! Whose password it is, and what is stored of it, is read and written here and nowhere else.

mod accounts;
mod hasher;
mod scheme;
mod threads;

pub use accounts::{Account, account_of, find_account, note_login, renew, set};
pub use hasher::{Busy, Hasher, PasswordHash, Turn};
pub use scheme::Algorithm;

use kernel::Secret;

const SHORTEST_CHARACTERS: usize = 12;
const LONGEST_BYTES: usize = 72;
/// Lower-cased, one a line: what the lists of leaked passwords hold most of, as far as it is long enough.
const COMMON: &str = include_str!("passwords/common.txt");

/// A password that may be set.
#[derive(Debug, Clone)]
pub struct Password(Secret<String>);

/// The password may not be set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WeakPassword {
    /// Fewer than 12 characters.
    #[error("must be at least 12 characters long")]
    TooShort,
    /// More than 72 bytes.
    #[error("must be at most 72 bytes long in UTF-8")]
    TooLong,
    /// Among the first that are tried.
    #[error("is too common")]
    Common,
}

impl Password {
    /// The password, if it may be set.
    pub fn new(text: Secret<String>) -> Result<Self, WeakPassword> {
        let plain = text.expose();
        if plain.len() > LONGEST_BYTES {
            return Err(WeakPassword::TooLong);
        }
        if plain.chars().count() < SHORTEST_CHARACTERS {
            return Err(WeakPassword::TooShort);
        }
        if is_common(plain) {
            return Err(WeakPassword::Common);
        }
        Ok(Self(text))
    }
}

/// Listed, or made of no more than two different characters.
fn is_common(plain: &str) -> bool {
    let lower = plain.to_lowercase();
    let mut characters: Vec<char> = lower.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len() <= 2 || COMMON.lines().any(|common| common == lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), WeakPassword> {
        Password::new(Secret::new(text.to_owned())).map(drop)
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        assert_eq!(check("correct horse battery staple"), Ok(()));
        assert_eq!(check("пароль-на-двенадцать"), Ok(()));
        assert_eq!(check("elevenchars"), Err(WeakPassword::TooShort));
        assert_eq!(check("пароль"), Err(WeakPassword::TooShort));
        assert_eq!(check(&"ab1".repeat(24)), Ok(()));
        assert_eq!(check(&"ab1".repeat(25)), Err(WeakPassword::TooLong));
        assert_eq!(check(&"пар".repeat(13)), Err(WeakPassword::TooLong));
    }

    #[test]
    fn refuses_what_is_tried_first() {
        for text in [
            "Password1234",
            "123456789012",
            "aaaaaaaaaaaa",
            "121212121212",
            "QWERTYUIOPASDF",
        ] {
            assert_eq!(check(text), Err(WeakPassword::Common), "{text}");
        }
    }

    #[test]
    fn the_list_holds_only_what_could_be_set() {
        for common in COMMON.lines() {
            assert!(
                (SHORTEST_CHARACTERS..=LONGEST_BYTES).contains(&common.len()),
                "{common}"
            );
            assert_eq!(common, common.to_lowercase());
        }
    }
}
