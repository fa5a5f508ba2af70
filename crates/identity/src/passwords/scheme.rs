//! The two ways to hash a password. What is stored says by which of them, and with which parameters, it was made, so
//! both are always understood; the configured one is what new hashes are made by.
//!
//! Parameters after the OWASP Password Storage Cheat Sheet: bcrypt with a cost of 12, Argon2id (RFC 9106) with 19 MiB,
//! two passes and one lane.

use argon2::password_hash::{PasswordHash as Phc, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm as Variant, Argon2, Params, Version};

use super::LONGEST_BYTES;

const BCRYPT_COST: u32 = 12;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How new hashes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// bcrypt.
    #[default]
    Bcrypt,
    /// Argon2id.
    Argon2id,
}

/// An algorithm with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Bcrypt { cost: u32 },
    Argon2id,
}

impl From<Algorithm> for Scheme {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Bcrypt => Self::Bcrypt { cost: BCRYPT_COST },
            Algorithm::Argon2id => Self::Argon2id,
        }
    }
}

impl Scheme {
    /// What to store of the password.
    pub(super) fn hash(self, plain: &str, salt: [u8; 16]) -> String {
        match self {
            Self::Bcrypt { cost } => bcrypt::hash_with_salt(plain, cost, salt)
                .expect("the cost is within bcrypt's bounds")
                .to_string(),
            Self::Argon2id => {
                let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
                let hashed = argon2id().hash_password(plain.as_bytes(), &salt);
                hashed.expect("the parameters are within bounds").to_string()
            }
        }
    }

    /// What to check against where there is nothing to check against: no password fits it, and finding that out costs
    /// as much as with a hash of this scheme.
    pub(super) fn decoy(self) -> String {
        match self {
            Self::Bcrypt { cost } => format!("$2b${cost:02}${}", ".".repeat(22 + 31)),
            Self::Argon2id => format!(
                "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
                "A".repeat(22),
                "A".repeat(43)
            ),
        }
    }

    /// Whether a hash was made by this scheme.
    pub(super) fn made(self, stored: &str) -> bool {
        match self {
            Self::Bcrypt { cost } => stored
                .parse::<bcrypt::HashParts>()
                .is_ok_and(|parts| parts.get_cost() == cost),
            Self::Argon2id => Phc::new(stored).is_ok_and(|phc| {
                phc.algorithm == Variant::Argon2id.ident()
                    && phc.version == Some(Version::V0x13.into())
                    && Params::try_from(&phc).is_ok_and(|params| {
                        (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
                    })
            }),
        }
    }
}

/// Whether this is the password, by whichever scheme it was stored. Only bcrypt looks at 72 bytes, but no longer
/// password can have been set: one costs as much as a wrong one, and is wrong.
pub(super) fn verify(presented: &str, stored: &str) -> bool {
    let fits = presented.len() <= LONGEST_BYTES;
    let looked_at = if fits { presented } else { "" };
    let same = match Phc::new(stored) {
        Ok(phc) if stored.starts_with("$argon2") => {
            argon2id().verify_password(looked_at.as_bytes(), &phc).is_ok()
        }
        _ => bcrypt::verify(looked_at, stored).unwrap_or(false),
    };
    same && fits
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within bounds");
    Argon2::new(Variant::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Scheme = Scheme::Bcrypt { cost: 4 };
    const LONGEST: &str = "abcdefghijklabcdefghijklabcdefghijklabcdefghijklabcdefghijklabcdefghijkl";

    #[test]
    fn only_the_same_password_passes_by_either_scheme() {
        for scheme in [CHEAP, Scheme::Argon2id] {
            let stored = scheme.hash(LONGEST, [7; 16]);
            assert!(verify(LONGEST, &stored), "{stored}");
            let longer = format!("{LONGEST}x");
            for wrong in ["", &LONGEST[1..], &longer, &LONGEST.to_uppercase()] {
                assert!(!verify(wrong, &stored), "{stored} {wrong}");
            }
            assert_ne!(stored, scheme.hash(LONGEST, [8; 16]), "the salt counts");
        }
    }

    /// Vectors of others: the Openwall crypt_blowfish suite, and the reference implementation of Argon2 as PHP writes it.
    #[test]
    fn understands_what_others_made() {
        for (password, stored) in [
            (
                "U*U",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            ),
            (
                "U*U*U",
                "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
            ),
        ] {
            assert!(verify(password, stored), "{stored}");
            assert!(!verify("U*V", stored), "{stored}");
        }
        for nonsense in [
            "",
            "$",
            "$2b$12$",
            "$argon2id$",
            "$argon2id$v=19$m=0,t=0,p=0$AA$AA",
            "plain",
        ] {
            assert!(!verify("plain", nonsense), "{nonsense}");
        }
    }

    #[test]
    fn knows_what_it_made_and_what_is_to_be_made_anew() {
        let (bcrypt, argon2id) = (Scheme::from(Algorithm::Bcrypt), Scheme::from(Algorithm::Argon2id));
        for (scheme, other) in [(bcrypt, argon2id), (argon2id, bcrypt)] {
            assert!(scheme.made(&scheme.decoy()) && !scheme.made(&other.decoy()));
        }
        let weaker = Scheme::Argon2id.decoy().replace("t=2", "t=1");
        assert!(!bcrypt.made(&CHEAP.decoy()) && !argon2id.made(&weaker));
        assert!(
            bcrypt
                .hash("correct horse battery", [1; 16])
                .starts_with("$2b$12$")
        );
    }

    #[test]
    fn nothing_fits_a_decoy() {
        for scheme in [CHEAP, Scheme::Argon2id] {
            for password in ["", "correct horse battery"] {
                assert!(!verify(password, &scheme.decoy()));
            }
        }
    }
}
