//! The letters' words, in each language that documents are written in. Pure.

use pricing::catalogue::TrialEnd;

use super::actions::Taken;
use super::steps::Setback;
use crate::rendering::Language;

/// What a letter about an invoice is about.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// Its number.
    pub(super) invoice: &'a str,
    /// What is to be paid.
    pub(super) due: String,
    /// Where.
    pub(super) page: Option<String>,
}

/// The whole letter.
pub(super) fn letter(language: Language, name: &str, text: &str, seller: &str) -> String {
    match language {
        Language::English => format!("Hello {name},\n\n{text}\n\n{seller}\n"),
        Language::German => format!("Guten Tag {name},\n\n{text}\n\n{seller}\n"),
    }
}

/// A try came to nothing: the subject and the text.
pub(super) fn missed(
    language: Language,
    facts: &Facts<'_>,
    setback: &Setback,
    next: Option<String>,
) -> (String, String) {
    let (subject, what) = what(language, facts, setback);
    let then = match language {
        Language::English => then_in_english(setback, next),
        Language::German => then_in_german(setback, next),
    };
    let where_to = where_to(language, facts.page.as_deref());
    (subject, format!("{what}\n\n{then} {where_to}"))
}

/// What has happened: the subject, and how the text begins.
fn what(language: Language, facts: &Facts<'_>, setback: &Setback) -> (String, String) {
    let Facts { invoice, due, .. } = facts;
    match (language, setback) {
        (Language::English, Setback::Refused { reason, .. }) => {
            let why = reason
                .as_ref()
                .map(|reason| format!(" {reason}"))
                .unwrap_or_default();
            (
                format!("Payment of invoice {invoice} failed"),
                format!("The payment of invoice {invoice} over {due} failed.{why}"),
            )
        }
        (Language::English, Setback::NeedsConfirmation) => (
            format!("Please confirm the payment of invoice {invoice}"),
            format!("Your bank asks you to confirm the payment of invoice {invoice} over {due}."),
        ),
        (Language::English, Setback::NothingCame) => (
            format!("Invoice {invoice} is not paid"),
            format!("Invoice {invoice} over {due} is due, and no payment has arrived."),
        ),
        // The provider's reason is in English.
        (Language::German, Setback::Refused { .. }) => (
            format!("Zahlung der Rechnung {invoice} fehlgeschlagen"),
            format!("Die Zahlung der Rechnung {invoice} über {due} ist fehlgeschlagen."),
        ),
        (Language::German, Setback::NeedsConfirmation) => (
            format!("Bitte bestätigen Sie die Zahlung der Rechnung {invoice}"),
            format!("Ihre Bank bittet Sie, die Zahlung der Rechnung {invoice} über {due} zu bestätigen."),
        ),
        (Language::German, Setback::NothingCame) => (
            format!("Rechnung {invoice} ist nicht bezahlt"),
            format!("Die Rechnung {invoice} über {due} ist fällig, und es ist keine Zahlung eingegangen."),
        ),
    }
}

fn then_in_english(setback: &Setback, next: Option<String>) -> String {
    let refused =
        "Your bank refuses this method for good, so we do not charge it again. Please give us another one";
    match (setback, next) {
        (Setback::Refused { is_final: true, .. }, Some(day)) => format!("{refused} by {day}."),
        (Setback::Refused { is_final: true, .. }, None) => format!("{refused}."),
        (Setback::Refused { .. }, Some(day)) => format!("We try again on {day}."),
        (_, Some(day)) => format!("Please see to it by {day}."),
        (_, None) => "Please see to it soon.".to_owned(),
    }
}

fn then_in_german(setback: &Setback, next: Option<String>) -> String {
    let refused =
        "Ihre Bank lehnt dieses Zahlungsmittel endgültig ab, wir belasten es nicht mehr. Bitte geben Sie uns";
    match (setback, next) {
        (Setback::Refused { is_final: true, .. }, Some(day)) => {
            format!("{refused} bis zum {day} ein anderes.")
        }
        (Setback::Refused { is_final: true, .. }, None) => format!("{refused} ein anderes."),
        (Setback::Refused { .. }, Some(day)) => format!("Wir versuchen es am {day} noch einmal."),
        (_, Some(day)) => format!("Bitte kümmern Sie sich bis zum {day} darum."),
        (_, None) => "Bitte kümmern Sie sich bald darum.".to_owned(),
    }
}

/// Everything was tried: the subject and the text.
pub(super) fn exhausted(language: Language, facts: &Facts<'_>, taken: Taken) -> (String, String) {
    let Facts { invoice, due, .. } = facts;
    let where_to = where_to(language, facts.page.as_deref());
    match language {
        Language::English => {
            let (subject, what) = match taken {
                Taken::Suspended => (
                    "Your account is suspended",
                    "Your account is suspended. Your data is kept. As soon as the invoice is paid, everything is open again.",
                ),
                Taken::Canceled => (
                    "Your subscription is cancelled",
                    "Your subscription is cancelled. The invoice is still to be paid.",
                ),
                Taken::Downgraded => (
                    "You are on the free plan",
                    "Your subscription goes on with the free plan. The invoice is still to be paid.",
                ),
                Taken::Unpaid => (
                    "Your subscription is unpaid",
                    "Your data can be read, and nothing can be changed any more. As soon as the invoice is paid, everything is open again.",
                ),
                Taken::Nothing => ("Last reminder", "This was our last reminder."),
            };
            let subject = format!("{subject}: invoice {invoice}");
            let why = format!("Invoice {invoice} over {due} could not be collected.");
            (subject, format!("{why} {what}\n\n{where_to}"))
        }
        Language::German => {
            let (subject, what) = match taken {
                Taken::Suspended => (
                    "Ihr Konto ist gesperrt",
                    "Ihr Konto ist gesperrt. Ihre Daten bleiben erhalten. Sobald die Rechnung bezahlt ist, ist alles wieder offen.",
                ),
                Taken::Canceled => (
                    "Ihr Abonnement ist gekündigt",
                    "Ihr Abonnement ist gekündigt. Die Rechnung ist weiterhin zu bezahlen.",
                ),
                Taken::Downgraded => (
                    "Sie haben jetzt den kostenlosen Tarif",
                    "Ihr Abonnement läuft mit dem kostenlosen Tarif weiter. Die Rechnung ist weiterhin zu bezahlen.",
                ),
                Taken::Unpaid => (
                    "Ihr Abonnement ist nicht bezahlt",
                    "Ihre Daten können gelesen, aber nicht mehr geändert werden. Sobald die Rechnung bezahlt ist, ist alles wieder offen.",
                ),
                Taken::Nothing => ("Letzte Erinnerung", "Das war unsere letzte Erinnerung."),
            };
            let subject = format!("{subject}: Rechnung {invoice}");
            let why = format!("Die Rechnung {invoice} über {due} konnte nicht eingezogen werden.");
            (subject, format!("{why} {what}\n\n{where_to}"))
        }
    }
}

/// A trial of this plan ends on that day: the subject and the text.
pub(super) fn trial_ends(
    language: Language,
    (plan, day): (&str, &str),
    follows: TrialEnd,
    page: Option<&str>,
) -> (String, String) {
    let where_to = where_to(language, page);
    match language {
        Language::English => {
            let then = match follows {
                TrialEnd::Paid => "It then goes on as a paid subscription.".to_owned(),
                TrialEnd::Free => format!(
                    "To stay on {plan}, give us a method of payment before. Otherwise you go on with the free plan."
                ),
                TrialEnd::Suspend => format!(
                    "To stay on {plan}, give us a method of payment before. Otherwise your account is suspended then; your data is kept."
                ),
            };
            (
                format!("Your trial ends on {day}"),
                format!("Your trial of {plan} ends on {day}. {then}\n\n{where_to}"),
            )
        }
        Language::German => {
            let then = match follows {
                TrialEnd::Paid => "Danach läuft er als bezahltes Abonnement weiter.".to_owned(),
                TrialEnd::Free => format!(
                    "Um bei {plan} zu bleiben, geben Sie uns bitte vorher ein Zahlungsmittel. Andernfalls geht es mit dem kostenlosen Tarif weiter."
                ),
                TrialEnd::Suspend => format!(
                    "Um bei {plan} zu bleiben, geben Sie uns bitte vorher ein Zahlungsmittel. Andernfalls wird Ihr Konto dann gesperrt; Ihre Daten bleiben erhalten."
                ),
            };
            (
                format!("Ihr Testzeitraum endet am {day}"),
                format!("Ihr Testzeitraum für {plan} endet am {day}. {then}\n\n{where_to}"),
            )
        }
    }
}

fn where_to(language: Language, page: Option<&str>) -> String {
    match (language, page) {
        (Language::English, Some(page)) => format!("You can pay and change how you pay here: {page}"),
        (Language::English, None) => "You can pay and change how you pay under Billing.".to_owned(),
        (Language::German, Some(page)) => {
            format!("Hier können Sie bezahlen und Ihr Zahlungsmittel ändern: {page}")
        }
        (Language::German, None) => {
            "Bezahlen und Ihr Zahlungsmittel ändern können Sie unter Abrechnung.".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: fn(Option<&str>) -> Facts<'static> = |page| Facts {
        invoice: "INV-7",
        due: "$29.00".to_owned(),
        page: page.map(str::to_owned),
    };

    #[test]
    fn a_refusal_tells_why_and_when_it_is_tried_again() {
        let refused = Setback::Refused {
            reason: Some("Your card has insufficient funds.".to_owned()),
            is_final: false,
        };
        let facts = FACTS(Some("https://app.example/pay"));
        let (subject, text) = missed(
            Language::English,
            &facts,
            &refused,
            Some("5 March 2027".to_owned()),
        );
        assert_eq!(subject, "Payment of invoice INV-7 failed");
        assert_eq!(
            text,
            "The payment of invoice INV-7 over $29.00 failed. Your card has insufficient funds.\n\n\
             We try again on 5 March 2027. You can pay and change how you pay here: https://app.example/pay"
        );
        let (subject, text) = missed(
            Language::German,
            &facts,
            &refused,
            Some("5. März 2027".to_owned()),
        );
        assert_eq!(subject, "Zahlung der Rechnung INV-7 fehlgeschlagen");
        assert!(text.contains("am 5. März 2027"), "{text}");
    }

    #[test]
    fn a_final_refusal_promises_no_further_try() {
        let refused = Setback::Refused {
            reason: None,
            is_final: true,
        };
        for language in [Language::English, Language::German] {
            for next in [Some("5 March".to_owned()), None] {
                let (_, text) = missed(language, &FACTS(None), &refused, next);
                assert!(
                    !text.contains("try again") && !text.contains("noch einmal"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn every_letter_says_which_invoice_and_how_much() {
        let taken = [
            Taken::Suspended,
            Taken::Canceled,
            Taken::Downgraded,
            Taken::Unpaid,
            Taken::Nothing,
        ];
        for language in [Language::English, Language::German] {
            for taken in taken {
                let (subject, text) = exhausted(language, &FACTS(None), taken);
                assert!(
                    subject.contains("INV-7") && text.contains("$29.00"),
                    "{subject}: {text}"
                );
            }
            for setback in [Setback::NeedsConfirmation, Setback::NothingCame] {
                let (subject, text) = missed(language, &FACTS(None), &setback, None);
                assert!(
                    subject.contains("INV-7") && text.contains("$29.00"),
                    "{subject}: {text}"
                );
            }
        }
    }
}
