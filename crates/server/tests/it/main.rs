//! The product from outside: the real server, on a real PostgreSQL, over real HTTP. One file a noun.

mod program;
mod support;

mod audit;
mod authz_matrix;
mod command_line;
mod crash;
mod credentials;
mod custom_domains;
mod database_outage;
mod development;
mod documentation_examples;
mod health;
mod hostile_input;
mod moved_slug;
mod openapi;
mod pgbouncer;
mod provisioning;
mod provisioning_faults;
mod tenants;
