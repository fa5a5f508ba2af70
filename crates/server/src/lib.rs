//! The product as one program: configuration, command line, wiring.
