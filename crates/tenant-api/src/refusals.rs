//! How failures that several nouns share become problems.

use edge::ProblemResponse;
use kernel::{Code, Problem};
use workspace::Invalid;

/// Fields that are not valid. A filter is part of the address, not of a body.
pub(crate) fn invalid(Invalid(errors): Invalid) -> ProblemResponse {
    let in_address = errors.iter().any(|error| error.pointer.starts_with('?'));
    let code = if in_address {
        Code::InvalidParameter
    } else {
        Code::ValidationFailed
    };
    Problem {
        code,
        detail: String::new(),
        errors,
    }
    .into()
}

/// An error's text as a sentence.
pub(crate) fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}
