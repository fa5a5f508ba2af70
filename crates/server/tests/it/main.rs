//! The program from outside: its command line, its processes, its HTTP.

mod command_line;
mod development;
mod program;
