//! The traces that are held: by place, and by trace id.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::queue::Ticket;
use crate::rows::{Rows, Shape};

/// `root_seen` of a trace without a root.
pub const NEVER: i64 = i64::MIN;

/// A trace's spans as one call filed them: for each its pair and length (32 bits each), then its bytes.
pub type Chunk = Box<[u8]>;

/// A held trace; its facts stand in `Slots::rows` at the same place.
pub struct Slot {
    pub id: [u8; 16],
    pub first_seen: i64,
    pub root_seen: i64,
    /// The columns in which it is out to be judged, 0 when it is not.
    pub out: u64,
    pub generation: u32,
    pub held: bool,
    first: Chunk,
    more: Option<Box<More>>,
}

/// Chunks after the first: few traces have any.
#[derive(Default)]
struct More {
    chunks: Vec<Chunk>,
}

impl Slot {
    pub fn add(&mut self, chunk: Chunk) {
        if self.first.is_empty() {
            self.first = chunk;
        } else {
            self.more.get_or_insert_default().chunks.push(chunk);
        }
    }

    pub fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        let more = self.more.as_ref().map_or(&[][..], |more| &more.chunks);
        std::iter::once(&self.first).chain(more)
    }
}

#[derive(Default)]
pub struct Slots {
    pub rows: Rows,
    slots: Vec<Slot>,
    free: Vec<u32>,
    map: HashTable<u32>,
    hasher: RandomState,
}

impl Slots {
    pub fn new(shape: Shape) -> Slots {
        Slots { rows: Rows::new(shape), ..Slots::default() }
    }

    /// How many traces are held.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn get(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(slot as usize).filter(|slot| slot.held)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize).filter(|slot| slot.held)
    }

    /// The trace of a ticket, if it is still there.
    pub fn by_ticket(&self, ticket: Ticket) -> Option<&Slot> {
        self.get(ticket.slot).filter(|slot| slot.generation == ticket.generation)
    }

    pub fn by_ticket_mut(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.get_mut(ticket.slot).filter(|slot| slot.generation == ticket.generation)
    }

    /// The place of a trace, and whether it is new there.
    pub fn place(&mut self, id: [u8; 16], now: i64) -> (Ticket, bool) {
        let hash = self.hasher.hash_one(id);
        let slots = &self.slots;
        let same = |slot: &u32| slots.get(*slot as usize).is_some_and(|slot| slot.id == id);
        if let Some(&slot) = self.map.find(hash, same) {
            let generation = self.slots.get(slot as usize).map_or(0, |slot| slot.generation);
            return (Ticket { slot, generation }, false);
        }
        let ticket = self.new_slot(id, now);
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash_of = |slot: &u32| slots.get(*slot as usize).map_or(0, |slot| hasher.hash_one(slot.id));
        self.map.insert_unique(hash, ticket.slot, hash_of);
        (ticket, true)
    }

    fn new_slot(&mut self, id: [u8; 16], now: i64) -> Ticket {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        if slot as usize == self.slots.len() {
            self.rows.push();
            let first = Chunk::default();
            self.slots.push(Slot {
                id,
                first_seen: now,
                root_seen: NEVER,
                out: 0,
                generation: 0,
                held: true,
                first,
                more: None,
            });
        }
        let mut generation = 0;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            generation = place.generation.wrapping_add(1);
            (place.id, place.first_seen, place.root_seen) = (id, now, NEVER);
            (place.out, place.generation, place.held) = (0, generation, true);
        }
        Ticket { slot, generation }
    }

    /// Lets a trace go.
    pub fn remove(&mut self, slot: u32) {
        let Some(place) = self.slots.get_mut(slot as usize) else {
            return;
        };
        place.held = false;
        place.first = Chunk::default();
        place.more = None;
        let hash = self.hasher.hash_one(place.id);
        if let Ok(entry) = self.map.find_entry(hash, |one| *one == slot) {
            entry.remove();
        }
        self.rows.clear(slot as usize);
        self.free.push(slot);
    }
}
