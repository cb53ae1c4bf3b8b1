//! Columns: the facts of some traces, a row each, as policies read them.

use std::collections::HashMap;

use crate::facts::Facts;
use crate::rows::Rows;
use crate::table::Out;

#[derive(Default)]
pub struct Columns {
    pub ids: Vec<[u8; 16]>,
    /// The distinct masks, as 64-bit words.
    pub masks: Vec<Vec<u64>>,
    pub mask_index: Vec<u32>,
    pub randomness: Vec<u64>,
    pub spans: Vec<u64>,
    pub bytes: Vec<u64>,
    pub first_seen: Vec<i64>,
    pub duration: Vec<u64>,
    /// For each row each key.
    keys: Vec<Option<Box<[u8]>>>,
    pub key_count: usize,
    known: HashMap<Vec<u64>, u32, foldhash::fast::RandomState>,
    words: Vec<u64>,
    /// Where the rows are out of a table: that is where they go back to.
    pub out: Option<Out>,
}

impl Columns {
    /// Without rows.
    pub fn new(facts: &Facts) -> Columns {
        Columns { key_count: facts.shape().keys, ..Columns::default() }
    }

    /// The facts of all rows.
    pub fn of_rows(facts: &Facts, rows: &Rows, ids: &[[u8; 16]]) -> Columns {
        let mut columns = Columns::new(facts);
        for (row, id) in ids.iter().enumerate() {
            columns.add(facts, rows, row, *id, 0);
        }
        columns
    }

    pub fn add(&mut self, facts: &Facts, rows: &Rows, row: usize, id: [u8; 16], first_seen: i64) {
        let fixed = rows.get(row);
        self.ids.push(id);
        self.spans.push(fixed.spans.into());
        self.bytes.push(fixed.bytes);
        self.first_seen.push(first_seen);
        self.duration.push(fixed.duration());
        self.randomness.push(rows.randomness(row).unwrap_or_else(|| own_randomness(&id)));
        for index in 0..facts.shape().keys {
            self.keys.push(rows.key_of(row, index).map(Into::into));
        }
        facts.mask(rows, row, &mut self.words);
        let index = match self.known.get(&self.words) {
            Some(&index) => index,
            None => {
                let index = self.masks.len() as u32;
                self.masks.push(self.words.clone());
                self.known.insert(self.words.clone(), index);
                index
            }
        };
        self.mask_index.push(index);
    }

    /// A key of every row; None when there is no such key.
    pub fn keys(&self, index: usize) -> Option<Vec<Option<&[u8]>>> {
        let rows = 0..self.ids.len();
        (index < self.key_count)
            .then(|| rows.map(|row| self.keys.get(row * self.key_count + index)?.as_deref()).collect())
    }

    /// FNV-1a 64 over the salt and each trace id.
    pub fn fnv(&self, salt: &[u8]) -> Vec<u64> {
        let start = fnv(OFFSET, salt);
        self.ids.iter().map(|id| fnv(start, id)).collect()
    }
}

/// What FNV-1a 64 starts with.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a 64 over the salt and a trace id.
pub fn fnv_of(salt: &[u8], id: &[u8; 16]) -> u64 {
    fnv(fnv(OFFSET, salt), id)
}

/// The randomness of a trace without `rv`.
pub fn own_randomness(id: &[u8; 16]) -> u64 {
    let [.., a, b, c, d, e, f, g] = *id;
    u64::from_be_bytes([0, a, b, c, d, e, f, g])
}

fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
