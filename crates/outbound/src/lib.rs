//! Calls to hosts that others name: one guarded way out.
