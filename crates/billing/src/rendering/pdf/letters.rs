//! Letters: their shapes and how wide they are.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider, charmap::Charmap};

use super::sheet::Pen;

/// A font's file.
pub(super) struct Face(&'static [u8]);

impl Face {
    pub(super) const REGULAR: Self = Self(include_bytes!("../fonts/DejaVuSansCondensed.ttf"));
    pub(super) const BOLD: Self = Self(include_bytes!("../fonts/DejaVuSansCondensed-Bold.ttf"));
}

/// Two weights of one family.
pub(super) struct Letters {
    plain: Weight,
    bold: Weight,
}

struct Weight {
    font: Font,
    characters: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    units: f32,
}

impl Letters {
    pub(super) fn new(plain: Face, bold: Face) -> Self {
        Self {
            plain: Weight::new(plain),
            bold: Weight::new(bold),
        }
    }

    fn of(&self, pen: Pen) -> &Weight {
        if pen.bold { &self.bold } else { &self.plain }
    }

    pub(super) fn font(&self, pen: Pen) -> Font {
        self.of(pen).font.clone()
    }

    /// The letters of a line, left to right, each knowing which part of the text it shows.
    pub(super) fn glyphs(&self, text: &str, pen: Pen) -> Vec<KrillaGlyph> {
        let weight = self.of(pen);
        let glyphs = text.char_indices().map(|(start, letter)| {
            let (glyph, advance) = weight.letter(letter);
            let range = start..start + letter.len_utf8();
            KrillaGlyph::new(glyph, advance, 0.0, 0.0, 0.0, range, None)
        });
        glyphs.collect()
    }

    /// In points.
    pub(super) fn width(&self, text: &str, pen: Pen) -> f32 {
        let weight = self.of(pen);
        text.chars()
            .map(|letter| weight.letter(letter).1 * pen.size)
            .sum()
    }

    /// The text in lines that are no wider; at least one. A word that is wider is broken.
    pub(super) fn wrapped(&self, text: &str, pen: Pen, width: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let line = lines.last_mut().expect("there is always a line");
            let gap = if line.is_empty() { "" } else { " " };
            let longer = format!("{line}{gap}{word}");
            if self.width(&longer, pen) <= width {
                *line = longer;
                continue;
            }
            let pieces = self.broken(word, pen, width);
            if line.is_empty() {
                lines.pop();
            }
            lines.extend(pieces);
        }
        lines
    }

    fn broken(&self, word: &str, pen: Pen, width: f32) -> Vec<String> {
        let (mut pieces, mut piece, mut wide) = (Vec::new(), String::new(), 0.0);
        for letter in word.chars() {
            let advance = self.of(pen).letter(letter).1 * pen.size;
            if wide + advance > width && !piece.is_empty() {
                pieces.push(std::mem::take(&mut piece));
                wide = 0.0;
            }
            piece.push(letter);
            wide += advance;
        }
        pieces.push(piece);
        pieces
    }
}

impl Weight {
    fn new(Face(data): Face) -> Self {
        let read = FontRef::new(data).expect("the embedded font is one");
        let font = Font::new(data.into(), 0).expect("the embedded font is one");
        Self {
            units: font.units_per_em(),
            font,
            characters: read.charmap(),
            metrics: read.glyph_metrics(Size::unscaled(), LocationRef::default()),
        }
    }

    /// Its shape, the box where there is none, and how wide it is at one point.
    fn letter(&self, letter: char) -> (GlyphId, f32) {
        let glyph = self.characters.map(letter).unwrap_or_default();
        let advance = self.metrics.advance_width(glyph).unwrap_or_default();
        (GlyphId::new(glyph.to_u32()), advance / self.units)
    }
}
