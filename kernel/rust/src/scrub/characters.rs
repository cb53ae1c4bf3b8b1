//! The bytes of the characters of a class.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::symbols::{Symbols, Window};

/// Those that are characters by themselves.
pub fn single(class: &Class) -> Symbols {
    let range = |all: Symbols, (first, last): (u8, u8)| all.range(first, last);
    match class {
        Class::Bytes(class) => {
            class.ranges().iter().map(|one| (one.start(), one.end())).fold(Symbols::default(), range)
        }
        Class::Unicode(class) => {
            let ascii = class.ranges().iter().filter(|one| one.start().is_ascii());
            ascii.map(|one| (one.start() as u8, one.end().min('\x7f') as u8)).fold(Symbols::default(), range)
        }
    }
}

/// The characters beyond ASCII, each as its bytes; none when there are more than `most`.
pub fn foreign(class: &Class, most: usize) -> Option<Vec<Window>> {
    let Class::Unicode(class) = class else { return Some(Vec::new()) };
    let ranges = class.ranges().iter().filter(|range| !range.end().is_ascii());
    let all = ranges.flat_map(|range| range.start().max('\u{80}')..=range.end());
    let few: Vec<char> = all.take(most + 1).collect();
    let bytes = |one: &char| one.encode_utf8(&mut [0; 4]).bytes().map(Symbols::of).collect();
    (few.len() <= most).then(|| few.iter().map(bytes).collect())
}

/// All bytes that a match may have.
pub fn bytes(hir: &Hir) -> Symbols {
    let any = |parts: &[Hir]| parts.iter().fold(Symbols::default(), |all, part| all.or(bytes(part)));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Symbols::default(),
        HirKind::Literal(literal) => literal.0.iter().fold(Symbols::default(), |all, &byte| all.range(byte, byte)),
        HirKind::Class(class) => match foreign(class, 0) {
            Some(_) => single(class),
            None => single(class).range(0x80, 0xff),
        },
        HirKind::Capture(capture) => bytes(&capture.sub),
        HirKind::Repetition(repetition) => bytes(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => any(parts),
    }
}
