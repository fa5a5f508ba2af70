//! Which refusals are final: asking the same bank again for the same card is useless, and card networks fine whoever does.
//!
//! Of Stripe's decline codes (`https://docs.stripe.com/declines/codes`) those whose documented advice is to use another
//! method, and which the networks count as never to be retried (`https://docs.stripe.com/billing/revenue-recovery/smart-retries`,
//! "hard declines"). `do_not_honor` and `generic_decline` are not among them: banks say so for passing reasons too.

/// The bank's reasons that do not pass.
const FINAL: [&str; 16] = [
    "account_closed",
    "authentication_not_handled",
    "bank_account_closed",
    "expired_card",
    "fraudulent",
    "incorrect_number",
    "invalid_account",
    "invalid_number",
    "lost_card",
    "merchant_blacklist",
    "new_account_information_available",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stolen_card",
];

/// More of them, which say that an order to pay was taken back.
const TAKEN_BACK: [&str; 3] = ["stop_payment_order", "debit_not_authorized", "no_account"];

/// Whether the method is not to be charged again.
pub(super) fn is_final(code: Option<&str>, decline_code: Option<&str>) -> bool {
    let mut said = [decline_code, code].into_iter().flatten();
    said.any(|word| FINAL.contains(&word) || TAKEN_BACK.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::is_final;

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        for reason in [
            "lost_card",
            "stolen_card",
            "pickup_card",
            "stop_payment_order",
            "fraudulent",
        ] {
            assert!(is_final(Some("card_declined"), Some(reason)), "{reason}");
        }
        assert!(is_final(Some("expired_card"), None));
        for reason in [
            "insufficient_funds",
            "do_not_honor",
            "generic_decline",
            "processing_error",
        ] {
            assert!(!is_final(Some("card_declined"), Some(reason)), "{reason}");
        }
        assert!(!is_final(None, None));
    }
}
