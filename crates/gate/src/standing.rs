//! What a tenant's callers may do while it is not paid for: the one place where that is decided, from memory.
//!
//! | the tenant | what it pays for | its callers may | else |
//! |---|---|---|---|
//! | trial, active | a trial; paid, or overdue and being collected; paused within what was paid for | everything | |
//! | trial, active | unpaid: nothing could be collected | read, and pay | 402 `payment_required` |
//! | trial, active | incomplete: the first payment is still to come | pay | 402 `payment_required` |
//! | suspended, `payment_overdue` | unpaid | pay | 402 `payment_required` |
//! | suspended, `trial_expired`, `subscription_paused` | paused | pay | 403 `tenant_suspended` |
//! | suspended by an operator | whatever it is | nothing | 403 `tenant_suspended` |
//! | canceled | nothing any more | pay what is left | 403 `tenant_inactive` |
//! | any other | | nothing | 403 `tenant_inactive` |
//!
//! To pay is every route that needs a permission for billing, and what a caller asks about himself: his sessions, his
//! password, who he is. What a gateway asks about is none of that.

use axum::http::request::Parts;
use edge::ProblemResponse;
use kernel::{Code, Permission, Problem};
use tenants::directory::TenantSnapshot;
use tenants::{Access, Status, SuspensionReason};

use crate::origin::AskedAbout;
use crate::permission::{Required, required};

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    /// Paying, or the caller himself.
    Paying,
    /// Something that changes nothing.
    Reading,
    /// Anything else.
    Changing,
}

/// Refuses what is not open to the tenant.
pub(crate) fn require(parts: &Parts, tenant: &TenantSnapshot) -> Result<(), ProblemResponse> {
    let reason = tenant.suspension_reason.as_ref();
    decide(tenant.status, reason, tenant.access, matter(parts))
}

/// Refuses whoever has nothing to look for in the tenant: not even paying.
pub fn require_standing(tenant: &TenantSnapshot) -> Result<(), ProblemResponse> {
    let reason = tenant.suspension_reason.as_ref();
    decide(tenant.status, reason, tenant.access, Matter::Paying)
}

fn matter(parts: &Parts) -> Matter {
    match required::<Permission>(parts) {
        Some(Required::Permission(Permission::BillingRead | Permission::BillingWrite)) => Matter::Paying,
        Some(Required::Nothing) if parts.extensions.get::<AskedAbout>().is_none() => Matter::Paying,
        _ if parts.method.is_safe() => Matter::Reading,
        _ => Matter::Changing,
    }
}

fn decide(
    status: Status,
    reason: Option<&SuspensionReason>,
    access: Access,
    matter: Matter,
) -> Result<(), ProblemResponse> {
    let overdue = SuspensionReason::payment_overdue();
    match (status, matter) {
        (Status::Trial | Status::Active, _) => match (access, matter) {
            (Access::Full, _) | (_, Matter::Paying) | (Access::ReadOnly, Matter::Reading) => Ok(()),
            (Access::ReadOnly | Access::BillingOnly, _) => Err(payment_required(access)),
        },
        (Status::Canceled, Matter::Paying) => Ok(()),
        (Status::Suspended, Matter::Paying) if reason.is_some_and(SuspensionReason::ends_by_paying) => Ok(()),
        (Status::Suspended, _) if reason == Some(&overdue) => Err(payment_required(Access::BillingOnly)),
        (Status::Suspended, _) => Err(Code::TenantSuspended.into()),
        (other, _) => {
            let detail = format!("The tenant is {}.", other.name());
            Err(Problem::new(Code::TenantInactive, detail).into())
        }
    }
}

/// Says what is open, and where it can be paid.
fn payment_required(access: Access) -> ProblemResponse {
    let open = match access {
        Access::ReadOnly => "Until then it can be read, and nothing can be changed.",
        Access::Full | Access::BillingOnly => "Until then nothing else is open.",
    };
    let detail = format!(
        "An invoice is not paid. Pay it, or add a method of payment that can: it is charged at once. {open}"
    );
    ProblemResponse::from(Problem::new(Code::PaymentRequired, detail))
        .with_member("access", access.name())
        .with_member("invoices", "/api/invoices")
        .with_member("paymentMethods", "/api/payment-methods")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATTERS: [Matter; 3] = [Matter::Paying, Matter::Reading, Matter::Changing];

    fn codes(status: Status, reason: Option<&str>, access: Access) -> [Option<Code>; 3] {
        let reason = reason.map(|reason| reason.parse().expect("a line"));
        MATTERS.map(|matter| {
            let decided = decide(status, reason.as_ref(), access, matter);
            decided.err().map(|refused| refused.problem().code)
        })
    }

    #[test]
    fn every_cell_of_the_table() {
        use Code::{PaymentRequired, TenantInactive, TenantSuspended};
        let (open, pay, suspended, inactive) = (
            [None; 3],
            [None, Some(PaymentRequired), Some(PaymentRequired)],
            [None, Some(TenantSuspended), Some(TenantSuspended)],
            [None, Some(TenantInactive), Some(TenantInactive)],
        );
        let read = [None, None, Some(PaymentRequired)];
        for access in [Access::Full, Access::ReadOnly, Access::BillingOnly] {
            let of_open = match access {
                Access::Full => open,
                Access::ReadOnly => read,
                Access::BillingOnly => pay,
            };
            for (status, reason, wanted) in [
                (Status::Trial, None, of_open),
                (Status::Active, None, of_open),
                (Status::Suspended, Some("payment_overdue"), pay),
                (Status::Suspended, Some("trial_expired"), suspended),
                (Status::Suspended, Some("subscription_paused"), suspended),
                (Status::Suspended, Some("abuse"), [Some(TenantSuspended); 3]),
                (Status::Suspended, None, [Some(TenantSuspended); 3]),
                (Status::Canceled, None, inactive),
                (Status::Provisioning, None, [Some(TenantInactive); 3]),
                (Status::Deleting, None, [Some(TenantInactive); 3]),
                (Status::Deleted, None, [Some(TenantInactive); 3]),
                (Status::Failed, None, [Some(TenantInactive); 3]),
            ] {
                assert_eq!(
                    codes(status, reason, access),
                    wanted,
                    "{status:?} {reason:?} {access:?}"
                );
            }
        }
    }

    #[test]
    fn paying_is_what_needs_a_permission_for_billing_or_none() {
        let of = |method: &str, required: Option<Required<Permission>>, about: bool| {
            let request = axum::http::Request::builder().method(method).body(());
            let (mut parts, ()) = request.expect("a request").into_parts();
            required.map(|required| parts.extensions.insert(required));
            about.then(|| parts.extensions.insert(AskedAbout));
            matter(&parts)
        };
        let permission = |permission| Some(Required::Permission(permission));
        assert_eq!(
            of("POST", permission(Permission::BillingWrite), false),
            Matter::Paying
        );
        assert_eq!(
            of("GET", permission(Permission::BillingRead), true),
            Matter::Paying
        );
        assert_eq!(of("DELETE", Some(Required::Nothing), false), Matter::Paying);
        assert_eq!(of("GET", Some(Required::Nothing), true), Matter::Reading);
        assert_eq!(of("POST", Some(Required::Nothing), true), Matter::Changing);
        assert_eq!(
            of("GET", permission(Permission::ProjectsRead), false),
            Matter::Reading
        );
        assert_eq!(
            of("POST", permission(Permission::ProjectsWrite), false),
            Matter::Changing
        );
        assert_eq!(of("GET", None, false), Matter::Reading);
    }
}
