//! What became of one exchange. `https://docs.stripe.com/error-handling`, `https://docs.stripe.com/api/errors`.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use super::objects::PaymentIntent;
use super::transport::{Reply, Silence};
use crate::providers::{Decline, Failure};

/// What became of one exchange.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Stripe did it.
    Done { body: Bytes, request_id: Option<String> },
    /// It did not, and would not.
    Refused(Failure),
    /// It may do it when asked again with the same key.
    Again {
        failure: Failure,
        may_have_happened: bool,
    },
}

/// Judges an exchange of a call that `changes` something or does not, and says how long Stripe wants to be left alone.
pub(super) fn judge(exchanged: Result<Reply, Silence>, changes: bool) -> (Verdict, Option<Duration>) {
    let reply = match exchanged {
        Ok(reply) => reply,
        Err(Silence::NotSent(reason)) => return (again(reason, false), None),
        Err(Silence::Lost(reason)) => return (again(reason, changes), None),
    };
    let wait = reply.retry_after_seconds.map(Duration::from_secs);
    if (200..300).contains(&reply.status) {
        let (body, request_id) = (reply.body, reply.request_id);
        return (Verdict::Done { body, request_id }, None);
    }
    // While a request with the same key is under way, and after a failure of Stripe's own, it may have happened.
    let may_have_happened = changes && (reply.status == 409 || reply.status >= 500);
    let passes = reply.status == 409 || reply.status == 429 || reply.status >= 500;
    let error = Refusal::read(&reply);
    if reply.should_retry.unwrap_or(passes) && error.is_worth_retrying() {
        return (again(error.described(&reply), may_have_happened), wait);
    }
    (Verdict::Refused(error.failure(&reply, may_have_happened)), None)
}

fn again(reason: String, may_have_happened: bool) -> Verdict {
    let failure = Failure::Transient(reason);
    Verdict::Again {
        failure,
        may_have_happened,
    }
}

#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Refusal,
}

#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    param: Option<String>,
    #[serde(default)]
    payment_intent: Option<PaymentIntent>,
}

impl Refusal {
    fn read(reply: &Reply) -> Self {
        let read: Result<Envelope, _> = serde_json::from_slice(&reply.body);
        read.map(|envelope| envelope.error).unwrap_or_default()
    }

    /// A declined card is an answer, whatever status or header comes with it.
    fn is_worth_retrying(&self) -> bool {
        !matches!(&*self.kind, "card_error" | "idempotency_error")
    }

    fn described(&self, reply: &Reply) -> String {
        let code = self.code.as_deref().unwrap_or("no code");
        let request = reply.request_id.as_deref().unwrap_or("none");
        format!("Stripe answered {} ({code}), request {request}", reply.status)
    }

    fn failure(self, reply: &Reply, may_have_happened: bool) -> Failure {
        if self.kind == "card_error" || reply.status == 402 {
            return self.declined();
        }
        let described = self.described(reply);
        let is_missing = reply.status == 404 || self.code.as_deref() == Some("resource_missing");
        match reply.status {
            _ if self.kind == "idempotency_error" => Failure::Configuration(described),
            _ if is_missing => Failure::NotFound,
            400 | 422 => self.invalid(),
            409 | 429 | 500.. if may_have_happened => Failure::Unknown(described),
            409 | 429 | 500.. => Failure::Transient(described),
            _ => Failure::Configuration(described),
        }
    }

    fn invalid(self) -> Failure {
        let param = self.param.map(|param| format!(" ({param})")).unwrap_or_default();
        Failure::Invalid {
            code: self.code.unwrap_or_else(|| "invalid_request".to_owned()),
            message: self.message.unwrap_or_default() + &param,
        }
    }

    fn declined(self) -> Failure {
        let reference = self.payment_intent.map(|intent| intent.id);
        let decline = decline(self.code, self.decline_code, self.message);
        if decline.code == "authentication_required"
            || decline.decline_code.as_deref() == Some("authentication_required")
        {
            Failure::RequiresAction { decline, reference }
        } else {
            Failure::Declined { decline, reference }
        }
    }
}

/// What the payer may be told. Stripe asks not to say that a card was reported lost or stolen, or that fraud is suspected:
/// `https://docs.stripe.com/declines/codes`.
pub(super) fn decline(
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
) -> Decline {
    const SAY_NOTHING: [&str; 8] = [
        "fraudulent",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "security_violation",
        "stolen_card",
        "do_not_honor",
    ];
    const DECLINED: &str = "The payment was declined.";
    let hidden = decline_code
        .as_deref()
        .is_some_and(|code| SAY_NOTHING.contains(&code));
    let told = message.filter(|message| !hidden && !message.is_empty());
    Decline {
        code: code.unwrap_or_else(|| "card_declined".to_owned()),
        decline_code,
        message: told.unwrap_or_else(|| DECLINED.to_owned()),
    }
}
