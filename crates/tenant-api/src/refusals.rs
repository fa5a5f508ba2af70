//! How failures that several nouns share become problems.

use edge::ProblemResponse;
use kernel::{Code, FieldError, Problem};
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

/// Passes when the text of this parameter, if it is given, is a line of 1 to 200 characters.
pub(crate) fn out_of_bounds(name: &str, text: Option<&str>) -> Result<(), ProblemResponse> {
    let fits =
        |text: &str| (1..=200).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control);
    if text.is_none_or(fits) {
        return Ok(());
    }
    let detail = "must be one line of 1 to 200 characters";
    Err(invalid(Invalid(vec![FieldError::new(
        format!("?{name}"),
        detail,
    )])))
}

/// An error's text as a sentence.
pub(crate) fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), characters.as_str())
    })
}
