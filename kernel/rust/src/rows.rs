//! The facts of traces, a row each, in flat vectors: a few dozen bytes a trace.

/// How much a program computes of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    pub leaves: usize,
    pub numbers: usize,
    pub keys: usize,
}

impl Shape {
    fn leaf_bytes(self) -> usize {
        2 * self.leaves.div_ceil(8)
    }
}

/// What every trace has.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub bytes: u64,
    /// Earliest start in ns; `u64::MAX` when there is none (0 is left out).
    pub start: u64,
    /// Latest end in ns, 0 when there is none.
    pub end: u64,
    pub spans: u32,
    pub root: bool,
}

const EMPTY: Row = Row { bytes: 0, start: u64::MAX, end: 0, spans: 0, root: false };

impl Row {
    /// Latest end less earliest start in ns, 0 when either is missing.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    fn merge(&mut self, other: &Row) {
        self.bytes += other.bytes;
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.spans = self.spans.saturating_add(other.spans);
        self.root |= other.root;
    }
}

/// Sum, minimum and maximum in units of 10^-6.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    pub sum: i128,
    pub min: i128,
    pub max: i128,
}

/// What merges with any number to that number.
const NOTHING: Number = Number { sum: 0, min: i128::MAX, max: i128::MIN };

impl Number {
    fn merge(&mut self, its: &Number) {
        self.sum = self.sum.saturating_add(its.sum);
        self.min = self.min.min(its.min);
        self.max = self.max.max(its.max);
    }
}

/// A candidate for the value of a key; the smallest one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyFact<'a> {
    pub not_root: bool,
    pub start: u64,
    pub span_id: &'a [u8],
    pub text: &'a [u8],
}

#[derive(Debug, Clone)]
struct OwnedKey {
    start: u64,
    id: u32,
    not_root: bool,
    /// Span id, then text.
    data: Data,
}

/// A few bytes in place, more on the heap.
#[derive(Debug, Clone)]
enum Data {
    Inline(u8, [u8; INLINE]),
    Heap(Box<[u8]>),
}

const INLINE: usize = 30;

impl OwnedKey {
    fn of(fact: KeyFact<'_>) -> OwnedKey {
        let (id, size) = (fact.span_id.len(), fact.span_id.len() + fact.text.len());
        let mut inline = [0; INLINE];
        let data = match inline.get_mut(..size).and_then(|place| place.split_at_mut_checked(id)) {
            Some((span_id, text)) => {
                span_id.copy_from_slice(fact.span_id);
                text.copy_from_slice(fact.text);
                Data::Inline(size as u8, inline)
            }
            None => Data::Heap([fact.span_id, fact.text].concat().into_boxed_slice()),
        };
        OwnedKey { start: fact.start, id: id as u32, not_root: fact.not_root, data }
    }

    fn get(&self) -> KeyFact<'_> {
        let data = match &self.data {
            Data::Inline(size, bytes) => bytes.get(..usize::from(*size)).unwrap_or(&[]),
            Data::Heap(bytes) => bytes,
        };
        let (span_id, text) = data.split_at_checked(self.id as usize).unwrap_or((&[], &[]));
        KeyFact { not_root: self.not_root, start: self.start, span_id, text }
    }
}

/// The facts of many traces.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    shape: Shape,
    rows: Vec<Row>,
    /// One more than the largest `rv`, 0 where there is none; empty until one comes, for few have any.
    randomness: Vec<u64>,
    /// For each leaf a bit that some span satisfies it, and behind these (from a whole byte on) one that some span does not.
    bits: Vec<u8>,
    numbers: Vec<Number>,
    keys: Vec<Option<OwnedKey>>,
}

impl Rows {
    pub fn new(shape: Shape) -> Rows {
        Rows { shape, ..Rows::default() }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The same rows for another program: what every trace has stays, what a program computes is empty.
    pub fn reshaped(&self, shape: Shape) -> Rows {
        let mut new = Rows { rows: self.rows.clone(), randomness: self.randomness.clone(), ..Rows::new(shape) };
        new.bits.resize(self.rows.len() * shape.leaf_bytes(), 0);
        new.numbers.resize(self.rows.len() * shape.numbers, NOTHING);
        new.keys.resize(self.rows.len() * shape.keys, None);
        new
    }

    /// Adds a row without spans.
    pub fn push(&mut self) -> usize {
        self.rows.push(EMPTY);
        self.bits.resize(self.rows.len() * self.shape.leaf_bytes(), 0);
        self.numbers.resize(self.rows.len() * self.shape.numbers, NOTHING);
        self.keys.resize(self.rows.len() * self.shape.keys, None);
        self.rows.len() - 1
    }

    /// Empties a row.
    pub fn clear(&mut self, row: usize) {
        if let Some(fixed) = self.rows.get_mut(row) {
            *fixed = EMPTY;
        }
        if let Some(value) = self.randomness.get_mut(row) {
            *value = 0;
        }
        fill(&mut self.bits, row, self.shape.leaf_bytes(), 0);
        fill(&mut self.numbers, row, self.shape.numbers, NOTHING);
        fill(&mut self.keys, row, self.shape.keys, None);
    }

    #[inline]
    pub fn get(&self, row: usize) -> &Row {
        self.rows.get(row).unwrap_or(&EMPTY)
    }

    /// Counts a span: its bytes, start, end and whether it is a root.
    #[inline]
    pub fn span(&mut self, row: usize, (bytes, start, end, root): (u64, u64, u64, bool), randomness: Option<u64>) {
        if let Some(fixed) = self.rows.get_mut(row) {
            let start = if start == 0 { u64::MAX } else { start };
            fixed.merge(&Row { bytes, start, end, spans: 1, root });
        }
        if let Some(value) = randomness {
            self.at_least(row, value + 1);
        }
    }

    fn at_least(&mut self, row: usize, value: u64) {
        if self.randomness.len() <= row {
            self.randomness.resize(row + 1, 0);
        }
        if let Some(mine) = self.randomness.get_mut(row) {
            *mine = value.max(*mine);
        }
    }

    /// The largest `rv` of a row.
    pub fn randomness(&self, row: usize) -> Option<u64> {
        self.randomness.get(row)?.checked_sub(1)
    }

    /// Merges the leaves that a span satisfies, a bit each.
    #[inline(always)]
    pub fn set_leaves(&mut self, row: usize, satisfied: &[u64]) {
        let size = self.shape.leaf_bytes();
        let Some(bits) = self.bits.get_mut(row * size..(row + 1) * size) else { return };
        if let ([some, not_all], Some(word)) = (&mut *bits, satisfied.first()) {
            *some |= *word as u8;
            *not_all |= !*word as u8;
            return;
        }
        let (some, not_all) = bits.split_at_mut(size / 2);
        for ((some, not_all), word) in some.chunks_mut(8).zip(not_all.chunks_mut(8)).zip(satisfied) {
            for ((some, not_all), byte) in some.iter_mut().zip(not_all).zip(word.to_le_bytes()) {
                *some |= byte;
                *not_all |= !byte;
            }
        }
    }

    /// Whether any span, and whether all spans satisfy a leaf.
    pub fn leaves(&self, row: usize, leaf: usize) -> (bool, bool) {
        let size = self.shape.leaf_bytes();
        let bit = |at: usize| self.bits.get(row * size + at + leaf / 8).is_some_and(|byte| byte >> (leaf % 8) & 1 != 0);
        (bit(0), !bit(size / 2))
    }

    pub fn number(&mut self, row: usize, index: usize, value: i128) {
        if let Some(place) = self.numbers.get_mut(row * self.shape.numbers + index) {
            place.merge(&Number { sum: value, min: value, max: value });
        }
    }

    /// A number of a row, None when there was nothing to sum.
    pub fn number_of(&self, row: usize, index: usize) -> Option<Number> {
        self.numbers.get(row * self.shape.numbers + index).copied().filter(|number| number.min <= number.max)
    }

    pub fn key(&mut self, row: usize, index: usize, fact: KeyFact<'_>) {
        if let Some(place) = self.keys.get_mut(row * self.shape.keys + index) {
            if place.as_ref().is_none_or(|mine| fact < mine.get()) {
                *place = Some(OwnedKey::of(fact));
            }
        }
    }

    pub fn key_of(&self, row: usize, index: usize) -> Option<&[u8]> {
        self.keys.get(row * self.shape.keys + index)?.as_ref().map(|key| key.get().text)
    }

    /// Merges a row of other facts of the same program into one of these.
    pub fn merge(&mut self, row: usize, other: &Rows, from: usize) {
        if let Some(mine) = self.rows.get_mut(row) {
            mine.merge(other.get(from));
        }
        if let Some(&value) = other.randomness.get(from).filter(|value| **value > 0) {
            self.at_least(row, value);
        }
        let size = self.shape.leaf_bytes();
        for index in 0..size {
            if let (Some(mine), Some(its)) =
                (self.bits.get_mut(row * size + index), other.bits.get(from * size + index))
            {
                *mine |= its;
            }
        }
        for index in 0..self.shape.numbers {
            if let (Some(mine), Some(its)) =
                (self.numbers.get_mut(row * self.shape.numbers + index), other.number_of(from, index))
            {
                mine.merge(&its);
            }
        }
        for index in 0..self.shape.keys {
            if let Some(Some(its)) = other.keys.get(from * self.shape.keys + index) {
                self.key(row, index, its.get());
            }
        }
    }

    /// Adds a copy of a row of other facts of the same program.
    pub fn push_copy(&mut self, other: &Rows, from: usize) -> usize {
        let row = self.push();
        self.merge(row, other, from);
        row
    }
}

fn fill<T: Clone>(values: &mut [T], row: usize, size: usize, value: T) {
    if let Some(part) = values.get_mut(row * size..(row + 1) * size) {
        part.fill(value);
    }
}
