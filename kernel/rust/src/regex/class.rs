//! Character classes: Perl's, POSIX's and Unicode's, with RE2's case folding.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::names::SCRIPTS;

const CATEGORIES: &[&str] = &[
    "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd",
    "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// A class under construction.
pub struct Builder {
    class: ClassUnicode,
    fold: bool,
}

impl Builder {
    pub fn new(fold: bool) -> Self {
        Builder { class: ClassUnicode::empty(), fold }
    }

    /// Adds a range of code points; surrogates stand in no text and are left out.
    pub fn range(&mut self, low: u32, high: u32) {
        for (low, high) in [(low, high.min(0xd7ff)), (low.max(0xe000), high)] {
            if let (true, Some(low), Some(high)) = (low <= high, char::from_u32(low), char::from_u32(high)) {
                self.add(&ClassUnicode::new([ClassUnicodeRange::new(low, high)]), false);
            }
        }
    }

    /// Adds a class or, when `negated`, what it leaves out; folding comes before negation.
    pub fn add(&mut self, class: &ClassUnicode, negated: bool) {
        let mut class = class.clone();
        if self.fold {
            // Cannot fail: the crate is built with the folding tables.
            let _ = class.try_case_fold_simple();
        }
        if negated {
            class.negate();
        }
        self.class.union(&class);
    }

    pub fn finish(mut self, negated: bool) -> Hir {
        if negated {
            self.class.negate();
        }
        Hir::class(Class::Unicode(self.class))
    }
}

fn ascii(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(low, high)| ClassUnicodeRange::new(low, high)))
}

/// `\d \s \w` and their negations by the letter after the backslash.
pub fn perl(letter: char) -> Option<(ClassUnicode, bool)> {
    let class = match letter.to_ascii_lowercase() {
        'd' => ascii(&[('0', '9')]),
        's' => ascii(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')]),
        'w' => ascii(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => return None,
    };
    Some((class, letter.is_ascii_uppercase()))
}

/// A POSIX class by its name without brackets, colons and `^`.
pub fn posix(name: &str) -> Option<ClassUnicode> {
    Some(match name {
        "alnum" => ascii(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        "alpha" => ascii(&[('A', 'Z'), ('a', 'z')]),
        "ascii" => ascii(&[('\0', '\x7f')]),
        "blank" => ascii(&[('\t', '\t'), (' ', ' ')]),
        "cntrl" => ascii(&[('\0', '\x1f'), ('\x7f', '\x7f')]),
        "digit" => ascii(&[('0', '9')]),
        "graph" => ascii(&[('!', '~')]),
        "lower" => ascii(&[('a', 'z')]),
        "print" => ascii(&[(' ', '~')]),
        "punct" => ascii(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "space" => ascii(&[('\t', '\r'), (' ', ' ')]),
        "upper" => ascii(&[('A', 'Z')]),
        "word" => ascii(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        "xdigit" => ascii(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        _ => return None,
    })
}

/// A Unicode category or script by the name RE2 knows it under.
pub fn unicode(name: &str) -> Option<ClassUnicode> {
    match name {
        "Any" => Some(ascii(&[('\0', char::MAX)])),
        "Cs" => Some(ClassUnicode::empty()),
        // Unlike Unicode's, RE2's `C` leaves out what is not assigned.
        "C" => ["Cc", "Cf", "Co"].iter().try_fold(ClassUnicode::empty(), |mut sum, part| {
            sum.union(&table(&format!("gc={part}"))?);
            Some(sum)
        }),
        _ if CATEGORIES.contains(&name) => assigned(table(&format!("gc={name}"))?),
        _ if SCRIPTS.contains(&name) => assigned(table(&format!("sc={name}"))?),
        _ => None,
    }
}

/// Only what RE2's tables know too: code points that were assigned up to their version of Unicode.
fn assigned(mut class: ClassUnicode) -> Option<ClassUnicode> {
    class.intersect(&table("age=15.1")?);
    Some(class)
}

fn table(query: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(&format!(r"\p{{{query}}}")).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(ClassUnicode::new(text.chars().map(|one| ClassUnicodeRange::new(one, one))))
        }
        _ => None,
    }
}

/// Whether a character may stand in the name of a group.
pub fn in_group_name(letter: char) -> bool {
    letter == '_'
        || letter.is_ascii_alphanumeric()
        || (!letter.is_ascii()
            && ["L", "Mn", "Mc", "Nd", "Nl", "Pc"].iter().any(|name| {
                unicode(name)
                    .is_some_and(|class| class.iter().any(|range| range.start() <= letter && letter <= range.end()))
            }))
}
