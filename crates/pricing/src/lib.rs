//! Money, and what things cost: pure arithmetic over data.
