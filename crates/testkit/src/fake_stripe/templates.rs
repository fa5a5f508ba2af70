//! Objects with every member that Stripe's OpenAPI description requires of them.

use serde_json::{Value, json};

use super::books::now;

/// The version that is played.
const VERSION: &str = "2026-08-26.dahlia";

pub(super) fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": VERSION, "created": now(), "data": {"object": object}, "livemode": false,
        "pending_webhooks": 1, "request": null, "type": kind,
    })
}

pub(super) fn customer(id: &str, sent: &Value) -> Value {
    json!({
        "id": id, "object": "customer", "created": now(), "default_source": null, "description": null,
        "email": sent["email"], "name": sent["name"], "livemode": false, "metadata": metadata(sent), "shipping": null,
        "invoice_settings": {"custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null},
    })
}

pub(super) fn payment_method(id: &str, token: &str) -> Value {
    let billing = json!({"address": null, "email": null, "name": null, "phone": null, "tax_id": null});
    let mut method = json!({
        "id": id, "object": "payment_method", "billing_details": billing, "created": now(), "customer": null,
        "customer_account": null, "livemode": false, "metadata": {},
    });
    if token == "pm_sepa_debit" {
        method["type"] = json!("sepa_debit");
        method["sepa_debit"] = json!({
            "bank_code": "37040044", "branch_code": "", "country": "DE", "fingerprint": "x", "generated_from": null, "last4": "3000",
        });
        return method;
    }
    method["type"] = json!("card");
    method["card"] = json!({
        "brand": if token == "pm_card_mastercard" { "mastercard" } else { "visa" }, "checks": null, "country": "US",
        "display_brand": "visa", "exp_month": 8, "exp_year": 2034, "fingerprint": "x", "funding": "credit",
        "generated_from": null, "last4": "4242", "networks": null, "regulated_status": null,
        "three_d_secure_usage": null, "wallet": null,
    });
    method
}

pub(super) fn payment_intent(id: &str, sent: &Value) -> Value {
    let amount: i64 = sent["amount"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let object = json!({
        "id": id, "object": "payment_intent", "amount": amount, "amount_capturable": 0, "amount_details": {"tip": {}},
        "amount_received": 0, "capture_method": "automatic_async",
        "client_secret": format!("{id}_secret_fake"), "confirmation_method": "automatic", "created": now(),
        "currency": sent["currency"], "customer": sent["customer"], "description": sent["description"],
        "livemode": false,
        "metadata": metadata(sent), "payment_method": sent["payment_method"],
        "payment_method_options": {}, "payment_method_types": ["card"],
        "status": "requires_payment_method",
    });
    with_nulls(
        object,
        &[
            "application",
            "application_fee_amount",
            "automatic_payment_methods",
            "canceled_at",
            "cancellation_reason",
            "customer_account",
            "excluded_payment_method_types",
            "last_payment_error",
            "latest_charge",
            "next_action",
            "on_behalf_of",
            "payment_method_configuration_details",
            "processing",
            "receipt_email",
            "review",
            "setup_future_usage",
            "shipping",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ],
    )
}

pub(super) fn setup_intent(id: &str, sent: &Value) -> Value {
    let object = json!({
        "id": id, "object": "setup_intent", "client_secret": format!("{id}_secret_fake"), "created": now(), "customer": sent["customer"], "livemode": false, "metadata": metadata(sent), "payment_method_options": {}, "payment_method_types": ["card"], "status": "requires_payment_method", "usage": "off_session",
    });
    with_nulls(
        object,
        &[
            "application",
            "automatic_payment_methods",
            "cancellation_reason",
            "customer_account",
            "description",
            "excluded_payment_method_types",
            "flow_directions",
            "last_setup_error",
            "latest_attempt",
            "mandate",
            "next_action",
            "on_behalf_of",
            "payment_method",
            "payment_method_configuration_details",
            "single_use_mandate",
        ],
    )
}

pub(super) fn charge(id: &str, intent: &Value) -> Value {
    let billing = json!({"address": null, "email": null, "name": null, "phone": null, "tax_id": null});
    let object = json!({
        "id": id, "object": "charge", "amount": intent["amount"], "amount_captured": intent["amount"], "amount_refunded": 0,
        "billing_details": billing, "captured": true, "created": now(),
        "currency": intent["currency"], "customer": intent["customer"], "description": intent["description"], "disputed": false,
        "fraud_details": {},
        "livemode": false, "metadata": intent["metadata"], "paid": true,
        "payment_intent": intent["id"], "payment_method": intent["payment_method"], "refunded": false, "status": "succeeded",
    });
    with_nulls(
        object,
        &[
            "application",
            "application_fee",
            "application_fee_amount",
            "balance_transaction",
            "calculated_statement_descriptor",
            "failure_balance_transaction",
            "failure_code",
            "failure_message",
            "on_behalf_of",
            "outcome",
            "payment_method_details",
            "receipt_email",
            "receipt_number",
            "receipt_url",
            "review",
            "shipping",
            "source_transfer",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ],
    )
}

pub(super) fn refund(id: &str, intent: &Value, amount: i64, sent: &Value) -> Value {
    json!({
        "id": id, "object": "refund", "amount": amount, "balance_transaction": null, "charge": intent["latest_charge"],
        "created": now(), "currency": intent["currency"], "metadata": metadata(sent), "payment_intent": intent["id"],
        "reason": null, "receipt_number": null, "source_transfer_reversal": null, "status": "succeeded",
        "transfer_reversal": null,
    })
}

pub(super) fn dispute(id: &str, intent: &Value, reason: &str) -> Value {
    json!({
        "id": id, "object": "dispute", "amount": intent["amount"], "balance_transactions": [], "charge": intent["latest_charge"],
        "created": now(), "currency": intent["currency"], "enhanced_eligibility_types": [],
        "evidence": evidence(), "evidence_details": {
            "due_by": now() + 7 * 86_400, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0, "submission_method": null,
        },
        "is_charge_refundable": false, "livemode": false, "metadata": {}, "payment_intent": intent["id"], "reason": reason,
        "status": "needs_response",
    })
}

fn evidence() -> Value {
    let members = [
        "access_activity_log",
        "billing_address",
        "cancellation_policy",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "customer_communication",
        "customer_email_address",
        "customer_name",
        "customer_purchase_ip",
        "customer_signature",
        "duplicate_charge_documentation",
        "duplicate_charge_explanation",
        "duplicate_charge_id",
        "product_description",
        "receipt",
        "refund_policy",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "service_documentation",
        "shipping_address",
        "shipping_carrier",
        "shipping_date",
        "shipping_documentation",
        "shipping_tracking_number",
        "uncategorized_file",
        "uncategorized_text",
    ];
    let mut evidence: serde_json::Map<String, Value> = members
        .iter()
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    Value::Object(evidence)
}

pub(super) fn checkout_session(id: &str, sent: &Value) -> Value {
    let object = json!({
        "id": id, "object": "checkout.session", "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
        "cancel_url": sent["cancel_url"], "created": now(), "custom_fields": [],
        "custom_text": {"after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null},
        "customer": sent["customer"], "expires_at": now() + 86_400, "livemode": false, "metadata": metadata(sent), "mode": sent["mode"], "payment_method_types": ["card"],
        "payment_status": "unpaid", "shipping_options": [],
        "status": "open", "success_url": sent["success_url"],
        "ui_mode": "hosted_page", "url": format!("https://checkout.stripe.example/{id}"),
    });
    with_nulls(
        object,
        &[
            "adaptive_pricing",
            "after_expiration",
            "allow_promotion_codes",
            "amount_subtotal",
            "amount_total",
            "billing_address_collection",
            "client_reference_id",
            "client_secret",
            "collected_information",
            "consent",
            "consent_collection",
            "currency",
            "currency_conversion",
            "customer_account",
            "customer_creation",
            "customer_details",
            "customer_email",
            "discounts",
            "integration_identifier",
            "invoice",
            "invoice_creation",
            "locale",
            "origin_context",
            "payment_intent",
            "payment_link",
            "payment_method_collection",
            "payment_method_configuration_details",
            "payment_method_options",
            "permissions",
            "recovered_from",
            "saved_payment_method_options",
            "setup_intent",
            "shipping_address_collection",
            "shipping_cost",
            "submit_type",
            "subscription",
            "total_details",
            "wallet_options",
        ],
    )
}

pub(super) fn portal_session(id: &str, sent: &Value) -> Value {
    json!({
        "id": id, "object": "billing_portal.session", "configuration": "bpc_Fake", "created": now(), "customer": sent["customer"],
        "customer_account": null, "flow": null, "livemode": false, "locale": null, "on_behalf_of": null,
        "return_url": sent["return_url"], "url": format!("https://billing.stripe.example/{id}"),
    })
}

/// With whatever tax this is asked for at 20 %.
pub(super) fn tax_calculation(id: &str, sent: &Value, lines: &[(String, i64)]) -> Value {
    let tax = |amount: i64| amount / 5;
    let item = |(reference, amount): &(String, i64)| {
        json!({
            "id": format!("tax_li_{reference}"), "object": "tax.calculation_line_item", "amount": amount, "amount_tax": tax(*amount),
            "livemode": false, "metadata": null, "product": null, "quantity": 1, "reference": reference,
            "tax_behavior": "exclusive", "tax_code": "txcd_10000000",
        })
    };
    let sum: i64 = lines.iter().map(|(_, amount)| amount).sum();
    let whole: i64 = lines.iter().map(|(_, amount)| tax(*amount)).sum();
    json!({
        "id": id, "object": "tax.calculation", "amount_total": sum + whole, "currency": sent["currency"],
        "customer": sent["customer"], "customer_details": {"address": null, "address_source": null, "ip_address": null,
            "tax_ids": [], "taxability_override": "none"},
        "expires_at": now() + 86_400, "line_items": {
            "object": "list", "data": lines.iter().map(item).collect::<Vec<_>>(), "has_more": false, "url": format!("/v1/tax/calculations/{id}/line_items"),
        },
        "livemode": false, "ship_from_details": null, "shipping_cost": null, "tax_amount_exclusive": whole,
        "tax_amount_inclusive": 0, "tax_breakdown": [], "tax_date": now(),
    })
}

fn metadata(sent: &Value) -> Value {
    if sent["metadata"].is_object() {
        sent["metadata"].clone()
    } else {
        json!({})
    }
}

/// The members that are there and have no value.
fn with_nulls(mut object: Value, names: &[&str]) -> Value {
    for name in names {
        object[*name] = Value::Null;
    }
    object
}
