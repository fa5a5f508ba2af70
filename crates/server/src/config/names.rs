//! What options and their environment variables are called, and what somebody who mistyped one probably meant.

use super::declaration::OptionInfo;
use super::options::SECTIONS;

const PREFIX: &str = "TENANTRY_";

/// Variables with our prefix that are no options: those that the command line reads, and those of the tests.
const NO_OPTIONS: [&str; 2] = ["TENANTRY_CONFIG", "TENANTRY_POSTGRES_BIN"];
const OF_TESTS: &str = "TENANTRY_TEST_";

/// What an environment variable means to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// This option, under a name that the whole field uses.
    Customary(&'static str),
    /// This option, under our own name.
    Regular(&'static str),
    /// Ours by its prefix, but nothing is called so; with a hint.
    Unknown(String),
    /// Not ours.
    Foreign,
}

pub(super) fn options() -> impl Iterator<Item = &'static OptionInfo> {
    SECTIONS.iter().flat_map(|section| section.options)
}

pub(super) fn option(key: &str) -> Option<&'static OptionInfo> {
    options().find(|option| option.key == key)
}

pub(super) fn of_variable(name: &str, value: &str) -> Variable {
    if let Some(option) = options().find(|option| option.customary == Some(name)) {
        return Variable::Customary(option.key);
    }
    if !name.starts_with(PREFIX) || NO_OPTIONS.contains(&name) || name.starts_with(OF_TESTS) {
        return Variable::Foreign;
    }
    if let Some(option) = options().find(|option| option.variable() == name) {
        return Variable::Regular(option.key);
    }
    if is_service_link(name, value) {
        return Variable::Foreign;
    }
    let known = options().flat_map(|option| {
        let customary = option.customary.filter(|customary| customary.starts_with(PREFIX));
        customary
            .map(str::to_owned)
            .into_iter()
            .chain([option.variable()])
    });
    Variable::Unknown(did_you_mean(name, known))
}

/// Whether Kubernetes made it for a service whose name begins with ours: `TENANTRY_SERVICE_HOST`,
/// `TENANTRY_PORT_3000_TCP_ADDR`, `TENANTRY_PORT=tcp://…` (Kubernetes, "Accessing the Service", environment variables).
fn is_service_link(name: &str, value: &str) -> bool {
    let ends = |ending: &str| name.ends_with(ending);
    ends("_SERVICE_HOST")
        || ends("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.contains("_PORT_") && ["_TCP", "_UDP"].iter().any(|protocol| name.contains(protocol))
        || ends("_PORT") && value.contains("://")
}

/// The option that a key was meant to be.
pub(super) fn hint(key: &str) -> String {
    did_you_mean(key, options().map(|option| option.key.to_owned()))
}

/// The section that a name was meant to be; nothing if it is one.
pub(super) fn hint_for_section(name: &str) -> Option<String> {
    if SECTIONS.iter().any(|section| section.name == name) {
        return None;
    }
    let known = SECTIONS.iter().map(|section| section.name.to_owned());
    Some(did_you_mean(name, known))
}

fn did_you_mean(name: &str, known: impl Iterator<Item = String>) -> String {
    let nearest = known.max_by(|a, b| {
        let closeness = |other: &str| strsim::jaro_winkler(name, other);
        closeness(a).total_cmp(&closeness(b))
    });
    nearest
        .map(|nearest| format!("; did you mean `{nearest}`?"))
        .unwrap_or_default()
}
