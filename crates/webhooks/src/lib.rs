//! Outgoing webhooks: what happened is told to endpoints that tenants and operators register.
