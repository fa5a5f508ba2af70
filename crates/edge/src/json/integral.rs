//! JSON has no integers, only numbers: `39483.0` is as whole as `39483`, and so are they for JSON Schema.

/// The body with its whole numbers written without a fraction, if it has any that are written with one.
pub(super) fn without_zero_fractions(body: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(first) = rest.first() {
        let (token, kept) = match first {
            b'"' => (string_length(rest), None),
            b'-' | b'0'..=b'9' => {
                let length = number_length(rest);
                (length, whole_part(&rest[..length]))
            }
            _ => (1, None),
        };
        written.extend_from_slice(&rest[..kept.unwrap_or(token)]);
        rest = &rest[token..];
    }
    (written.len() < body.len()).then_some(written)
}

fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn number_length(text: &[u8]) -> usize {
    let inside = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    text.iter().position(|byte| !inside(byte)).unwrap_or(text.len())
}

/// How much of the number stands before a fraction of zeros.
fn whole_part(number: &[u8]) -> Option<usize> {
    let point = number.iter().position(|byte| *byte == b'.')?;
    let fraction = &number[point + 1..];
    (!fraction.is_empty() && fraction.iter().all(|byte| *byte == b'0')).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fractions_of_zeros_outside_of_text_go() {
        for (body, expected) in [
            (r#"{"a":1.0,"b":[-2.00,3]}"#, Some(r#"{"a":1,"b":[-2,3]}"#)),
            (
                r#"{"1.0":"2.0 \" 3.0","c":4.0}"#,
                Some(r#"{"1.0":"2.0 \" 3.0","c":4}"#),
            ),
            ("39483.0", Some("39483")),
            (r#"[1.5,1.05,1.0e1,1e2,1.,"1.0"]"#, None),
            (r#"["1.0 \"#, None),
            (r#"{"a":1}"#, None),
        ] {
            let found = without_zero_fractions(body.as_bytes());
            assert_eq!(found, expected.map(|text| text.as_bytes().to_vec()), "{body}");
        }
    }
}
