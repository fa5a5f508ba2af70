//! The product from outside: the real server, on a real PostgreSQL, over real HTTP. One file a noun.

mod program;
mod support;

mod access_tokens;
mod admins;
mod audit;
mod authz_matrix;
mod command_line;
mod cors;
mod crash;
mod credentials;
mod custom_domains;
mod database_outage;
mod development;
mod documentation_examples;
mod forwarded;
mod gateway;
mod health;
mod hostile_input;
mod invitations;
mod limited_operators;
mod login;
mod moved_slug;
mod openapi;
mod password_resets;
mod pgbouncer;
mod provisioning;
mod provisioning_faults;
mod roles;
mod second_factors;
mod security_policies;
mod sessions;
mod settings;
mod tenants;
mod users;
