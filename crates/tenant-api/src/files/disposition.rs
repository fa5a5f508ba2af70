//! `Content-Disposition` (RFC 6266): what a file is called, read from uploads and written for downloads.

use std::borrow::Cow;

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but `attr-char` (RFC 8187 §3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The header for a download: shown in the page, or offered to be saved, under this name.
pub(super) fn header(inline: bool, name: &str) -> HeaderValue {
    let kind = if inline { "inline" } else { "attachment" };
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let exact = if plain == name {
        String::new()
    } else {
        format!("; filename*=UTF-8''{}", utf8_percent_encode(name, ENCODED))
    };
    let text = format!("{kind}; filename=\"{plain}\"{exact}");
    HeaderValue::try_from(text).expect("only visible ASCII and spaces are in it")
}

/// Characters that every client reads alike inside a quoted string (RFC 6266, appendix D).
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%')
}

/// The file name in an upload's header: `filename*` before `filename` (RFC 6266 §4.3).
pub(super) fn file_name(header: &str) -> Option<String> {
    let parameters = parameters(header);
    let named = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    named("filename*")
        .and_then(extended)
        .or_else(|| named("filename").map(str::to_owned))
}

/// `UTF-8'language'percent-encoded` (RFC 8187 §3.2).
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if charset.eq_ignore_ascii_case("utf-8") {
        decoded(encoded)
    } else {
        None
    }
}

/// Percent-encoded UTF-8; what is not encoded stays as it is.
pub(super) fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

/// The parameters behind the disposition's type, names in small letters.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted),
            None => token(after),
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = next;
    }
    found
}

fn token(text: &str) -> (String, &str) {
    let (value, rest) = text.split_once(';').unwrap_or((text, ""));
    (value.trim().to_owned(), rest)
}

/// A quoted string (RFC 9110 §5.6.4) behind its first quote, and what follows the next semicolon.
fn quoted_string(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.chars());
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    let rest = characters.as_str();
    (value, rest.split_once(';').map_or("", |(_, next)| next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_so_that_every_client_reads_them() {
        for (name, expected) in [
            ("report.pdf", r#"attachment; filename="report.pdf""#),
            ("my report (1).pdf", r#"attachment; filename="my report (1).pdf""#),
            (
                "Übersicht.pdf",
                r#"attachment; filename="_bersicht.pdf"; filename*=UTF-8''%C3%9Cbersicht.pdf"#,
            ),
            (
                "日本.txt",
                r#"attachment; filename="__.txt"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"#,
            ),
            (
                r#"a"b\c%41;.txt"#,
                r#"attachment; filename="a_b_c_41;.txt"; filename*=UTF-8''a%22b%5Cc%2541%3B.txt"#,
            ),
            (
                "a\r\nSet-Cookie: x",
                r#"attachment; filename="a__Set-Cookie: x"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x"#,
            ),
        ] {
            assert_eq!(header(false, name), expected, "{name}");
        }
        assert_eq!(header(true, "a.png"), r#"inline; filename="a.png""#);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for name in ["report.pdf", "Übersicht; 100%.pdf", r#"a"b\c.txt"#, "it's.txt"] {
            let written = header(false, name);
            assert_eq!(file_name(written.to_str().expect("ASCII")).as_deref(), Some(name));
        }
    }

    #[test]
    fn names_are_found_in_what_clients_send() {
        for (header, expected) in [
            (r#"attachment; filename="report.pdf""#, Some("report.pdf")),
            ("attachment;filename=report.pdf", Some("report.pdf")),
            ("attachment; FileName = report.pdf ; size=3", Some("report.pdf")),
            (r#"attachment; filename="a\"b;c.txt"; x=y"#, Some(r#"a"b;c.txt"#)),
            (
                r#"attachment; filename="EURO.txt"; filename*=utf-8'en'%e2%82%ac.txt"#,
                Some("€.txt"),
            ),
            (
                r#"attachment; filename*=latin-9''%A4.txt; filename="EURO.txt""#,
                Some("EURO.txt"),
            ),
            (
                r#"attachment; filename*=UTF-8''%ff; filename="EURO.txt""#,
                Some("EURO.txt"),
            ),
            ("attachment; filename=\"größe.txt\"", Some("größe.txt")),
            ("attachment", None),
            ("attachment; filename", None),
            ("filename=report.pdf", None),
            ("attachment; filename=\"open", Some("open")),
            ("", None),
        ] {
            assert_eq!(file_name(header).as_deref(), expected, "{header}");
        }
    }
}
