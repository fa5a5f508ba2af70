//! Sheets of paper, written from the top down. What is drawn is kept until the end, when it is known how many sheets there are.

use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;

use super::super::document::{Colour, InvoiceDocument};
use super::letters::Letters;
use super::{LEFT, RIGHT, faces};

/// A4, in points.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
const TOP: f32 = 50.0;
const BOTTOM: f32 = 780.0;
const FOOT: f32 = 806.0;

const BLACK: Colour = Colour {
    red: 0x1b,
    green: 0x1f,
    blue: 0x24,
};
const GREY: Colour = Colour {
    red: 0x57,
    green: 0x60,
    blue: 0x6a,
};
const PALE: Colour = Colour {
    red: 0xd0,
    green: 0xd7,
    blue: 0xde,
};

/// How something is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) size: f32,
    pub(super) bold: bool,
    ink: Ink,
}

#[derive(Debug, Clone, Copy)]
enum Ink {
    Black,
    Grey,
    Accent,
}

impl Pen {
    pub(super) const fn plain(size: f32) -> Self {
        Self {
            size,
            bold: false,
            ink: Ink::Black,
        }
    }

    pub(super) const fn bold(size: f32) -> Self {
        Self {
            size,
            bold: true,
            ink: Ink::Black,
        }
    }

    pub(super) const fn grey(self) -> Self {
        Self {
            ink: Ink::Grey,
            ..self
        }
    }

    pub(super) const fn accent(self) -> Self {
        Self {
            ink: Ink::Accent,
            ..self
        }
    }
}

enum Mark {
    Text {
        x: f32,
        y: f32,
        text: String,
        pen: Pen,
    },
    Rule {
        from: f32,
        to: f32,
        y: f32,
        thickness: f32,
        accent: bool,
    },
}

/// The sheets so far.
pub(super) struct Sheets<'a> {
    pub(super) letters: Letters,
    document: &'a InvoiceDocument,
    pages: Vec<Vec<Mark>>,
    y: f32,
}

impl<'a> Sheets<'a> {
    pub(super) fn new(document: &'a InvoiceDocument) -> Self {
        Self {
            letters: faces(),
            document,
            pages: vec![Vec::new()],
            y: TOP,
        }
    }

    /// Goes down; on to a new sheet where this one ends.
    pub(super) fn advance(&mut self, by: f32) {
        self.y += by;
        if self.y > BOTTOM {
            self.pages.push(Vec::new());
            self.y = TOP + by;
        }
    }

    /// Turns to a new sheet where so much does not fit on this one; whether it did.
    pub(super) fn turn(&mut self, room: f32) -> bool {
        let turns = self.y + room > BOTTOM;
        if turns {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
        turns
    }

    pub(super) fn left(&mut self, x: f32, text: &str, pen: Pen) {
        let (y, text) = (self.y, text.to_owned());
        self.mark(Mark::Text { x, y, text, pen });
    }

    /// Ends at `x`; smaller where it would be wider than it may.
    pub(super) fn right(&mut self, x: f32, text: &str, pen: Pen, most: f32) {
        let width = self.letters.width(text, pen);
        let size = if width > most {
            pen.size * most / width
        } else {
            pen.size
        };
        let pen = Pen { size, ..pen };
        let x = x - self.letters.width(text, pen);
        self.left(x, text, pen);
    }

    pub(super) fn rule(&mut self, from: f32, to: f32, thickness: f32, accent: bool) {
        let y = self.y;
        self.mark(Mark::Rule {
            from,
            to,
            y,
            thickness,
            accent,
        });
    }

    fn mark(&mut self, mark: Mark) {
        self.pages.last_mut().expect("there is always a sheet").push(mark);
    }

    /// Numbers the sheets and draws them.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let (words, count) = (self.document.language.words(), self.pages.len());
        let title = self.document.title();
        let mut written = Document::new_with(SerializeSettings {
            xmp_metadata: true,
            ..SerializeSettings::default()
        });
        written.set_metadata(self.metadata(&title));
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).expect("paper has an extent");
        for index in 0..count {
            let pen = Pen::plain(8.0).grey();
            let number = words.page(index + 1, count);
            let mut marks = std::mem::take(&mut self.pages[index]);
            let x = RIGHT - self.letters.width(&number, pen);
            let foot = self.letters.wrapped(&title, pen, x - LEFT - 20.0).swap_remove(0);
            for (x, text) in [(LEFT, foot), (x, number)] {
                marks.push(Mark::Text {
                    x,
                    y: FOOT,
                    text,
                    pen,
                });
            }
            let mut page = written.start_page_with(settings.clone());
            let mut surface = page.surface();
            for mark in &marks {
                self.draw(&mut surface, mark);
            }
            surface.finish();
            page.finish();
        }
        written
            .finish()
            .expect("embedded fonts and no validator leave nothing to fail")
    }

    /// Without a date: the document's own is on it, and the same document is the same bytes.
    fn metadata(&self, title: &str) -> Metadata {
        Metadata::new()
            .title(title.to_owned())
            .authors(vec![self.document.seller.name.clone()])
            .language(self.document.language.tag().to_owned())
            .document_id(title.to_owned())
    }

    fn draw(&self, surface: &mut Surface<'_>, mark: &Mark) {
        match mark {
            Mark::Text { x, y, text, pen } => {
                surface.set_fill(Some(fill(self.colour(pen.ink))));
                let glyphs = self.letters.glyphs(text, *pen);
                let font = self.letters.font(*pen);
                surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font, text, pen.size, false);
            }
            Mark::Rule {
                from,
                to,
                y,
                thickness,
                accent,
            } => {
                let colour = if *accent {
                    self.document.branding.accent
                } else {
                    PALE
                };
                surface.set_fill(Some(fill(colour)));
                let mut path = PathBuilder::new();
                path.push_rect(Rect::from_ltrb(*from, *y, *to, y + thickness).expect("a rule has an extent"));
                if let Some(path) = path.finish() {
                    surface.draw_path(&path);
                }
            }
        }
    }

    const fn colour(&self, ink: Ink) -> Colour {
        match ink {
            Ink::Black => BLACK,
            Ink::Grey => GREY,
            Ink::Accent => self.document.branding.accent,
        }
    }
}

fn fill(colour: Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(colour.red, colour.green, colour.blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}
