//! Bytes that windows need not tell apart, and how often the others follow each other.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::symbols::{frequency, probability, Symbols, Window};

/// Classes of bytes; number 0 is the place before the first byte of a text.
pub const CLASSES: usize = 64;
/// Kinds of bytes for the question what follows what: digits, `a` to `f`, other small letters, capital ones, all others.
const KINDS: usize = 5;
/// How often a byte of a kind (row) is followed by one of another, roughly, in values that are new: identifiers in hex,
/// URLs, statements.
const FOLLOWS: [[f64; KINDS]; KINDS] = [
    [0.65, 0.20, 0.01, 0.01, 0.13],
    [0.28, 0.27, 0.32, 0.01, 0.12],
    [0.01, 0.24, 0.55, 0.01, 0.19],
    [0.05, 0.08, 0.24, 0.49, 0.14],
    [0.28, 0.16, 0.26, 0.06, 0.24],
];

fn kind(byte: u8) -> usize {
    match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'f' => 1,
        b'g'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 4,
    }
}

/// At most `CLASSES` classes of bytes.
pub struct Classes {
    of: [u8; 256],
}

/// A class while classes are put together: its bytes, how often one of them is met, and which symbols have one of them.
struct Group {
    bytes: Vec<u8>,
    often: f64,
    has: Vec<bool>,
}

impl Classes {
    /// Of the bytes that windows tell apart; where that is too many, of those that it costs least not to tell apart.
    pub fn of(windows: &[Window]) -> Classes {
        let mut weights: HashMap<Symbols, f64, RandomState> = HashMap::default();
        for window in windows {
            let found = probability(window);
            for symbols in window {
                let alone = probability(&[*symbols]).max(1e-9);
                *weights.entry(symbols.bytes()).or_default() += found / alone;
            }
        }
        let mut symbols: Vec<(Symbols, f64)> = weights.into_iter().collect();
        symbols.sort_by_key(|one| one.0);
        let mut alike: HashMap<Vec<bool>, Group, RandomState> = HashMap::default();
        for byte in 0..=u8::MAX {
            let has: Vec<bool> = symbols.iter().map(|(symbols, _)| symbols.has(byte)).collect();
            let new = || Group { bytes: Vec::new(), often: 0.0, has: has.clone() };
            let group = alike.entry(has.clone()).or_insert_with(new);
            group.bytes.push(byte);
            group.often += frequency(byte);
        }
        let mut groups: Vec<Group> = alike.into_values().collect();
        groups.sort_by(|one, two| one.bytes.cmp(&two.bytes));
        let weights: Vec<f64> = symbols.iter().map(|(_, weight)| *weight).collect();
        join_cheapest(&mut groups, &weights);
        let mut of = [0; 256];
        for (number, group) in (1u8..).zip(&groups) {
            for &byte in &group.bytes {
                of[usize::from(byte)] = number;
            }
        }
        Classes { of }
    }

    /// By byte.
    pub fn table(&self) -> [u8; 256] {
        self.of
    }

    /// The classes of which symbols have a byte, as bits.
    pub fn bits(&self, symbols: Symbols) -> u64 {
        let bytes = (0..=u8::MAX).filter(|&byte| symbols.has(byte));
        bytes.fold(u64::from(symbols.start), |all, byte| all | 1 << self.of[usize::from(byte)])
    }

    /// The classes of all bytes.
    pub fn all(&self) -> u64 {
        self.of.iter().fold(1, |all, class| all | 1 << class)
    }

    pub fn model(&self) -> Model {
        let mut kinds = [0.0; KINDS];
        for byte in 0..=u8::MAX {
            kinds[kind(byte)] += frequency(byte);
        }
        let share = |byte: u8| frequency(byte) / kinds[kind(byte)];
        let mut first = [0.0; CLASSES];
        let mut of_kind = [[0.0; KINDS]; CLASSES];
        let mut shares = [[0.0; KINDS]; CLASSES];
        for byte in 0..=u8::MAX {
            let class = usize::from(self.of[usize::from(byte)]);
            first[class] += frequency(byte);
            of_kind[class][kind(byte)] += frequency(byte);
            shares[class][kind(byte)] += share(byte);
        }
        first[0] = START;
        of_kind[0] = kinds;
        let mut next = Box::new([[0.0; CLASSES]; CLASSES]);
        for (row, before) in next.iter_mut().zip(&of_kind) {
            let sum: f64 = before.iter().sum();
            for (cell, share) in row.iter_mut().zip(&shares).skip(1) {
                let followed = |to: usize| before.iter().zip(&FOLLOWS).map(|(from, row)| from * row[to]).sum::<f64>();
                let kinds = share.iter().enumerate().map(|(to, share)| followed(to) * share);
                *cell = if sum > 0.0 { kinds.sum::<f64>() / sum } else { 0.0 };
            }
        }
        Model { first, next }
    }
}

/// A text has so many bytes, roughly.
const START: f64 = 0.02;

/// Makes one class of the two that windows need least to tell apart, until there are few enough.
fn join_cheapest(groups: &mut Vec<Group>, weights: &[f64]) {
    let row = |groups: &[Group], of: usize| -> Vec<f64> {
        let group = groups.get(of).into_iter();
        group.flat_map(|group| groups.iter().take(of).map(|other| other.price(group, weights))).collect()
    };
    // By group: what it costs not to tell it from those before it.
    let mut prices: Vec<Vec<f64>> = (0..groups.len()).map(|of| row(groups, of)).collect();
    while groups.len() >= CLASSES {
        let all = prices.iter().enumerate().flat_map(|(two, row)| row.iter().enumerate().map(move |one| (one, two)));
        let Some(((one, _), two)) = all.min_by(|one, two| one.0 .1.total_cmp(two.0 .1)) else { break };
        let other = groups.remove(two);
        prices.remove(two);
        for row in prices.iter_mut().skip(two) {
            row.remove(two);
        }
        let Some(group) = groups.get_mut(one) else { break };
        group.take(other);
        for of in one..groups.len() {
            let new = groups.get(of).zip(groups.get(one)).map(|(of, one)| one.price(of, weights));
            match prices.get_mut(of) {
                Some(prices) if of == one => *prices = row(groups, one),
                Some(prices) => prices.iter_mut().skip(one).take(1).zip(new).for_each(|(price, new)| *price = new),
                None => {}
            }
        }
    }
}

impl Group {
    /// What it costs not to tell it from another one.
    fn price(&self, other: &Group, weights: &[f64]) -> f64 {
        let parts = weights.iter().zip(self.has.iter().zip(&other.has)).filter(|(_, (mine, its))| mine != its);
        parts.map(|(weight, (mine, _))| weight * if *mine { other.often } else { self.often }).sum()
    }

    fn take(&mut self, other: Group) {
        self.bytes.extend(other.bytes);
        self.often += other.often;
        for (has, its) in self.has.iter_mut().zip(other.has) {
            *has |= its;
        }
    }
}

/// Which classes may follow which.
#[derive(Debug, Clone)]
pub struct Pairs {
    pub follows: Box<[u64; CLASSES]>,
    /// The classes that anything may follow.
    pub before: u64,
}

/// How often classes are met, and which follow which.
pub struct Model {
    first: [f64; CLASSES],
    next: Box<[[f64; CLASSES]; CLASSES]>,
}

impl Model {
    /// How often a chain of pairs is met at a place of a text.
    pub fn found(&self, chain: &[Pairs]) -> f64 {
        self.found_in_either(chain, chain)
    }

    /// The same of a chain in which at each place stands what may stand there in one of two.
    pub fn found_in_either(&self, one: &[Pairs], two: &[Pairs]) -> f64 {
        let (mut now, mut next, mut there) = (self.first, [0.0; CLASSES], u64::MAX);
        for (mine, its) in one.iter().zip(two) {
            let mut reached = 0;
            for class in bits((mine.before | its.before) & there) {
                let follows = mine.follows[class] | its.follows[class];
                let (chance, row) = (now[class], &self.next[class]);
                for after in bits(follows & !reached) {
                    next[after] = 0.0;
                }
                reached |= follows;
                for after in bits(follows) {
                    next[after] += chance * row[after];
                }
            }
            there = reached;
            std::mem::swap(&mut now, &mut next);
        }
        bits(there).map(|class| now[class]).sum()
    }
}

/// The numbers of the bits that are set.
fn bits(mut left: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (left != 0).then(|| left.trailing_zeros() as usize % CLASSES)?;
        left &= left - 1;
        Some(bit)
    })
}
