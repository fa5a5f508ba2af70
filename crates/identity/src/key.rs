//! What tenants' keys and the platform's keys have in common: their rules.

use std::time::Duration;

use isolation::Tx;
use kernel::permission::Registry;
use kernel::{FieldError, Grants, Timestamp};

use crate::name::Name;
use crate::token::Hash;

/// The topic under which changed keys are announced, by the hexadecimal SHA-256 of the key.
pub const KEY_TOPIC: &str = "api_key";

/// Something could not be done with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Fields of the request are wrong.
    #[error("the request has fields that are not valid")]
    Invalid(Vec<FieldError>),
    /// The key would allow what its maker may not do himself.
    #[error("a key cannot be given permissions that its maker does not have")]
    BeyondCaller,
    /// The key would act as, or was made for, somebody else than its maker.
    #[error("only the person himself can make a key that acts as him")]
    ForSomebodyElse,
    /// There is no such key, or it is somebody else's.
    #[error("no such key")]
    NotFound,
    /// A key that is revoked or has expired cannot be rotated.
    #[error("the key is revoked or has expired")]
    Ended,
    /// The key was rotated already; its successor can be.
    #[error("the key was rotated already")]
    AlreadyRotated,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// How long a rotated key goes on working beside its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(Duration);

impl Overlap {
    /// The longest overlap.
    pub const LONGEST: Duration = Duration::from_hours(30 * 24);

    /// So long; none if that is more than 30 days.
    pub fn of(span: Duration) -> Option<Self> {
        (span <= Self::LONGEST).then_some(Self(span))
    }

    /// When a key that was rotated now ends: never later than it would have anyway.
    pub(crate) fn end(self, now: Timestamp, expires_at: Option<Timestamp>) -> Timestamp {
        let end = now.plus(self.0);
        expires_at.map_or(end, |anyway| anyway.min(end))
    }
}

impl Default for Overlap {
    fn default() -> Self {
        Self(Duration::from_hours(24))
    }
}

/// What a new key is asked to be, checked.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) name: Name,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Wish {
    /// Checks all fields, and that the maker has what he hands out.
    pub(crate) fn check<P: Registry>(
        name: &str,
        scopes: &[String],
        expires_at: Option<Timestamp>,
        now: Timestamp,
        held: Grants<P>,
    ) -> Result<Self, KeyError> {
        let mut errors = Vec::new();
        let name = Name::parse(name)
            .map_err(|error| errors.push(FieldError::new("/name", error.to_string())))
            .ok();
        let granted = check_scopes::<P>(scopes, &mut errors);
        if expires_at.is_some_and(|end| end <= now) {
            errors.push(FieldError::new("/expiresAt", "must be in the future"));
        }
        let Some(name) = name.filter(|_| errors.is_empty()) else {
            return Err(KeyError::Invalid(errors));
        };
        if !held.covers(granted) {
            return Err(KeyError::BeyondCaller);
        }
        let mut distinct = scopes.to_vec();
        distinct.sort();
        distinct.dedup();
        Ok(Self {
            name,
            scopes: distinct,
            expires_at,
        })
    }
}

fn check_scopes<P: Registry>(scopes: &[String], errors: &mut Vec<FieldError>) -> Grants<P> {
    if scopes.is_empty() {
        errors.push(FieldError::new("/scopes", "must name at least one scope"));
    }
    for (index, scope) in scopes.iter().enumerate() {
        if let Err(error) = scope.parse::<Grants<P>>() {
            errors.push(FieldError::new(format!("/scopes/{index}"), error.to_string()));
        }
    }
    Grants::parse(scopes).unwrap_or(Grants::none())
}

/// A stored key with what of it is not shown, locked for the transaction.
#[derive(Debug)]
pub(crate) struct Locked<K> {
    pub(crate) key: K,
    pub(crate) hash: Hash,
}

/// The times in a key's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) replaced: bool,
}

impl Life {
    /// Passes when a rotation may begin; answers when the successor expires, which lives as long as this key was to.
    pub(crate) fn successor(self, now: Timestamp) -> Result<Option<Timestamp>, KeyError> {
        if self.revoked_at.is_some() || self.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyError::Ended);
        }
        if self.replaced {
            return Err(KeyError::AlreadyRotated);
        }
        let lifetime = |end: Timestamp| end.as_micros().saturating_sub(self.created_at.as_micros());
        Ok(self
            .expires_at
            .map(|end| now.plus(Duration::from_micros(lifetime(end).unsigned_abs()))))
    }
}

/// Reads a hash back from the database, whose constraint vouches for its length.
pub(crate) fn stored_hash(bytes: &[u8]) -> Result<Hash, sqlx::Error> {
    bytes
        .try_into()
        .map_err(|_| sqlx::Error::Decode("a hash of 32 bytes was expected".into()))
}

/// Has every node forget the key.
pub(crate) async fn announce(tx: &mut isolation::ControlTx, hash: &Hash) -> Result<(), sqlx::Error> {
    tx.announce(KEY_TOPIC, &crate::token::hex(hash)).await
}

/// Whether the transaction's actor may make keys that act as this person: he himself, and the platform.
pub(crate) fn may_act_as(tx: &impl Tx, user: kernel::UserId) -> bool {
    let (actor, user) = (tx.actor(), user.to_string());
    tx.tenant().is_none()
        || actor.kind == kernel::ActorKind::System
        || actor.id == user
        || actor.on_behalf_of.as_ref() == Some(&user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Permission;

    fn start() -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn wish(name: &str, scopes: &[&str], end: Option<Timestamp>, held: &[&str]) -> Result<Wish, KeyError> {
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let held = Grants::<Permission>::parse(held).expect("known");
        Wish::check(name, &scopes, end, start(), held)
    }

    #[test]
    fn reports_every_field_at_once() {
        let refused = wish("", &["projects:read", "castles:read"], Some(start()), &["*"]);
        let Err(KeyError::Invalid(errors)) = refused else {
            panic!("{refused:?}")
        };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/scopes/1", "/expiresAt"]);
        assert!(matches!(wish("ci", &[], None, &["*"]), Err(KeyError::Invalid(_))));
    }

    #[test]
    fn nobody_hands_out_what_he_lacks() {
        let held = ["projects:*"];
        assert!(matches!(
            wish("ci", &["projects:*", "files:read"], None, &held),
            Err(KeyError::BeyondCaller)
        ));
        assert!(matches!(
            wish("ci", &["*"], None, &held),
            Err(KeyError::BeyondCaller)
        ));
        let wish = wish(
            "ci",
            &["projects:write", "projects:read", "projects:read"],
            None,
            &held,
        )
        .expect("covered");
        assert_eq!(wish.scopes, ["projects:read", "projects:write"]);
    }

    #[test]
    fn a_successor_lives_as_long_as_the_key_was_to() {
        let day = Duration::from_hours(24);
        let (now, end) = (start().plus(day), start().plus(day * 3));
        let life = Life {
            created_at: start(),
            expires_at: Some(end),
            revoked_at: None,
            replaced: false,
        };
        assert_eq!(life.successor(now).expect("alive"), Some(start().plus(day * 4)));
        assert_eq!(
            Life {
                expires_at: None,
                ..life
            }
            .successor(now)
            .expect("alive"),
            None
        );
        assert!(matches!(life.successor(end), Err(KeyError::Ended)));
        assert!(matches!(
            Life {
                revoked_at: Some(now),
                ..life
            }
            .successor(now),
            Err(KeyError::Ended)
        ));
        assert!(matches!(
            Life {
                replaced: true,
                ..life
            }
            .successor(now),
            Err(KeyError::AlreadyRotated)
        ));
    }

    #[test]
    fn an_overlap_never_prolongs() {
        let soon = start().plus(Duration::from_mins(1));
        assert_eq!(Overlap::default().end(start(), Some(soon)), soon);
        assert_eq!(Overlap::default().end(start(), None), start().plus_days(1));
        assert!(Overlap::of(Duration::from_hours(30 * 24 + 1)).is_none());
    }
}
