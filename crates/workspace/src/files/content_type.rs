//! What a file's bytes are. The first bytes decide; the uploader's word counts only where it fits them.

/// So many bytes from the beginning are looked at.
pub(super) const HEAD: usize = 8 * 1024;

/// What nothing is known of.
const UNKNOWN: &str = "application/octet-stream";

/// Types that a browser shows without running anything in them. Everything else is to be offered for download.
const INLINE: [&str; 14] = [
    "application/pdf",
    "audio/mpeg",
    "audio/ogg",
    "audio/x-flac",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "video/mp4",
    "video/webm",
];

/// Whether content of this type may be shown in the page of the tenant's own host. SVG, HTML and XML may not: they
/// can carry scripts.
pub fn is_inline_safe(content_type: &str) -> bool {
    INLINE.contains(&content_type)
}

/// The type of content that begins with these bytes and was declared to be of that type.
pub(super) fn of(head: &[u8], declared: Option<&str>) -> String {
    let declared = declared.and_then(essence);
    let text = is_text(head);
    match infer::get(head)
        .map(|kind| kind.mime_type())
        .filter(|sniffed| !text || written_as_text(sniffed))
    {
        Some(sniffed) => declared
            .filter(|declared| refines(declared, sniffed))
            .unwrap_or_else(|| sniffed.to_owned()),
        None => declared
            .filter(|declared| text && is_text_type(declared))
            .unwrap_or_else(|| UNKNOWN.to_owned()),
    }
}

/// `type/subtype` in small letters, without parameters (RFC 9110 §8.3.1); nothing where that is not well formed.
fn essence(declared: &str) -> Option<String> {
    let essence = declared.split(';').next()?.trim().to_ascii_lowercase();
    let token = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        (1..=127).contains(&text.len()) && text.bytes().all(allowed)
    };
    let (kind, subtype) = essence.split_once('/')?;
    (token(kind) && token(subtype)).then_some(essence)
}

/// Whether none of the bytes is one that only binary formats have (WHATWG MIME Sniffing §3, "binary data byte").
fn is_text(head: &[u8]) -> bool {
    !head
        .iter()
        .any(|byte| matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f))
}

/// Formats that can be text throughout. Of the others some begin with so few letters (`BM`, `MZ`) that ordinary text
/// begins with them too.
fn written_as_text(sniffed: &str) -> bool {
    sniffed.starts_with("text/")
        || matches!(
            sniffed,
            "application/pdf" | "application/rtf" | "application/postscript"
        )
}

fn is_text_type(declared: &str) -> bool {
    const OTHERS: [&str; 6] = [
        "application/json",
        "application/sql",
        "application/toml",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
    ];
    declared.starts_with("text/")
        || declared.ends_with("+json")
        || declared.ends_with("+xml")
        || declared.ends_with("+yaml")
        || OTHERS.contains(&declared)
}

/// Whether the declared type is a format within the one that was recognised.
fn refines(declared: &str, sniffed: &str) -> bool {
    let within = |names: &[&str], prefixes: &[&str]| {
        names.contains(&declared) || prefixes.iter().any(|prefix| declared.starts_with(prefix))
    };
    match sniffed {
        "application/zip" => within(
            &["application/epub+zip", "application/java-archive"],
            &[
                "application/vnd.openxmlformats-officedocument.",
                "application/vnd.oasis.opendocument.",
            ],
        ),
        // All of old Microsoft Office begins alike.
        "application/msword" | "application/x-ole-storage" => {
            within(&["application/msword"], &["application/vnd.ms-"])
        }
        "text/xml" => declared == "application/xml" || declared.ends_with("+xml"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0";
    const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0";
    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

    #[test]
    fn the_first_bytes_decide() {
        for (head, declared, decided) in [
            (PNG, Some("image/png"), "image/png"),
            (PNG, Some("text/html"), "image/png"),
            (PNG, None, "image/png"),
            (
                b"<!DOCTYPE html>\n<script>".as_slice(),
                Some("image/png"),
                "text/html",
            ),
            (b"<html >", Some("text/plain"), "text/html"),
            (b"%PDF-1.7\nhello", Some("application/x-evil"), "application/pdf"),
            (ZIP, Some(DOCX), DOCX),
            (ZIP, Some("image/png"), "application/zip"),
            (OLE, Some("application/vnd.ms-excel"), "application/vnd.ms-excel"),
            (
                b"<?xml version=\"1.0\"?><svg/>",
                Some("image/svg+xml"),
                "image/svg+xml",
            ),
            (b"<?xml version=\"1.0\"?><a/>", Some("image/png"), "text/xml"),
        ] {
            assert_eq!(of(head, declared), decided, "{declared:?}");
        }
    }

    #[test]
    fn the_uploader_is_believed_about_text_only() {
        for (head, declared, decided) in [
            (
                b"a,b\n1,2\n".as_slice(),
                Some("text/csv; charset=utf-8"),
                "text/csv",
            ),
            (b"{}", Some("Application/JSON"), "application/json"),
            (b"gr\xfc\xdfe", Some("text/plain"), "text/plain"),
            (b"BMW,Audi", Some("text/csv"), "text/csv"),
            (b"MZ is no program", Some("text/plain"), "text/plain"),
            (b"", Some("text/plain"), "text/plain"),
            (b"hello", None, UNKNOWN),
            (b"hello", Some("image/png"), UNKNOWN),
            (b"hello", Some("text/plain\r\nX: y"), UNKNOWN),
            (b"hello", Some("text"), UNKNOWN),
            (b"\0\x01\x02", Some("text/plain"), UNKNOWN),
        ] {
            assert_eq!(of(head, declared), decided, "{declared:?}");
        }
    }

    #[test]
    fn nothing_that_runs_is_shown_inline() {
        for shown in ["image/png", "text/plain", "application/pdf"] {
            assert!(is_inline_safe(shown), "{shown}");
        }
        for offered in [
            "text/html",
            "image/svg+xml",
            "text/xml",
            "application/xhtml+xml",
            "text/javascript",
            UNKNOWN,
        ] {
            assert!(!is_inline_safe(offered), "{offered}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn any_bytes_have_a_type(
            magic in prop::sample::select(vec![b"".as_slice(), PNG, ZIP, OLE, b"PK\x03\x04", b"\x1aE\xdf\xa3", b"<?xml", b"RIFF", b"\x7fELF", b"\0\0\0\x18ftyp", b"II*\0"]),
            name in prop::sample::select(vec![b"".as_slice(), b"[Content_Types].xml", b"mimetype", b"_rels/.rels", b"docProps", b"word/"]),
            pad in 0..40_usize,
            rest in prop::collection::vec(any::<u8>(), 0..600),
            declared in prop::option::of("[a-zA-Z+/;. \r\n-]{0,40}"),
        ) {
            let head = [magic, &vec![0; pad], name, &rest].concat();
            let decided = of(&head, declared.as_deref());
            prop_assert!(essence(&decided).as_deref() == Some(&*decided), "{decided}");
        }
    }
}
