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

    /// How many bytes there are.
    pub fn count(&self) -> u32 {
        self.bytes.iter().map(|word| word.count_ones()).sum()
    }

    pub fn is_empty(&self) -> bool {
        *self == Symbols::default()
    }

    /// Not much of a hash, but a quick one.
    pub fn code(&self) -> u64 {
        let flags = u64::from(self.start) << 1 | u64::from(self.border);
        self.bytes.iter().fold(flags, |all, &word| {
            let mixed = (all ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^ mixed >> 29
        })
    }

    /// Whether there are letters only, and few.
    fn is_letter(&self) -> bool {
        !self.start && !self.border && self.and(LETTERS) == *self && self.count() < 5
    }

    /// How much of the time when one of them is met it is one of these.
    pub fn share_of(&self, these: Symbols) -> f64 {
        f64::from(self.and(these).weight()) / f64::from(self.weight().max(1))
    }

    /// How often one of the bytes is met, in units of `UNIT`.
    fn weight(&self) -> u32 {
        let mut sum = 0;
        for (&word, weights) in self.bytes.iter().zip(&WEIGHTS) {
            let mut left = word;
            for weights in weights {
                if left == 0 {
                    break;
                }
                sum += u32::from(weights[left as usize % 256]);
                left >>= 8;
            }
        }
        sum
    }

    /// How often one of them stands somewhere in the values of attributes, roughly.
    fn probability(&self) -> f64 {
        if self.border {
            return 1.0;
        }
        f64::from(self.weight() + if self.start { START } else { 0 }) / UNIT
    }
}

const fn of(bytes: &[u8]) -> Symbols {
    let (mut words, mut at) = ([0; 4], 0);
    while at < bytes.len() {
        words[bytes[at] as usize >> 6] |= 1 << (bytes[at] & 63);
        at += 1;
    }
    Symbols { bytes: words, start: false, border: false }
}

const LETTERS: Symbols = of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
const FREQUENT: Symbols = of(b"aeinorst");
const SLASH: Symbols = of(b"/");
const COLON: Symbols = of(b":");

/// Weights are ten-thousandths.
const UNIT: f64 = 10_000.0;
/// Of the place before the first byte of a text.
const START: u32 = 200;

/// How often a byte is met in the values of attributes, roughly.
const fn weight(byte: u8) -> u16 {
    match byte {
        b'e' => 600,
        b'a' | b't' | b'o' | b'i' | b'n' | b's' | b'r' => 450,
        b'j' | b'q' | b'x' | b'z' => 50,
        b'a'..=b'z' => 200,
        b'0'..=b'9' | b'/' | b'-' | b' ' | b'.' => 280,
        b'_' | b':' => 120,
        b'A'..=b'Z' | b'=' | b'&' | b'?' | b',' | b'"' | b'(' | b')' => 50,
        b'+' | b'%' | b'\'' | b';' => 20,
        b'@' => 1,
        0x80.. => 3,
        _ => 7,
    }
}

/// For each eight neighbours by what is set of them: their weights together.
static WEIGHTS: [[[u16; 256]; 8]; 4] = weights();

const fn weights() -> [[[u16; 256]; 8]; 4] {
    let mut all = [[[0; 256]; 8]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut set = 0;
        while set < 256 {
            if set >> (byte & 7) & 1 == 1 {
                all[byte >> 6][byte >> 3 & 7][set] += weight(byte as u8);
            }
            set += 1;
        }
        byte += 1;
    }
    all
}

/// The same as a probability.
pub fn frequency(byte: u8) -> f64 {
    f64::from(weight(byte)) / UNIT
}

/// How often symbols are met, alone and behind others.
#[derive(Debug, Clone, Copy)]
pub struct Odds {
    alone: f64,
    /// Behind a letter.
    in_word: f64,
    /// Behind the same again.
    again: f64,
    letter: bool,
    slash: bool,
    colon: bool,
}

/// So many times more often the most frequent letters stand behind a letter than anywhere.
const IN_WORDS: f64 = 2.0;

impl Odds {
    pub fn of(symbols: &Symbols) -> Odds {
        let (alone, letter) = (symbols.probability(), symbols.is_letter());
        let in_word = if letter { alone * symbols.share_of(FREQUENT).mul_add(IN_WORDS - 1.0, 1.0) } else { alone };
        let again = match (symbols.has(b'0') && symbols.has(b'9'), symbols.has(b'a') && symbols.has(b'f')) {
            (true, true) => 0.85,
            (true, false) => 0.65,
            _ => 0.5,
        };
        Odds { alone, in_word, again, letter, slash: *symbols == SLASH, colon: *symbols == COLON }
    }

    /// How often it fits there, and how often behind what stands before: the same class again is no surprise (least of
    /// all in hex), nor are a slash behind a colon and the letters that words are made of.
    pub fn behind(&self, before: &Odds, same: bool) -> (f64, f64) {
        let alone = if self.letter && before.letter { self.in_word } else { self.alone };
        let usual = same || (self.slash && before.colon);
        (alone, if usual { alone.max(self.again) } else { alone })
    }

    pub fn alone(&self) -> f64 {
        self.alone
    }
}

/// For each place of a window how often it fits there, roughly, and how often after the places before it.
fn chances(window: &[Symbols]) -> Vec<(f64, f64)> {
    let mut before: Option<(&Symbols, Odds)> = None;
    let place = |symbols| {
        let odds = Odds::of(symbols);
        let chances = before.map_or((odds.alone, odds.alone), |(last, its)| odds.behind(&its, last == symbols));
        before = Some((symbols, odds));
        chances
    };
    window.iter().map(place).collect()
}

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
