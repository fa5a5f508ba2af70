//! The registry of event types. A name is part of the public contract: types are added, never renamed.

use std::fmt;

/// How much an event matters to someone who watches.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Severity {
    /// Everyday life.
    Info,
    /// Worth a look.
    Warning,
    /// Needs someone now.
    Critical,
}

impl Severity {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

macro_rules! event_types {
    ($($group:literal: { $($variant:ident = $name:literal, $severity:ident, $about:literal;)* })*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType { $($(#[doc = $about] $variant),*),* }
        impl EventType {
            /// Every type there is.
            pub const ALL: &'static [Self] = &[$($(Self::$variant),*),*];
            /// The stable name, e.g. `data.created`.
            pub const fn name(self) -> &'static str { match self { $($(Self::$variant => $name),*),* } }
            /// The group it belongs to.
            pub const fn group(self) -> &'static str { match self { $($(Self::$variant => $group),*),* } }
            /// How much it matters.
            pub const fn severity(self) -> Severity { match self { $($(Self::$variant => Severity::$severity),*),* } }
            /// What it means, for people.
            pub const fn description(self) -> &'static str { match self { $($(Self::$variant => $about),*),* } }
        }
    };
}

event_types! {
    "auth": {
        LoginSucceeded = "auth.login_succeeded", Info, "A person logged in.";
        LoginFailed = "auth.login_failed", Warning, "A person failed to log in.";
        LoggedOut = "auth.logged_out", Info, "A person logged out.";
        LoginBlocked = "auth.login_blocked", Warning, "Logins were delayed after too many failures.";
        SessionEnded = "auth.session_ended", Info, "A session was ended by its person or by somebody who may.";
        RefreshTokenReused = "auth.refresh_token_reused", Critical, "A used refresh token came back; its session was ended.";
        PasswordChanged = "auth.password_changed", Warning, "A person's password was changed.";
        PasswordResetRequested = "auth.password_reset_requested", Info, "A link to replace a password was sent.";
        SecondFactorPassed = "auth.second_factor_passed", Info, "A person passed his second factor.";
        SecondFactorFailed = "auth.second_factor_failed", Warning, "A person failed his second factor.";
        SecondFactorAdded = "auth.second_factor_added", Warning, "A person added a second factor.";
        SecondFactorRemoved = "auth.second_factor_removed", Warning, "A person's second factor was removed.";
        RecoveryCodesMade = "auth.recovery_codes_made", Warning, "A person was given new recovery codes.";
        InvitationWithdrawn = "auth.invitation_withdrawn", Info, "An invitation was withdrawn.";
        InvitationSent = "auth.invitation_sent", Info, "A person was invited.";
        InvitationAccepted = "auth.invitation_accepted", Info, "An invitation was accepted.";
    }
    "user": {
        UserCreated = "user.created", Info, "A person was added.";
        UserUpdated = "user.updated", Info, "A person's record was changed.";
        UserRoleChanged = "user.role_changed", Warning, "A person's role was changed.";
        UserDeactivated = "user.deactivated", Warning, "A person was shut out.";
        UserReactivated = "user.reactivated", Info, "A person was let in again.";
        UserDeleted = "user.deleted", Info, "A person was removed.";
        RoleCreated = "user.role_created", Info, "A tenant made a role of its own.";
        RoleUpdated = "user.role_updated", Warning, "A tenant changed a role of its own.";
        RoleDeleted = "user.role_deleted", Info, "A tenant deleted a role of its own.";
    }
    "tenant": {
        TenantCreated = "tenant.created", Info, "A tenant was created.";
        TenantProvisioned = "tenant.provisioned", Info, "A tenant's provisioning was completed.";
        TenantProvisioningFailed = "tenant.provisioning_failed", Critical, "A tenant's provisioning failed and was rolled back.";
        TenantUpdated = "tenant.updated", Info, "A tenant's record was changed.";
        TenantSuspended = "tenant.suspended", Warning, "A tenant was suspended.";
        TenantReactivated = "tenant.reactivated", Info, "A tenant was reactivated.";
        TenantCanceled = "tenant.canceled", Warning, "A tenant was cancelled.";
        TenantDeletionRequested = "tenant.deletion_requested", Critical, "A tenant's deletion was requested.";
        TenantRestored = "tenant.restored", Warning, "A tenant's deletion or cancellation was undone.";
        TenantDeleted = "tenant.deleted", Critical, "A tenant was removed with everything it had.";
        TrialExpired = "tenant.trial_expired", Warning, "A tenant's trial ended without a paid plan.";
    }
    "data": {
        DataCreated = "data.created", Info, "Something was created in a tenant's data.";
        DataUpdated = "data.updated", Info, "Something was changed in a tenant's data.";
        DataDeleted = "data.deleted", Info, "Something was deleted from a tenant's data.";
        DataExported = "data.exported", Info, "Data was handed out in bulk.";
    }
    "billing": {
        SubscriptionStarted = "billing.subscription_started", Info, "A subscription or trial began.";
        SubscriptionChanged = "billing.subscription_changed", Info, "A subscription was changed, or a change of it was scheduled.";
        SubscriptionRenewed = "billing.subscription_renewed", Info, "A new period of a subscription began.";
        SubscriptionPaused = "billing.subscription_paused", Warning, "A subscription was paused.";
        SubscriptionResumed = "billing.subscription_resumed", Info, "A subscription was resumed.";
        SubscriptionCanceled = "billing.subscription_canceled", Warning, "A subscription was cancelled, or is to end with its period.";
        SubscriptionCancellationUndone = "billing.subscription_cancellation_undone", Info, "A subscription goes on that was to end.";
        SubscriptionStatusChanged = "billing.subscription_status_changed", Warning, "Whether a subscription is paid for changed.";
        BillingAccountCreated = "billing.account_created", Info, "A billing account was made.";
        BillingAccountUpdated = "billing.account_updated", Info, "A billing account was changed.";
        InvoiceCreated = "billing.invoice_created", Info, "A draft of an invoice was made.";
        InvoiceUpdated = "billing.invoice_updated", Info, "A draft of an invoice was changed.";
        InvoiceDeleted = "billing.invoice_deleted", Info, "A draft of an invoice was deleted.";
        InvoiceFinalized = "billing.invoice_finalized", Info, "An invoice became final.";
        InvoicePaid = "billing.invoice_paid", Info, "An invoice was paid.";
        InvoiceVoided = "billing.invoice_voided", Warning, "An invoice was voided.";
        InvoiceUncollectible = "billing.invoice_uncollectible", Warning, "An invoice is not expected to be paid any more.";
        CreditNoteIssued = "billing.credit_note_issued", Info, "A credit note was issued.";
        PaymentRecorded = "billing.payment_recorded", Info, "Money came for an invoice.";
        RefundRequested = "billing.refund_requested", Warning, "Money is to go back.";
        RefundSettled = "billing.refund_settled", Info, "Money went back, or could not.";
        BalanceAdjusted = "billing.balance_adjusted", Warning, "A customer's balance was changed by hand.";
        UsageDifferenceFound = "billing.usage_difference_found", Warning, "More or less was used than was invoiced.";
        PaymentAttempted = "billing.payment_attempted", Info, "Somebody is to be charged.";
        PaymentPending = "billing.payment_pending", Info, "A charge waits for the payer or for his bank.";
        PaymentSucceeded = "billing.payment_succeeded", Info, "A charge succeeded.";
        PaymentFailed = "billing.payment_failed", Warning, "A charge came to nothing.";
        DunningStep = "billing.dunning_step", Warning, "An invoice that is not paid was asked for in vain.";
        DunningEnded = "billing.dunning_ended", Info, "Nothing of an invoice that was not paid is due any more.";
        PaymentMethodAdded = "billing.payment_method_added", Info, "A method of payment was added.";
        PaymentMethodDefaultSet = "billing.payment_method_default_set", Info, "Invoices are paid by another method.";
        PaymentMethodRemoved = "billing.payment_method_removed", Info, "A method of payment was removed.";
        RefundFound = "billing.refund_found", Warning, "Money went back that was asked for at the provider.";
        DisputeOpened = "billing.dispute_opened", Critical, "A payer contests a payment at his bank.";
        DisputeClosed = "billing.dispute_closed", Warning, "A dispute ended.";
        ProviderObjectChanged = "billing.provider_object_changed", Info, "Something changed at the payment provider.";
        ReconciliationDiffers = "billing.reconciliation_differs", Critical, "The payment provider's books differ from ours.";
        BillingClockAdvanced = "billing.clock_advanced", Warning, "Billing's time was moved ahead.";
    }
    "usage": {
        MetricDeclared = "usage.metric_declared", Info, "A metric was declared.";
        MetricRemoved = "usage.metric_removed", Info, "A declared metric was removed.";
        QuotaSet = "usage.quota_set", Info, "A tenant's quota was set.";
        QuotaCleared = "usage.quota_cleared", Info, "A tenant's quota is its plan's again.";
        AlertAcknowledged = "usage.alert_acknowledged", Info, "Somebody took note of a usage alert.";
        AlertThresholdsSet = "usage.alert_thresholds_set", Info, "At how much of its limits a tenant is told was set.";
        CalendarSet = "usage.calendar_set", Info, "Where a tenant's days and months begin was set.";
    }
    "security": {
        AccessDenied = "security.access_denied", Warning, "A caller was refused for lack of a permission.";
        ApiKeyCreated = "security.api_key_created", Info, "An API key was created.";
        ApiKeyRotated = "security.api_key_rotated", Info, "An API key was replaced.";
        ApiKeyRevoked = "security.api_key_revoked", Warning, "An API key was revoked.";
        SecurityPolicyUpdated = "security.policy_updated", Warning, "What a tenant demands at its door was changed.";
        SigningKeyRotated = "security.signing_key_rotated", Warning, "Access tokens are signed with a new key.";
        AdminUpdated = "security.admin_updated", Warning, "A platform operator was changed.";
        AdminDeleted = "security.admin_deleted", Warning, "A platform operator was removed.";
        AdminCreated = "security.admin_created", Warning, "A platform operator was added.";
    }
    "config": {
        SettingUpdated = "config.setting_updated", Info, "A setting was changed.";
        DomainAdded = "config.domain_added", Info, "A custom domain was added.";
        DomainRemoved = "config.domain_removed", Info, "A custom domain was removed.";
        WebhookCreated = "config.webhook_created", Info, "A webhook was registered.";
        WebhookUpdated = "config.webhook_updated", Info, "A webhook was changed.";
        WebhookDeleted = "config.webhook_deleted", Info, "A webhook was removed.";
        WebhookSecretRotated = "config.webhook_secret_rotated", Info, "A webhook's secret was replaced.";
        WebhookDisabled = "config.webhook_disabled", Warning, "A webhook was disabled, because nothing got through to it.";
        WebhookReplayed = "config.webhook_replayed", Info, "Deliveries to a webhook were asked for again.";
    }
    "compliance": {
        DeletionRecorded = "compliance.deletion_recorded", Info, "A signed record of a deletion was made.";
    }
}

impl EventType {
    /// Days an event of this type is kept: seven years for security and compliance, one year otherwise.
    pub fn retention_days(self) -> i64 {
        match self.group() {
            "security" | "compliance" => 7 * 365 + 2,
            _ => 365,
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_carry_their_group() {
        let mut names: Vec<_> = EventType::ALL.iter().map(|known| known.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventType::ALL.len());
        for known in EventType::ALL {
            assert_eq!(known.name().split('.').next(), Some(known.group()));
            assert_eq!(EventType::from_name(known.name()), Some(*known));
        }
    }

    #[test]
    fn security_is_kept_seven_years() {
        assert_eq!(EventType::ApiKeyRevoked.retention_days(), 2557);
        assert_eq!(EventType::DataCreated.retention_days(), 365);
    }
}
