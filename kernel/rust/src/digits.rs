//! Validators with parameters: check digits as the standards of identifiers define them, and how random a text looks.

use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::spec::{given, listed, natural, need, only, shown, text, Outcome};

const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Of the text whose randomness is measured, in characters.
const MEASURED: usize = 256;

/// So many values are held without asking for memory.
const FEW: usize = 32;
/// The value of a character that stands in no alphabet.
const NONE: usize = usize::MAX;

/// The check digits of an identifier.
#[derive(Debug)]
pub struct Digits {
    algorithm: Algorithm,
    /// By byte of a text: the character that it counts for, none where it is dropped.
    kept: Box<[Option<u8>; 256]>,
    replace: Vec<(String, String)>,
    values: Values,
    pad: usize,
    last: usize,
    front: Vec<usize>,
    /// For `front` and the zeros of `pad`, before the first character.
    room: usize,
    sums: Vec<Sum>,
}

/// By byte: its place in an alphabet, or `NONE`.
#[derive(Debug)]
struct Values(Box<[usize; 256]>);

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
    /// The value that each rest stands for.
    map: Option<Vec<usize>>,
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
        let values = Values::new(&ascii("alphabet", ALPHABET)?);
        let front: Vec<usize> = ascii("front", "")?.bytes().map(|byte| values.of(byte)).collect();
        Ok(Digits {
            algorithm,
            kept: kept(ascii("drop", "")?.as_bytes()),
            replace: list("replace")?.iter().map(pair).collect::<Outcome<_>>()?,
            pad,
            last: if last == 0 { usize::MAX } else { last },
            room: front.len() + pad,
            front,
            sums: list("sums")?.iter().map(|one| Sum::compile(one, &values)).collect::<Outcome<_>>()?,
            values,
        })
    }

    pub fn passes(&self, found: &str) -> bool {
        let kept = found.bytes().filter_map(|byte| self.kept[usize::from(byte)]);
        if self.replace.is_empty() {
            return self.passes_left(kept, found.len());
        }
        let left = kept.map(char::from).collect();
        let left = self.replace.iter().fold(left, |left: String, (old, new)| left.replace(old, new));
        self.passes_left(left.bytes(), left.len())
    }

    /// Whether the characters that are left pass; there are `most` or fewer.
    #[inline]
    fn passes_left(&self, left: impl Iterator<Item = u8>, most: usize) -> bool {
        let mut few = [0; FEW];
        match few.get_mut(..self.room + most) {
            Some(few) => self.passes_in(few, left),
            None => self.passes_in(&mut vec![0; self.room + most], left),
        }
    }

    /// The same; their values are written into `memory`, behind the room for those that go before them.
    #[inline]
    fn passes_in(&self, memory: &mut [usize], left: impl Iterator<Item = u8>) -> bool {
        let mut end = self.room;
        for byte in left {
            let Some(place) = memory.get_mut(end) else { return false };
            *place = self.values.of(byte);
            end += 1;
        }
        let size = end - self.room;
        let stay = size.max(self.pad).min(self.last);
        let Some(values) = memory.get_mut(end - stay - self.front.len()..end) else { return false };
        if self.room > 0 {
            self.put_before(values, stay.saturating_sub(size));
        }
        self.holds(values)
    }

    /// Seldom needed: out of the way of what is asked often.
    #[inline(never)]
    fn put_before(&self, values: &mut [usize], zeros: usize) {
        let zeros = std::iter::repeat_n(self.values.of(b'0'), zeros);
        let before = self.front.iter().copied().chain(zeros);
        values.iter_mut().zip(before).for_each(|(place, value)| *place = value);
    }

    fn holds(&self, values: &[usize]) -> bool {
        let holds = match self.algorithm {
            Algorithm::Sums => !values.is_empty() && values.iter().all(|&value| value != NONE),
            Algorithm::Luhn => decimal(values) && luhn(values),
            Algorithm::Verhoeff => decimal(values) && verhoeff(values),
            Algorithm::Mod1110 => decimal(values) && mod_11_10(values),
        };
        holds && self.sums.iter().all(|sum| sum.holds(values))
    }
}

/// By byte: it as a capital, none where that is dropped.
fn kept(drop: &[u8]) -> Box<[Option<u8>; 256]> {
    let mut kept = Box::new([None; 256]);
    for (byte, kept) in (0..=u8::MAX).zip(kept.iter_mut()) {
        *kept = Some(byte.to_ascii_uppercase()).filter(|byte| !drop.contains(byte));
    }
    kept
}

impl Values {
    fn new(alphabet: &str) -> Values {
        let mut values = Box::new([NONE; 256]);
        // The first place counts.
        alphabet.bytes().enumerate().rev().for_each(|(place, byte)| values[usize::from(byte)] = place);
        Values(values)
    }

    #[inline]
    fn of(&self, byte: u8) -> usize {
        self.0[usize::from(byte)]
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
    fn compile(spec: &Json, values: &Values) -> Outcome<Sum> {
        let spec = only(Some(spec), &["weights", "mod", "map", "at"], "check: sums")?;
        let weights = listed(spec.get("weights"), "check: weights")?;
        let weights =
            weights.iter().map(|one| natural(Some(one), "check: weights")).collect::<Outcome<Vec<usize>>>()?;
        let modulus = natural(spec.get("mod"), "check: mod")?;
        let at = spec.get("at").map_or(Ok(0), |one| natural(Some(one), "check: at"))?;
        let fits = (1..=1000).contains(&modulus) && weights.len() <= 64 && weights.iter().all(|&one| one < 1000);
        need(fits, || "check: sums: too large".to_owned())?;
        let map = given(spec, "map").map(|one| text(Some(one), "check: map")).transpose()?;
        let fits = map.is_none_or(|map| map.len() == modulus && map.is_ascii());
        need(fits, || "check: map: expected an ASCII character for each remainder".to_owned())?;
        let map = map.map(|map| map.bytes().map(|letter| values.of(letter)).collect());
        Ok(Sum { weights, modulus, map, at })
    }

    fn holds(&self, values: &[usize]) -> bool {
        if values.len() < self.weights.len() || self.at >= values.len() {
            return false;
        }
        let sum: usize = self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
        let rest = sum % self.modulus;
        match &self.map {
            None => rest == 0,
            Some(map) => map.get(rest) == values.get(self.at),
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
