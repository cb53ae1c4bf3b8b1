//! Validators with parameters: check digits as the standards of identifiers define them, and how random a text looks.

use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::spec::{given, listed, natural, need, only, shown, text, Outcome};

const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Of the text whose randomness is measured, in characters.
const MEASURED: usize = 256;

/// So many characters are looked at without asking for memory.
const FEW: usize = 32;
/// In a table of values: no value, and a character that does not count. Alphabets are shorter.
const NONE: usize = 254;
const DROPPED: u8 = 255;

/// The check digits of an identifier.
#[derive(Debug)]
pub struct Digits {
    algorithm: Algorithm,
    drop: String,
    replace: Vec<(String, String)>,
    alphabet: String,
    pad: usize,
    last: usize,
    front: String,
    sums: Vec<Sum>,
    table: Box<[u8; 256]>,
}

#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Sums,
    Luhn,
    Verhoeff,
    Mod1110,
}

/// A weighted sum: its rest is 0, or says what stands at a place.
#[derive(Debug)]
struct Sum {
    weights: Vec<usize>,
    modulus: usize,
    map: Option<Vec<u8>>,
    at: usize,
}

impl Digits {
    pub fn compile(spec: &Json) -> Outcome<Digits> {
        let all = ["digits", "drop", "replace", "alphabet", "pad", "last", "front", "sums"];
        let spec = only(Some(spec), &all, "check")?;
        let optional = |name: &str| spec.get(name).map_or(Ok(0), |one| natural(Some(one), name));
        let ascii = |name: &str, default: &str| match spec.get(name) {
            None => Ok(default.to_owned()),
            Some(one) => text(Some(one), name).and_then(|text| {
                need(text.is_ascii(), || "check: drop, alphabet and front are ASCII".to_owned())
                    .map(|()| text.to_owned())
            }),
        };
        let algorithm = match spec.get("digits").and_then(Json::as_str) {
            Some("sums") => Algorithm::Sums,
            Some("luhn") => Algorithm::Luhn,
            Some("verhoeff") => Algorithm::Verhoeff,
            Some("mod_11_10") => Algorithm::Mod1110,
            _ => return Err(format!("check: digits: unknown {}", shown(spec.get("digits")))),
        };
        let (pad, last) = (optional("pad")?, optional("last")?);
        need(pad.max(last) <= 64, || "check: pad and last are at most 64".to_owned())?;
        let list = |name: &str| spec.get(name).map_or(Ok(&[][..]), |one| listed(Some(one), name));
        Ok(Digits {
            algorithm,
            drop: ascii("drop", "")?,
            replace: list("replace")?.iter().map(pair).collect::<Outcome<_>>()?,
            alphabet: ascii("alphabet", ALPHABET)?,
            pad,
            last,
            front: ascii("front", "")?,
            table: table(&ascii("alphabet", ALPHABET)?, &ascii("drop", "")?),
            sums: list("sums")?.iter().map(Sum::compile).collect::<Outcome<_>>()?,
        })
    }

    pub fn passes(&self, found: &str) -> bool {
        let mut memory = [0; FEW];
        match self.few(found, &mut memory) {
            Some(values) => values.iter().all(|&value| value < NONE) && self.holds(values),
            None => self.values(found).is_some_and(|values| self.holds(&values)),
        }
    }

    fn holds(&self, values: &[usize]) -> bool {
        let holds = match self.algorithm {
            Algorithm::Sums => !values.is_empty(),
            Algorithm::Luhn => decimal(values) && luhn(values),
            Algorithm::Verhoeff => decimal(values) && verhoeff(values),
            Algorithm::Mod1110 => decimal(values) && mod_11_10(values),
        };
        holds && self.sums.iter().all(|sum| sum.holds(values, &self.alphabet))
    }

    /// The values of the characters, `NONE` for those without, where they are few and nothing is to be put between or before
    /// them.
    fn few<'a>(&self, found: &str, memory: &'a mut [usize; FEW]) -> Option<&'a [usize]> {
        if !self.replace.is_empty() || !self.front.is_empty() {
            return None;
        }
        let mut size = 0;
        for value in found.bytes().filter_map(|byte| self.table.get(usize::from(byte))) {
            if *value != DROPPED {
                *memory.get_mut(size)? = usize::from(*value);
                size += 1;
            }
        }
        let skip = if self.last == 0 { 0 } else { size.saturating_sub(self.last) };
        if size < self.pad {
            None
        } else {
            memory.get(skip..size)
        }
    }

    /// The values of the characters; none when one has none.
    fn values(&self, found: &str) -> Option<Vec<usize>> {
        let kept = |one: &u8| !self.drop.bytes().any(|dropped| dropped == *one);
        let kept = found.bytes().map(|one| one.to_ascii_uppercase()).filter(kept);
        if self.replace.is_empty() {
            return self.padded(kept.clone().count(), kept);
        }
        let mut left: String = kept.map(char::from).collect();
        for (old, new) in &self.replace {
            left = left.replace(old, new);
        }
        self.padded(left.len(), left.bytes())
    }

    fn padded(&self, size: usize, left: impl Iterator<Item = u8>) -> Option<Vec<usize>> {
        let missing = self.pad.saturating_sub(size);
        let size = missing + size;
        let skip = if self.last == 0 { 0 } else { size.saturating_sub(self.last) };
        let mut values = Vec::with_capacity(self.front.len() + size);
        for byte in self.front.bytes().chain(std::iter::repeat_n(b'0', missing).chain(left).skip(skip)) {
            values.push(value(&self.alphabet, byte)?);
        }
        Some(values)
    }
}

/// By byte: its value, or that it has none or does not count.
fn table(alphabet: &str, drop: &str) -> Box<[u8; 256]> {
    let mut table = Box::new([NONE as u8; 256]);
    for (byte, known) in (0..=u8::MAX).zip(table.iter_mut()) {
        let byte = byte.to_ascii_uppercase();
        let value = value(alphabet, byte).and_then(|value| u8::try_from(value).ok()).unwrap_or(NONE as u8);
        *known = if drop.bytes().any(|dropped| dropped == byte) { DROPPED } else { value };
    }
    table
}

fn value(alphabet: &str, byte: u8) -> Option<usize> {
    match byte {
        b'0'..=b'9' if alphabet.starts_with("0123456789") => Some(usize::from(byte - b'0')),
        _ => alphabet.bytes().position(|one| one == byte),
    }
}

fn pair(spec: &Json) -> Outcome<(String, String)> {
    let parts = listed(Some(spec), "check: replace")?;
    let parts = parts.iter().map(|one| text(Some(one), "check: replace")).collect::<Outcome<Vec<_>>>()?;
    match parts.as_slice() {
        [old, new] if !old.is_empty() && old.is_ascii() && new.is_ascii() => Ok(((*old).to_owned(), (*new).to_owned())),
        _ => Err("check: replace: expected pairs of ASCII texts".to_owned()),
    }
}

impl Sum {
    fn compile(spec: &Json) -> Outcome<Sum> {
        let spec = only(Some(spec), &["weights", "mod", "map", "at"], "check: sums")?;
        let weights = listed(spec.get("weights"), "check: weights")?;
        let weights =
            weights.iter().map(|one| natural(Some(one), "check: weights")).collect::<Outcome<Vec<usize>>>()?;
        let modulus = natural(spec.get("mod"), "check: mod")?;
        let at = spec.get("at").map_or(Ok(0), |one| natural(Some(one), "check: at"))?;
        let fits = (1..=1000).contains(&modulus) && weights.len() <= 64 && weights.iter().all(|&one| one < 1000);
        need(fits, || "check: sums: too large".to_owned())?;
        let map = given(spec, "map").map(|one| text(Some(one), "check: map").map(|map| map.as_bytes().to_vec()));
        let map = map.transpose()?;
        let fits = map.as_ref().is_none_or(|map| map.len() == modulus && map.is_ascii());
        need(fits, || "check: map: expected an ASCII character for each remainder".to_owned())?;
        Ok(Sum { weights, modulus, map, at })
    }

    fn holds(&self, values: &[usize], alphabet: &str) -> bool {
        if values.len() < self.weights.len() || self.at >= values.len() {
            return false;
        }
        let sum: usize = self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
        let rest = sum % self.modulus;
        match &self.map {
            None => rest == 0,
            Some(map) => {
                let wanted = map.get(rest).and_then(|&letter| value(alphabet, letter));
                wanted.is_some() && wanted == values.get(self.at).copied()
            }
        }
    }
}

fn decimal(values: &[usize]) -> bool {
    !values.is_empty() && values.iter().all(|&value| value < 10)
}

fn luhn(values: &[usize]) -> bool {
    let turned = values.iter().rev().enumerate();
    let sum: usize =
        turned.map(|(index, &value)| if index % 2 == 0 { value } else { value * 2 / 10 + value * 2 % 10 }).sum();
    sum.is_multiple_of(10)
}

/// Whether the last digit is that of Verhoeff's scheme (the dihedral group of order ten).
fn verhoeff(values: &[usize]) -> bool {
    const TURNS: [[usize; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    // Five rotations and five reflections.
    let product = |one: usize, two: usize| match (one < 5, two < 5) {
        (true, true) => (one + two) % 5,
        (true, false) => 5 + (one + two) % 5,
        (false, true) => 5 + (one - two) % 5,
        (false, false) => (5 + one - two) % 5,
    };
    let turned = values.iter().rev().zip(TURNS.iter().cycle()).filter_map(|(&value, turn)| turn.get(value));
    turned.fold(0, |rest, &value| product(rest, value)) == 0
}

/// Whether the last digit is that of the hybrid system of ISO 7064 with moduli 11 and 10.
fn mod_11_10(values: &[usize]) -> bool {
    let Some((last, rest)) = values.split_last() else { return false };
    let product = rest.iter().fold(10, |product, value| match (product + value) % 10 {
        0 => 20 % 11,
        sum => sum * 2 % 11,
    });
    (product + last) % 10 == 1
}

/// How random a text looks.
#[derive(Debug)]
pub struct Random {
    /// Hundredths of a bit a character.
    entropy: usize,
    /// Kinds of characters: digits, small and capital letters.
    kinds: usize,
    /// How often a digit follows a letter or a letter a digit.
    changes: usize,
}

impl Random {
    pub fn compile(spec: &Json) -> Outcome<Random> {
        let spec = only(Some(spec), &["entropy", "kinds", "changes"], "check")?;
        let number = |name: &str| spec.get(name).map_or(Ok(0), |one| natural(Some(one), name));
        let (entropy, kinds, changes) = (number("entropy")?, number("kinds")?, number("changes")?);
        need(kinds <= 3, || "check: kinds: there are three: digits, small and capital letters".to_owned())?;
        Ok(Random { entropy, kinds, changes })
    }

    pub fn passes(&self, found: &str) -> bool {
        let content = found.as_bytes().get(..found.len().min(MEASURED)).unwrap_or(&[]);
        let mut counts = [0u64; 128];
        let (mut turns, mut before) = (0, None);
        for &byte in content {
            if let Some(count) = counts.get_mut(usize::from(byte)) {
                *count += 1;
            }
            if byte.is_ascii_alphanumeric() {
                let digit = byte.is_ascii_digit();
                turns += usize::from(before.is_some_and(|before| before != digit));
                before = Some(digit);
            }
        }
        let any = |kind: fn(&u8) -> bool| usize::from(content.iter().any(kind));
        let kinds = any(u8::is_ascii_digit) + any(u8::is_ascii_lowercase) + any(u8::is_ascii_uppercase);
        let size = content.len() as u64;
        let bits = times_log2(size).saturating_sub(counts.iter().map(|&count| times_log2(count)).sum());
        let wanted = (self.entropy as u128 * u128::from(size)) << 16;
        u128::from(bits) * 100 >= wanted && kinds >= self.kinds && turns >= self.changes
    }
}

/// A count times its logarithm of base 2, in units of 2^-16.
fn times_log2(count: u64) -> u64 {
    static KNOWN: OnceLock<Vec<u64>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| (0..=MEASURED as u64).map(by_squaring).collect());
    known.get(count as usize).copied().unwrap_or_else(|| by_squaring(count))
}

/// The same on every machine.
fn by_squaring(count: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let whole = u64::from(count.ilog2());
    let (mut rest, mut bits) = (u128::from(count) << (62 - whole), 0);
    for _ in 0..16 {
        rest = (rest * rest) >> 62;
        let bit = (rest >> 63) as u64 & 1;
        bits = bits << 1 | bit;
        rest >>= bit;
    }
    count * ((whole << 16) + bits)
}
