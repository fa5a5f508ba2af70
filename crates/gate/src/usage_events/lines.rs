//! Taking lines out of pieces, without holding more than a line.

use metering::events::{Reading, Reason, Refusal};

use super::ReadEvent;

/// The longest line; no event that could be counted is longer.
pub(super) const LONGEST: usize = 64 * 1024;

/// What has come and is no whole line yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    /// Whether the line is too long, and is left out up to its end.
    overlong: bool,
}

impl Lines {
    /// Takes a piece, and hands out the events of the lines that end in it with their length in bytes.
    pub(super) fn push(&mut self, piece: &[u8], mut event: impl FnMut(ReadEvent, usize)) {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if self.begun.is_empty() && !self.overlong && line.len() <= LONGEST {
                if let Some(read) = Reading::line(line) {
                    event(read, line.len());
                }
            } else {
                self.extend(line);
                self.end(&mut event);
            }
            rest = after;
        }
        self.extend(rest);
    }

    /// The stream ended, perhaps without a line break.
    pub(super) fn finish(&mut self, mut event: impl FnMut(ReadEvent, usize)) {
        self.end(&mut event);
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.overlong || self.begun.len() + bytes.len() > LONGEST {
            self.overlong = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn end(&mut self, event: &mut impl FnMut(ReadEvent, usize)) {
        if std::mem::take(&mut self.overlong) {
            let detail = format!("the line is longer than {LONGEST} bytes");
            event(Err(Refusal::new(Reason::Invalid, detail)), 0);
        } else if let Some(read) = Reading::line(&self.begun) {
            event(read, self.begun.len());
        }
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let mut keep = |read: ReadEvent, _| {
            found.push(read.map_or_else(|refusal| format!("{:?}", refusal.reason), |event| event.id));
        };
        for piece in text.as_bytes().chunks(piece) {
            lines.push(piece, &mut keep);
        }
        lines.finish(&mut keep);
        found
    }

    #[test]
    fn pieces_do_not_matter() {
        let event = |id: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"t"}}"#);
        let long = "x".repeat(LONGEST + 1);
        let text = format!(
            "{}\r\n\n  \n{}\n{long}\nno\n{}",
            event("a"),
            event("b"),
            event("c")
        );
        for piece in [1, 7, 1000, 1 << 20] {
            assert_eq!(
                read(&text, piece),
                ["a", "b", "Invalid", "Invalid", "c"],
                "{piece}"
            );
        }
        assert!(read("", 1).is_empty() && read("\n\n", 1).is_empty());
    }
}
