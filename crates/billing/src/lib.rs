//! Subscriptions, invoices, the ledger, and collecting.
