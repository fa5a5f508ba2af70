//! The metrics that every tenant has.

use super::model::{Aggregation, Kind, Metric, MetricName};

macro_rules! built_in {
    ($($variant:ident = $name:literal, $kind:ident, $unit:literal, [$($dimension:literal),*], $about:literal;)*) => {
        /// A metric that every tenant has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum BuiltIn { $(#[doc = $about] $variant),* }
        impl BuiltIn {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Its name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }
            /// What its number is.
            pub const fn kind(self) -> Kind { match self { $(Self::$variant => Kind::$kind),* } }
            const fn unit(self) -> &'static str { match self { $(Self::$variant => $unit),* } }
            const fn dimensions(self) -> &'static [&'static str] { match self { $(Self::$variant => &[$($dimension),*]),* } }
        }
    };
}

built_in! {
    ApiCalls = "api_calls", Counter, "calls", ["endpoint", "method", "region"], "Requests of the tenant that its quota let through.";
    Storage = "storage", Gauge, "bytes", [], "Bytes stored now.";
    Bandwidth = "bandwidth", Counter, "bytes", ["direction", "region"], "Bytes of requests and answers.";
    ComputeTime = "compute_time", Counter, "seconds", ["region", "resource"], "Time that the tenant's work took.";
    DatabaseQueries = "database_queries", Counter, "queries", ["region", "resource"], "Queries made for the tenant.";
    ActiveUsers = "active_users", Distinct, "users", [], "Different people who did something.";
    Projects = "projects", Gauge, "projects", [], "Projects there are now.";
    Requests = "requests", Counter, "requests", ["endpoint", "method", "region"], "Requests of the tenant, refused ones too.";
    Transactions = "transactions", Counter, "transactions", ["region", "type"], "Transactions of the tenant's application.";
    Users = "users", Gauge, "users", [], "People there are now, which every plan limits.";
}

impl BuiltIn {
    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }

    /// What it is.
    pub fn metric(self) -> Metric {
        Metric {
            name: self.into(),
            aggregation: match self.kind() {
                Kind::Counter => Aggregation::Sum,
                Kind::Gauge => Aggregation::Last,
                Kind::Distinct => Aggregation::Unique,
            },
            unit: self.unit().to_owned(),
            dimensions: self.dimensions().iter().map(|&name| name.to_owned()).collect(),
            series: Metric::SERIES,
        }
    }
}

impl From<BuiltIn> for MetricName {
    fn from(metric: BuiltIn) -> Self {
        Self::built_in(metric.name())
    }
}
