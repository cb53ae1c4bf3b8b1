//! The hash of a pattern's parts, which `regex-syntax` compares but does not hash.

use std::hash::{BuildHasher, Hash, Hasher};
use std::mem::discriminant;

use foldhash::fast::FixedState;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The same for equal parts.
pub fn hash(hir: &Hir) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    write(hir, &mut hasher);
    hasher.finish()
}

fn write(hir: &Hir, hasher: &mut impl Hasher) {
    discriminant(hir.kind()).hash(hasher);
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => literal.0.hash(hasher),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().for_each(|range| (range.start(), range.end()).hash(hasher));
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().for_each(|range| (range.start(), range.end()).hash(hasher));
        }
        HirKind::Look(look) => discriminant(look).hash(hasher),
        HirKind::Repetition(repetition) => {
            (repetition.min, repetition.max, repetition.greedy).hash(hasher);
            write(&repetition.sub, hasher);
        }
        HirKind::Capture(capture) => {
            capture.index.hash(hasher);
            write(&capture.sub, hasher);
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.len().hash(hasher);
            parts.iter().for_each(|part| write(part, hasher));
        }
    }
}
