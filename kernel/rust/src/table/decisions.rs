//! What was decided lately: a least-recently-used map from trace id to labels, threshold and time.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::labels::LabelId;

const NOBODY: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
pub struct Decision {
    pub labels: [LabelId; 2],
    pub threshold: u64,
    /// `now` of `settle`, ns.
    pub at: i64,
}

impl Decision {
    /// Whole seconds, rounded up, from the decision until `now`.
    pub fn age(&self, now: i64) -> u64 {
        u64::try_from(now.saturating_sub(self.at)).unwrap_or(0).div_ceil(1_000_000_000)
    }
}

struct Entry {
    id: [u8; 16],
    decision: Decision,
    newer: u32,
    older: u32,
}

pub struct Decisions {
    room: usize,
    map: HashTable<u32>,
    hasher: RandomState,
    entries: Vec<Entry>,
    newest: u32,
    oldest: u32,
}

impl Decisions {
    pub fn new(room: usize) -> Decisions {
        Decisions {
            room: room.min(NOBODY as usize),
            map: HashTable::new(),
            hasher: RandomState::default(),
            entries: Vec::new(),
            newest: NOBODY,
            oldest: NOBODY,
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Gives room to this many; when it is less, the newest stay.
    pub fn resize(&mut self, room: usize) {
        let room = room.min(NOBODY as usize);
        if room >= self.entries.len() {
            self.room = room;
            return;
        }
        let old = std::mem::replace(self, Decisions::new(room));
        let mut at = old.oldest;
        while let Some(entry) = old.entries.get(at as usize) {
            self.add(entry.id, entry.decision);
            at = entry.newer;
        }
    }

    fn find(&self, id: &[u8; 16]) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let same = |at: &u32| self.entries.get(*at as usize).is_some_and(|entry| entry.id == *id);
        self.map.find(self.hasher.hash_one(id), same).copied()
    }

    /// An entry, which is the newest from now on.
    pub fn get(&mut self, id: &[u8; 16]) -> Option<Decision> {
        let at = self.find(id)?;
        self.unlink(at);
        self.link(at);
        self.entries.get(at as usize).map(|entry| entry.decision)
    }

    /// Replaces the labels of an entry that is there; its place stays.
    pub fn change(&mut self, id: &[u8; 16], labels: [LabelId; 2]) {
        let at = self.find(id);
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at as usize)) {
            entry.decision.labels = labels;
        }
    }

    /// Adds an entry; the oldest one goes when there is no room.
    pub fn add(&mut self, id: [u8; 16], decision: Decision) {
        if self.room == 0 {
            return;
        }
        if let Some(at) = self.find(&id) {
            if let Some(entry) = self.entries.get_mut(at as usize) {
                entry.decision = decision;
            }
            self.unlink(at);
            self.link(at);
            return;
        }
        let entry = Entry { id, decision, newer: NOBODY, older: NOBODY };
        let at = if self.entries.len() < self.room {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        } else {
            self.replace_oldest(entry)
        };
        self.link(at);
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash_of = |at: &u32| entries.get(*at as usize).map_or(0, |entry| hasher.hash_one(entry.id));
        self.map.insert_unique(hasher.hash_one(id), at, hash_of);
    }

    fn replace_oldest(&mut self, entry: Entry) -> u32 {
        let at = self.oldest;
        if let Some(old) = self.entries.get(at as usize) {
            if let Ok(place) = self.map.find_entry(self.hasher.hash_one(old.id), |one| *one == at) {
                place.remove();
            }
        }
        self.unlink(at);
        if let Some(old) = self.entries.get_mut(at as usize) {
            *old = entry;
        }
        at
    }

    fn unlink(&mut self, at: u32) {
        let Some(entry) = self.entries.get(at as usize) else {
            return;
        };
        let (newer, older) = (entry.newer, entry.older);
        match self.entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link(&mut self, at: u32) {
        let newest = self.newest;
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.newer = NOBODY;
            entry.older = newest;
        }
        match self.entries.get_mut(newest as usize) {
            Some(entry) => entry.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut decisions = Decisions::new(2);
        let decision = Decision { labels: [1, 0], threshold: 0, at: 0 };
        for id in [1, 2] {
            decisions.add([id; 16], decision);
        }
        assert!(decisions.get(&[1; 16]).is_some());
        decisions.add([3; 16], decision);
        let there: Vec<bool> = [1, 2, 3].map(|id| decisions.find(&[id; 16]).is_some()).into();
        assert_eq!(there, [true, false, true]);
        assert_eq!(decisions.len(), 2);
    }

    #[test]
    fn the_newest_stay_when_room_shrinks() {
        let mut decisions = Decisions::new(4);
        for id in 1..=4 {
            decisions.add([id; 16], Decision { labels: [1, 0], threshold: 0, at: 0 });
        }
        assert!(decisions.get(&[1; 16]).is_some());
        decisions.resize(2);
        decisions.resize(3);
        decisions.add([5; 16], Decision { labels: [1, 0], threshold: 0, at: 0 });
        let there: Vec<bool> = [1, 2, 3, 4, 5].map(|id| decisions.find(&[id; 16]).is_some()).into();
        assert_eq!(there, [true, false, false, true, true]);
    }
}
