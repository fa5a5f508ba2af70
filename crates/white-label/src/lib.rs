//! What a tenant looks like to its own customers: custom domains today, branding later.
