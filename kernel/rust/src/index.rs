//! From trace ids to rows.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::rows::Rows;

/// A trace id for filing: cut or padded with zero bytes to 16.
#[inline]
pub fn trace_id(bytes: &[u8]) -> [u8; 16] {
    let mut id = [0; 16];
    let size = bytes.len().min(16);
    if let (Some(to), Some(from)) = (id.get_mut(..size), bytes.get(..size)) {
        to.copy_from_slice(from);
    }
    id
}

/// The rows of the traces of one request.
#[derive(Default)]
pub struct TraceIndex {
    map: HashTable<u32>,
    hasher: RandomState,
    last: Option<([u8; 16], usize)>,
}

impl TraceIndex {
    /// Makes room for about so many traces at first.
    pub fn reserve(&mut self, traces: usize) {
        if self.map.capacity() == 0 {
            self.map.reserve(traces.min(4096), |_| 0);
        }
    }

    /// The row of a trace, a new one if it was not there.
    #[inline(always)]
    pub fn row(&mut self, ids: &mut Vec<[u8; 16]>, rows: &mut Rows, id: [u8; 16]) -> usize {
        if let Some((last, row)) = self.last {
            if last == id {
                return row;
            }
        }
        let hasher = &self.hasher;
        let hash = hasher.hash_one(id);
        let same = |row: &u32| ids.get(*row as usize) == Some(&id);
        let row = match self.map.find(hash, same) {
            Some(row) => *row as usize,
            None => {
                let row = rows.push();
                ids.push(id);
                let hash_of = |row: &u32| ids.get(*row as usize).map_or(0, |id| hasher.hash_one(id));
                self.map.insert_unique(hash, row as u32, hash_of);
                row
            }
        };
        self.last = Some((id, row));
        row
    }
}
