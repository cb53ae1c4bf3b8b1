//! Traces that need not be waited for: what they have satisfied already decides them.

use super::queue::{Queue, Ticket};
use super::Inner;
use crate::columns::{fnv_of, own_randomness};
use crate::facts::Facts;

/// What must be so, all of it, for a trace to be given early.
pub struct Condition {
    /// Positions in the mask.
    pub bits: Vec<usize>,
    /// (salt, most): the FNV-1a 64 of salt and trace id is at most that.
    pub hashes: Vec<(Vec<u8>, u64)>,
    /// The least that the trace's randomness may be.
    pub randomness: u64,
}

/// The conditions, and the traces that satisfy one, in the order in which they came to.
pub struct Early {
    conditions: Vec<Condition>,
    pub ready: Queue<Ticket>,
    pub count: usize,
    words: Vec<u64>,
}

impl Early {
    pub fn new(conditions: Vec<Condition>) -> Early {
        Early { conditions, ready: Queue::default(), count: 0, words: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

impl Condition {
    fn holds(&self, words: &[u64], id: &[u8; 16], randomness: u64) -> bool {
        let set = |bit: &usize| words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
        self.bits.iter().all(set)
            && self.hashes.iter().all(|(salt, most)| fnv_of(salt, id) <= *most)
            && randomness >= self.randomness
    }
}

impl Inner {
    /// Notes whether a trace, whose facts have just changed, satisfies a condition.
    pub fn look_early(&mut self, facts: &Facts, ticket: Ticket) {
        let Inner { early, slots, .. } = self;
        if early.is_empty() || slots.get(ticket.slot).is_none_or(|slot| slot.is_early()) {
            return;
        }
        let row = ticket.slot as usize;
        facts.mask(&slots.rows, row, &mut early.words);
        let Some(id) = slots.get(ticket.slot).map(|slot| slot.id) else {
            return;
        };
        let randomness = slots.rows.randomness(row).unwrap_or_else(|| own_randomness(&id));
        if early.conditions.iter().any(|one| one.holds(&early.words, &id, randomness)) {
            early.ready.push(ticket);
            early.count += 1;
            if let Some(slot) = slots.get_mut(ticket.slot) {
                slot.set_early();
            }
        }
    }
}
