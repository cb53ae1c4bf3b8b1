//! The traces that are held: by place, and by trace id.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::queue::Ticket;
use crate::rows::{Rows, Shape};

/// A trace's spans as one call filed them: how many, for each its pair and length (32 bits each), then the bytes of all.
/// Who lets go of a trace reads the beginning only: the rest has long left the processor's caches.
pub type Chunk = Box<[u8]>;

/// `out` of a place that holds no trace.
const FREE: u32 = u32::MAX;

/// A held trace; its facts stand in `Slots::rows` at the same place. There may be a million of them.
pub struct Slot {
    pub id: [u8; 16],
    pub first_seen: i64,
    first: Chunk,
    more: Option<Box<More>>,
    /// The number of the columns in which it is out to be judged, 0 when it is not.
    pub out: u32,
    /// The table's epoch when its spans were held or last walked anew.
    pub epoch: u32,
    /// The generation, times 4; 1 more when the trace's root is known, 2 more when an early condition is satisfied.
    mark: u32,
}

/// Chunks after the first: few traces have any.
#[derive(Default)]
struct More {
    chunks: Vec<Chunk>,
    logs: Logs,
}

/// Log records that follow a trace: as one call held them, with the number of their follower.
#[derive(Default)]
pub struct Logs {
    pub chunks: Vec<(u32, Chunk)>,
    pub records: u64,
    pub bytes: u64,
}

impl Slot {
    fn generation(&self) -> u32 {
        self.mark >> 2
    }

    /// Whether the trace's root has come.
    pub fn has_root(&self) -> bool {
        self.mark & 1 == 1
    }

    pub fn set_root(&mut self) {
        self.mark |= 1;
    }

    /// Whether the trace satisfies an early condition.
    pub fn is_early(&self) -> bool {
        self.mark & 2 == 2
    }

    pub fn set_early(&mut self) {
        self.mark |= 2;
    }

    pub fn clear_early(&mut self) {
        self.mark &= !2;
    }

    pub fn add(&mut self, chunk: Chunk) {
        if self.first.is_empty() {
            self.first = chunk;
        } else {
            self.more.get_or_insert_default().chunks.push(chunk);
        }
    }

    /// Puts one chunk in the place of all; log records stay.
    pub fn replace(&mut self, chunk: Chunk) {
        self.first = chunk;
        match self.more.as_mut().filter(|more| more.logs.records > 0) {
            Some(more) => more.chunks.clear(),
            None => self.more = None,
        }
    }

    /// The log records that follow it, if there are any.
    pub fn logs(&self) -> Option<&Logs> {
        self.more.as_ref().map(|more| &more.logs).filter(|logs| logs.records > 0)
    }

    pub fn logs_mut(&mut self) -> &mut Logs {
        &mut self.more.get_or_insert_default().logs
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
        self.slots.get(slot as usize).filter(|slot| slot.out != FREE)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize).filter(|slot| slot.out != FREE)
    }

    /// The place of a trace that is held.
    pub fn find(&self, id: &[u8; 16]) -> Option<u32> {
        let same = |slot: &u32| self.slots.get(*slot as usize).is_some_and(|slot| slot.id == *id);
        self.map.find(self.hasher.hash_one(id), same).copied()
    }

    /// All that are held.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.out != FREE)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut().filter(|slot| slot.out != FREE)
    }

    /// The trace of a ticket, if it is still there.
    pub fn by_ticket(&self, ticket: Ticket) -> Option<&Slot> {
        self.get(ticket.slot).filter(|slot| slot.generation() == ticket.generation)
    }

    pub fn by_ticket_mut(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        self.get_mut(ticket.slot).filter(|slot| slot.generation() == ticket.generation)
    }

    /// The place of a trace, and whether it is new there.
    pub fn place(&mut self, id: [u8; 16], now: i64) -> (Ticket, bool) {
        let hash = self.hasher.hash_one(id);
        let slots = &self.slots;
        let same = |slot: &u32| slots.get(*slot as usize).is_some_and(|slot| slot.id == id);
        if let Some(&slot) = self.map.find(hash, same) {
            let generation = self.slots.get(slot as usize).map_or(0, Slot::generation);
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
            self.slots.push(Slot { id, first_seen: now, first, more: None, out: 0, epoch: 0, mark: 0 });
        }
        let mut generation = 0;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            generation = place.generation().wrapping_add(1) & (u32::MAX >> 2);
            (place.id, place.first_seen, place.out, place.mark) = (id, now, 0, generation << 2);
        }
        Ticket { slot, generation }
    }

    /// Lets a trace go.
    pub fn remove(&mut self, slot: u32) {
        let Some(place) = self.slots.get_mut(slot as usize) else {
            return;
        };
        place.out = FREE;
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
