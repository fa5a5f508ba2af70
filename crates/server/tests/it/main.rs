//! The product from outside: the real server, on a real PostgreSQL, over real HTTP. One file a noun.

mod program;
mod support;

mod command_line;
mod development;
mod health;
mod provisioning;
mod tenants;
