//! Rust source with everything that is not code blanked out, so that a rule can search for a word without
//! stumbling over a comment or a string. A lexer of the few tokens that matter, not a parser.

/// Replaces the inside of comments, strings and character literals by spaces; lines keep their numbers.
pub(crate) fn only_code(source: &str) -> String {
    let mut rest = source;
    let mut previous = ' ';
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let inside_a_word = is_word(previous) && is_word(first);
        let skipped = if inside_a_word { 0 } else { token(rest) };
        let length = if skipped == 0 { first.len_utf8() } else { skipped };
        let (head, tail) = rest.split_at(length);
        if skipped == 0 {
            code.push(first);
        } else {
            code.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        previous = if skipped == 0 { first } else { ' ' };
        rest = tail;
    }
    code
}

/// The numbers of the lines on which the word stands alone, in code from [`only_code`].
pub(crate) fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let stands_alone = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back().unwrap_or(' ');
            let after = line[at + word.len()..].chars().next().unwrap_or(' ');
            !is_word(before) && !is_word(after)
        })
    };
    code.lines()
        .enumerate()
        .filter(|(_, line)| stands_alone(line))
        .map(|(index, _)| index + 1)
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment or literal that the text starts with; 0 if it starts with neither.
fn token(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let unprefixed = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - unprefixed.len();
    if prefix > 1 {
        return 0;
    }
    let found = [
        raw_string(unprefixed),
        plain_string(unprefixed),
        character(unprefixed),
    ];
    found
        .into_iter()
        .find(|length| *length > 0)
        .map_or(0, |length| prefix + length)
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn raw_string(text: &str) -> usize {
    let Some(after) = text.strip_prefix('r') else {
        return 0;
    };
    let hashes = after.len() - after.trim_start_matches('#').len();
    let Some(content) = after[hashes..].strip_prefix('"') else {
        return 0;
    };
    let close = format!("\"{}", "#".repeat(hashes));
    let opening = text.len() - content.len();
    content
        .find(&close)
        .map_or(text.len(), |at| opening + at + close.len())
}

fn plain_string(text: &str) -> usize {
    if !text.starts_with('"') {
        return 0;
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A character literal; a lifetime (`'a` without a closing quote) is none.
fn character(text: &str) -> usize {
    let Some(content) = text.strip_prefix('\'') else {
        return 0;
    };
    let mut chars = content.char_indices();
    match chars.next() {
        Some((_, '\\')) => content[2..].find('\'').map_or(0, |at| at + 4),
        Some((_, c)) if content[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_vanish_and_lines_stay() {
        let source = "let a = x// todo!()\n+\"todo!(\\\" x\"; // todo!()\n/* a /* b */ todo!() */ let b = r#\"todo!(\"\"#;\nf('\"', 'x', b'\\'', '\\u{1F600}', b\"t\");";
        let code = only_code(source);
        assert!(!code.contains("todo"), "{code}");
        assert_eq!(code.lines().count(), 4);
        assert!(code.contains("let b =") && code.contains("f("), "{code}");
    }

    #[test]
    fn lifetimes_raw_identifiers_and_code_stay() {
        let source = "fn f<'a, 'b>(x: &'a str, r#type: &'b str) -> &'static str { todo!() }";
        assert_eq!(only_code(source), source);
    }

    #[test]
    fn a_word_is_whole() {
        let code = "PgPool;\nPgPoolOptions;\nMyPgPool; sqlx::PgPool";
        assert_eq!(lines_with_word(code, "PgPool"), [1, 3]);
    }
}
