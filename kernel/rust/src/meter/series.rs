//! The series of a meter: counts, sums and distributions by key, no more of them than agreed.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::stage::{Candidate, Noted};
use super::{parts, put_part};

/// A kept span that shows what a value looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    pub bucket: usize,
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub value: u64,
    pub time: i64,
}

pub struct Row {
    /// The texts, after a byte that says whether this stands for what had no room.
    key: Arc<[u8]>,
    pub count: u64,
    /// Of each value.
    pub sums: Vec<u128>,
    /// Of each value, how many are at most each bound and above the one before, then those above all.
    pub buckets: Vec<u64>,
    pub exemplars: Vec<Exemplar>,
    updated: i64,
}

impl Row {
    pub fn is_overflow(&self) -> bool {
        self.key.first() == Some(&OVERFLOW)
    }

    pub fn texts(&self) -> Vec<Option<&[u8]>> {
        parts(self.key.get(1..).unwrap_or(&[]))
    }
}

/// How a key begins.
pub const PLAIN: u8 = 0;
const OVERFLOW: u8 = 1;

/// The key of the overflow series for a key: of its first text alone.
pub fn overflow(key: &[u8]) -> Vec<u8> {
    let mut out = vec![OVERFLOW];
    put_part(&mut out, parts(key.get(1..).unwrap_or(&[])).first().copied().flatten());
    out
}

pub struct Table {
    pub rows: Vec<Row>,
    index: HashMap<Arc<[u8]>, usize, RandomState>,
    bounds: Vec<u64>,
    /// How many values a series has.
    values: usize,
    limit: usize,
    groups: usize,
    exemplars: usize,
    /// How many of the rows stand for what had no room, but for the one without any text.
    groups_used: usize,
    overflows: usize,
    pub overflowed: u64,
}

impl Table {
    pub fn new(bounds: Vec<u64>, values: usize, limit: usize, groups: usize, exemplars: usize) -> Table {
        let (rows, index) = (Vec::new(), HashMap::default());
        let (groups_used, overflows, overflowed) = (0, 0, 0);
        Table { rows, index, bounds, values, limit, groups, exemplars, groups_used, overflows, overflowed }
    }

    /// The row of a key, or of those that have no room.
    fn row(&mut self, key: &[u8]) -> usize {
        if let Some(&row) = self.index.get(key) {
            return row;
        }
        if key.first() == Some(&PLAIN) && self.rows.len() - self.overflows < self.limit {
            return self.add(key);
        }
        let mut instead = overflow(key);
        if let Some(&row) = self.index.get(instead.as_slice()) {
            return row;
        }
        if self.groups_used < self.groups {
            self.groups_used += 1;
        } else {
            instead.truncate(1);
            if let Some(&row) = self.index.get(instead.as_slice()) {
                return row;
            }
        }
        self.overflows += 1;
        self.add(&instead)
    }

    fn add(&mut self, key: &[u8]) -> usize {
        let key: Arc<[u8]> = key.into();
        let row = self.rows.len();
        self.index.insert(Arc::clone(&key), row);
        self.rows.push(Row {
            key,
            count: 0,
            sums: vec![0; self.values],
            buckets: vec![0; self.values * (self.bounds.len() + 1)],
            exemplars: Vec::new(),
            updated: 0,
        });
        row
    }

    fn bucket(&self, value: u64) -> usize {
        self.bounds.partition_point(|&bound| bound < value)
    }

    /// Counts what was noted of spans, then its exemplars.
    pub fn count(&mut self, noted: &Noted, now: i64) {
        let mut rows = vec![usize::MAX; noted.keys()];
        for &(key, value) in &noted.counts {
            let Some(row) = rows.get_mut(key as usize) else { continue };
            if *row == usize::MAX {
                *row = self.row(noted.key(key));
            }
            let row = *row;
            self.observe(row, &[Some(value)], now);
        }
        for candidate in &noted.exemplars {
            self.exemplify(noted.key(candidate.key), candidate, now);
        }
    }

    /// Counts once, with those values that there are.
    pub fn count_key(&mut self, key: &[u8], values: &[Option<u64>], now: i64) {
        let row = self.row(key);
        self.observe(row, values, now);
    }

    #[inline]
    fn observe(&mut self, row: usize, values: &[Option<u64>], now: i64) {
        let buckets = self.bounds.len() + 1;
        for (index, &value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let bucket = self.bucket(value) + index * buckets;
            let Some(row) = self.rows.get_mut(row) else { return };
            if let (Some(sum), Some(count)) = (row.sums.get_mut(index), row.buckets.get_mut(bucket)) {
                *sum += u128::from(value);
                *count += 1;
            }
        }
        let Some(row) = self.rows.get_mut(row) else { return };
        row.count += 1;
        row.updated = now;
        self.overflowed += u64::from(row.is_overflow());
    }

    /// A series has at most one exemplar a bucket, and the newest ones.
    fn exemplify(&mut self, key: &[u8], candidate: &Candidate, now: i64) {
        let (bucket, most) = (self.bucket(candidate.value), self.exemplars);
        let Some(row) = self.index.get(key).and_then(|&row| self.rows.get_mut(row)) else { return };
        let same = row.exemplars.iter().position(|one| one.bucket == bucket);
        if let Some(old) = same.or((row.exemplars.len() >= most && most > 0).then_some(0)) {
            row.exemplars.remove(old);
        }
        if row.exemplars.len() < most {
            let Candidate { trace_id, span_id, value, .. } = *candidate;
            row.exemplars.push(Exemplar { bucket, trace_id, span_id, value, time: now });
        }
    }

    /// Lets go of rows that were last counted before then; how many.
    pub fn forget(&mut self, before: i64) -> usize {
        let held = self.rows.len();
        self.rows.retain(|row| row.updated >= before);
        if self.rows.len() < held {
            self.index = self.rows.iter().enumerate().map(|(at, row)| (Arc::clone(&row.key), at)).collect();
            self.overflows = self.rows.iter().filter(|row| row.is_overflow()).count();
            self.groups_used = self.rows.iter().filter(|row| row.is_overflow() && row.key.len() > 1).count();
        }
        held - self.rows.len()
    }
}
