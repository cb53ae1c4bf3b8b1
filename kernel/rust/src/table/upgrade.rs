//! Another program in the course of the table's life: what is held is walked anew, each trace when it is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::decisions::Decision;
use super::early::{Condition, Early};
use super::settle::{Kept, Spans};
use super::{Inner, Table};
use crate::labels::Book;
use crate::program::{lock, Program};
use crate::records::Records;
use crate::rows::Rows;
use crate::walk::Walked;

/// What stands in the place of the decision of a trace that is walked anew.
const UNDECIDED: Decision = Decision { labels: [0; 2], threshold: 0, at: 0 };

impl Table {
    /// The epochs under which spans are held, and the present one.
    pub fn epochs(&self) -> BTreeSet<u32> {
        lock(&self.inner).epochs()
    }

    /// Holds records of this program from now on; the new epoch. An error, and nothing changed, when an upgrade is
    /// missing or computes other facts.
    pub fn adopt(
        &self,
        program: Arc<Program>,
        upgrades: BTreeMap<u32, Arc<Program>>,
        (kept, dropped): (usize, usize),
        early: Vec<Condition>,
    ) -> Result<u32, String> {
        let mut inner = lock(&self.inner);
        if let Some(missing) = inner.epochs().into_iter().find(|epoch| !upgrades.contains_key(epoch)) {
            return Err(format!("there is no upgrade for what is held under epoch {missing}"));
        }
        let shape = program.facts.shape();
        if upgrades.values().any(|upgrade| upgrade.facts.shape() != shape) {
            return Err("an upgrade computes other facts than the program".to_owned());
        }
        inner.slots.rows = inner.slots.rows.reshaped(shape);
        for slot in inner.slots.iter_mut() {
            slot.out = 0;
            slot.clear_early();
        }
        inner.kept.resize(kept);
        inner.dropped.resize(dropped);
        inner.early = Early::new(early);
        inner.program = program;
        inner.upgrades = upgrades;
        inner.epoch += 1;
        inner.stale = inner.slots.len();
        Ok(inner.epoch)
    }
}

impl Inner {
    fn epochs(&self) -> BTreeSet<u32> {
        self.slots.iter().map(|slot| slot.epoch).chain([self.epoch]).collect()
    }

    /// Brings those traces up to date that more spans come for.
    pub fn upgrade_all(&mut self, records: &Records, decisions: &[Option<Decision>], book: &Arc<Book>) -> Walked<()> {
        if self.stale == 0 {
            return Ok(());
        }
        for (row, id) in records.ids.iter().enumerate() {
            if decisions.get(row).is_some_and(Option::is_some) {
                continue;
            }
            if let Some(slot) = self.slots.find(id) {
                self.upgrade(slot, book)?;
            }
        }
        Ok(())
    }

    /// Walks a trace's spans anew if they were held under an earlier epoch.
    pub fn upgrade(&mut self, slot: u32, book: &Arc<Book>) -> Walked<()> {
        let Some(trace) = self.slots.get(slot).filter(|trace| trace.epoch != self.epoch) else {
            return Ok(());
        };
        let Some(upgrade) = self.upgrades.get(&trace.epoch).map(Arc::clone) else {
            return Ok(());
        };
        let mut held = Kept::new(Rows::new(self.program.facts.shape()));
        held.add(self, slot, UNDECIDED);
        if let Some(held) = held.finish(&self.program, Some(book)) {
            let new = held.refine(&upgrade)?;
            self.release(slot);
            self.hold_again(slot, &new);
        }
        Ok(())
    }

    /// Takes a trace's spans out of what is counted.
    pub fn release(&mut self, slot: u32) {
        let Some(trace) = self.slots.get(slot) else {
            return;
        };
        for chunk in trace.chunks() {
            for (pair, size) in Spans::of(chunk).index() {
                self.headers.release(pair);
                self.spans = self.spans.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(u64::from(size));
            }
        }
    }

    /// Puts a trace's spans, as they are now, in the place of those that were held.
    fn hold_again(&mut self, slot: u32, new: &Records) {
        let epoch = self.epoch;
        if let Some(trace) = self.slots.get_mut(slot) {
            trace.replace(Box::default());
            trace.epoch = epoch;
            self.stale = self.stale.saturating_sub(1);
        }
        let spans: Vec<u32> = (0..new.spans.len() as u32).collect();
        self.hold_spans(new, slot, &spans, &mut vec![None; new.pairs.len()]);
        self.slots.rows.clear(slot as usize);
        self.slots.rows.merge(slot as usize, &new.rows, 0);
    }
}
