//! Mail: what one is ([`message`]), how it waits ([`delivery`]) and how it leaves the installation ([`transport`]).
//!
//! Invariants: a [`Message`] is valid by its types, so no header can be smuggled into it; rendering one is a pure
//! function of it, so a retried mail is the same mail, byte for byte and by its Message-ID; only a mail that the
//! receiving side refuses for good is [`Outcome::Rejected`], everything else is tried again.
//!
//! What may not enter: templates, branding, and the decision whether somebody may be written to.

pub mod delivery;
pub mod message;
pub mod transport;

#[cfg(test)]
mod tests;

pub use delivery::{DeliverMail, Draft};
pub use message::{Mail, MailId, Mailbox, Message, Subject};
pub use transport::{Outcome, Transport, TransportConfig};
