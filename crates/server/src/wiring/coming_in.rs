//! What people come in by: passwords and what stands around them.

use access::access_tokens::SigningKeys;
use access::invitations::Letters;
use access::login::{self, Login};
use access::password_resets::{self, PasswordResets};
use access::security_policies::Policies;
use access::throttle::Throttle;
use identity::{Algorithm, Hasher};
use isolation::Databases;

use crate::config::{Config, PasswordAlgorithm};

/// What hashes passwords: on all processors but one, which is left to everything else.
pub(crate) fn hasher(config: &Config) -> Hasher {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let algorithm = match config.security.password_hash {
        PasswordAlgorithm::Bcrypt => Algorithm::Bcrypt,
        PasswordAlgorithm::Argon2id => Algorithm::Argon2id,
    };
    Hasher::with_algorithm(config.seams(), algorithm, processors.saturating_sub(1))
}

/// Logging in.
pub(super) fn login(
    config: &Config,
    databases: &Databases,
    hasher: &Hasher,
    policies: &Policies,
    keys: &SigningKeys,
) -> Login {
    Login::new(login::Means {
        hasher: hasher.clone(),
        throttle: Throttle::new(databases.master()),
        policies: policies.clone(),
        keys: keys.clone(),
        admin_mfa_required: config.security.admin_mfa_required,
    })
}

/// Replacing passwords.
pub(super) fn password_resets(databases: &Databases, hasher: &Hasher, letters: &Letters) -> PasswordResets {
    PasswordResets::new(password_resets::Means {
        hasher: hasher.clone(),
        throttle: Throttle::new(databases.master()),
        links: letters.links.clone(),
        mail_from: letters.from.clone(),
    })
}
