//! What stands at one place of a window: sets of bytes, and how often they are met.

/// A set of bytes, and perhaps the place before the first byte of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbols {
    bytes: [u64; 4],
    pub start: bool,
    /// Not a byte, but the border of a word before what follows; it stands first and for itself.
    pub border: bool,
}

/// What stands next to each other; only the first may be the start of the text.
pub type Window = Vec<Symbols>;

/// What a position of a window costs, as a probability: windows should be rare, but also short.
const POSITION: f64 = 2e-6;

impl Symbols {
    pub const START: Symbols = Symbols { bytes: [0; 4], start: true, border: false };
    pub const BORDER: Symbols = Symbols { bytes: [0; 4], start: false, border: true };

    pub fn of(byte: u8) -> Symbols {
        Symbols::default().range(byte, byte)
    }

    /// ASCII letters, digits and `_`.
    pub fn word() -> Symbols {
        Symbols::of(b'_').range(b'0', b'9').range(b'A', b'Z').range(b'a', b'z')
    }

    pub fn range(mut self, first: u8, last: u8) -> Symbols {
        for byte in first..=last {
            if let Some(word) = self.bytes.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        self
    }

    pub fn has(&self, byte: u8) -> bool {
        self.bytes.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    pub fn or(mut self, other: Symbols) -> Symbols {
        for (word, its) in self.bytes.iter_mut().zip(other.bytes) {
            *word |= its;
        }
        Symbols { start: self.start | other.start, border: self.border | other.border, ..self }
    }

    /// The bytes that are in the other set too.
    pub fn and(mut self, other: Symbols) -> Symbols {
        for (word, its) in self.bytes.iter_mut().zip(other.bytes) {
            *word &= its;
        }
        Symbols { bytes: self.bytes, ..Symbols::default() }
    }

    /// All other bytes.
    pub fn not(self) -> Symbols {
        Symbols { bytes: self.bytes.map(|word| !word), ..Symbols::default() }
    }

    pub fn without_border(self) -> Symbols {
        Symbols { border: false, ..self }
    }

    /// The bytes alone.
    pub fn bytes(self) -> Symbols {
        Symbols { bytes: self.bytes, ..Symbols::default() }
    }

    pub fn is_empty(&self) -> bool {
        *self == Symbols::default()
    }

    /// Whether there are letters only, and few.
    fn is_letter(&self) -> bool {
        let letters = Symbols::default().range(b'a', b'z').range(b'A', b'Z');
        self.bytes.iter().map(|word| word.count_ones()).sum::<u32>() < 5 && !self.start && letters.or(*self) == letters
    }

    /// How much of the time when one of them is met it is one of these.
    fn share_of(&self, bytes: &[u8]) -> f64 {
        let these: f64 = bytes.iter().filter(|&&byte| self.has(byte)).map(|&byte| frequency(byte)).sum();
        these / self.probability().max(f64::MIN_POSITIVE)
    }

    /// How often one of them stands somewhere in the values of attributes, roughly.
    fn probability(&self) -> f64 {
        if self.border {
            return 1.0;
        }
        let mut sum = if self.start { 0.02 } else { 0.0 };
        for (high, &word) in (0u8..).zip(&self.bytes) {
            let mut left = word;
            while left != 0 {
                sum += frequency(high << 6 | left.trailing_zeros() as u8);
                left &= left - 1;
            }
        }
        sum
    }
}

/// How often a byte is met in the values of attributes, roughly.
pub fn frequency(byte: u8) -> f64 {
    match byte {
        b'e' => 0.06,
        b'a' | b't' | b'o' | b'i' | b'n' | b's' | b'r' => 0.045,
        b'j' | b'q' | b'x' | b'z' => 0.005,
        b'a'..=b'z' => 0.02,
        b'0'..=b'9' | b'/' | b'-' | b' ' | b'.' => 0.028,
        b'_' | b':' => 0.012,
        b'A'..=b'Z' | b'=' | b'&' | b'?' | b',' | b'"' | b'(' | b')' => 0.005,
        b'+' | b'%' | b'\'' | b';' => 0.002,
        b'@' => 0.0001,
        0x80.. => 0.0003,
        _ => 0.0007,
    }
}

/// For each place of a window how often it fits there, roughly, and how often after the places before it: the same class
/// again is no surprise (least of all in hex), nor are a slash after a colon and the letters that words are made of.
fn chances(window: &[Symbols]) -> Vec<(f64, f64)> {
    let mut before = None;
    let place = |symbols: &Symbols| {
        let alone = symbols.probability();
        let slash = *symbols == Symbols::of(b'/') && before == Some(Symbols::of(b':'));
        let word = before.is_some_and(|before| before.is_letter()) && symbols.is_letter();
        let alone = if word { alone * symbols.share_of(b"aeinorst").mul_add(IN_WORDS - 1.0, 1.0) } else { alone };
        let usual = before.replace(*symbols) == Some(*symbols) || slash;
        let again = match (symbols.has(b'0') && symbols.has(b'9'), symbols.has(b'a') && symbols.has(b'f')) {
            (true, true) => 0.85,
            (true, false) => 0.65,
            _ => 0.5,
        };
        (alone, if usual { alone.max(again) } else { alone })
    };
    window.iter().map(place).collect()
}

/// So many times more often the most frequent letters stand behind a letter than anywhere.
const IN_WORDS: f64 = 2.0;

/// What a window (or a part of one) costs: how often it is found at a place, and how long it is.
fn price(chances: &[(f64, f64)]) -> f64 {
    found(chances) + POSITION * chances.len() as f64
}

fn found(chances: &[(f64, f64)]) -> f64 {
    let Some(((first, _), rest)) = chances.split_first() else {
        return 1.0;
    };
    rest.iter().fold(*first, |product, (_, after)| product * after)
}

/// How often a window is found at a place of a text, roughly.
pub fn probability(window: &[Symbols]) -> f64 {
    found(&chances(window))
}

/// What windows cost; 1 or more when one is empty.
pub fn cost(windows: &[Window]) -> f64 {
    windows.iter().map(|window| cost_of(window)).sum()
}

/// What one window costs.
pub fn cost_of(window: &[Symbols]) -> f64 {
    price(&chances(window))
}

/// The part of a window that costs least, of at most so many places.
pub fn trimmed(window: &[Symbols], longest: usize) -> Window {
    let chances = chances(window);
    let parts = (1..=longest.min(window.len())).flat_map(|size| chances.windows(size).zip(window.windows(size)));
    let best = parts.min_by(|(one, _), (two, _)| price(one).total_cmp(&price(two)));
    best.map_or(&[][..], |(_, part)| part).to_vec()
}
