//! The table: traces held until they are judged, and what was decided lately.

mod decisions;
mod early;
mod filing;
mod following;
mod headers;
mod queue;
mod settle;
mod slots;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::columns::Columns;
use crate::labels::{Book, LabelId};
use crate::program::{lock, Program};
use crate::records::Records;
use crate::walk::Walked;
use decisions::{Decision, Decisions};
pub use early::Condition;
use early::Early;
use filing::{ByRow, Selection};
use following::Following;
use headers::Headers;
use queue::{Queue, Rooted, Ticket};
use slots::{Slot, Slots};

/// What a span and a trace cost besides the span's bytes.
const SPAN_COST: u64 = 24;
const TRACE_COST: u64 = 128;

pub struct Table {
    pub book: Arc<Book>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// Whose records are held from now on.
    program: Arc<Program>,
    /// The number of the program; spans held under an earlier one are walked anew before anybody sees them.
    epoch: u32,
    /// What that walk is, by the epoch under which the spans were held.
    upgrades: BTreeMap<u32, Arc<Program>>,
    /// Traces held under an earlier epoch.
    stale: usize,
    slots: Slots,
    arrivals: Queue<Ticket>,
    roots: Queue<Rooted>,
    early: Early,
    headers: Headers,
    kept: Decisions,
    dropped: Decisions,
    following: Following,
    spans: u64,
    bytes: u64,
    /// The number of the last columns that were handed out.
    columns: u32,
}

/// Rows that are out to be judged; given back when this is dropped.
pub struct Out {
    table: Arc<Table>,
    number: u32,
    rows: Vec<Ticket>,
}

/// What became of records that were filed.
#[derive(Default)]
pub struct Filed {
    pub held_spans: u64,
    pub new_traces: u64,
    pub late_kept: Option<Records>,
    pub late: BTreeMap<LabelId, u64>,
    /// Late traces by whole seconds since they were settled.
    pub late_ages: BTreeMap<u64, u64>,
}

/// What became of traces that were judged.
pub struct Settled {
    pub kept: Option<Records>,
    /// Traces, spans and bytes by verdict label.
    pub tally: BTreeMap<LabelId, (u64, u64, u64)>,
    /// Log records that followed those that are kept, by follower.
    pub logs: BTreeMap<u32, Records>,
    /// Log records by verdict label.
    pub followed: BTreeMap<LabelId, u64>,
}

/// What a table holds.
pub struct Stats {
    pub traces: usize,
    pub spans: u64,
    pub held_bytes: u64,
    pub headers: usize,
    pub kept_decisions: usize,
    pub dropped_decisions: usize,
    pub early: usize,
    pub logs: u64,
    pub log_traces: usize,
}

impl Table {
    pub fn new(program: Arc<Program>, book: Arc<Book>, kept: usize, dropped: usize, early: Vec<Condition>) -> Table {
        let slots = Slots::new(program.facts.shape());
        let inner = Inner {
            program,
            epoch: 0,
            upgrades: BTreeMap::new(),
            stale: 0,
            slots,
            arrivals: Queue::default(),
            roots: Queue::default(),
            early: Early::new(early),
            headers: Headers::default(),
            kept: Decisions::new(kept),
            dropped: Decisions::new(dropped),
            following: Following::default(),
            spans: 0,
            bytes: 0,
            columns: 0,
        };
        Table { book, inner: Mutex::new(inner) }
    }

    /// Holds records of the table's program; late spans follow the verdict of their trace. None: they are another's.
    pub fn file(&self, records: &Records, now: i64) -> Walked<Option<Filed>> {
        let mut inner = lock(&self.inner);
        let inner = &mut *inner;
        if !Arc::ptr_eq(&records.program, &inner.program) {
            return Ok(None);
        }
        let decisions = inner.decisions(records);
        inner.upgrade_all(records, &decisions, &self.book)?;
        let by_row = ByRow::new(records);
        let mut pairs = vec![None; records.pairs.len()];
        let mut filed = Filed::default();
        for (row, id) in records.ids.iter().enumerate() {
            let spans = by_row.spans(row);
            if let Some(Some(decision)) = decisions.get(row) {
                *filed.late.entry(decision.labels[0]).or_default() += spans.len() as u64;
                *filed.late_ages.entry(decision.age(now)).or_default() += 1;
                continue;
            }
            filed.held_spans += spans.len() as u64;
            let (slot, new) = inner.hold(records, row, *id, now);
            filed.new_traces += u64::from(new);
            inner.hold_spans(records, slot, spans, &mut pairs);
        }
        if !filed.late.is_empty() {
            filed.late_kept = self.late(records, &decisions);
        }
        Ok(Some(filed))
    }

    /// The spans of traces that were kept before.
    fn late(&self, records: &Records, decisions: &[Option<Decision>]) -> Option<Records> {
        let book = self.book.read();
        let keeps = |decision: &Decision| book.get(usize::from(decision.labels[0])).is_some_and(|label| label.keep);
        let mut chosen = Selection::new(records);
        for (row, id) in records.ids.iter().enumerate() {
            if let Some(decision) = decisions.get(row).copied().flatten().filter(keeps) {
                chosen.row(row, *id, decision);
            }
        }
        chosen.finish(&self.book)
    }

    /// The oldest traces that are due, at most `limit`.
    pub fn due(self: &Arc<Self>, first_seen: i64, root_seen: Option<i64>, limit: usize) -> Walked<Columns> {
        let mut inner = lock(&self.inner);
        let mut chosen = Vec::new();
        inner.sweep();
        let (slots, arrivals, roots) = (&inner.slots, &inner.arrivals, &inner.roots);
        for ticket in arrivals.iter() {
            let Some(slot) = slots.by_ticket(ticket) else {
                continue;
            };
            if slot.first_seen > first_seen || chosen.len() >= limit {
                break;
            }
            if slot.out == 0 {
                chosen.push(ticket);
            }
        }
        for Rooted { ticket, at } in roots.iter() {
            let Some(slot) = slots.by_ticket(ticket) else {
                continue;
            };
            if root_seen.is_none_or(|latest| at > latest) || chosen.len() >= limit {
                break;
            }
            if slot.out == 0 && slot.first_seen > first_seen {
                chosen.push(ticket);
            }
        }
        inner.hand_out(self, chosen)
    }

    /// The traces that satisfy an early condition, in the order in which they came to; at most `limit`.
    pub fn early(self: &Arc<Self>, limit: usize) -> Walked<Columns> {
        let mut inner = lock(&self.inner);
        inner.sweep();
        let (slots, ready) = (&inner.slots, &inner.early.ready);
        let waits = |ticket: &Ticket| slots.by_ticket(*ticket).is_some_and(|slot| slot.out == 0);
        let chosen = ready.iter().filter(waits).take(limit).collect();
        inner.hand_out(self, chosen)
    }

    /// The traces with the most held bytes times age, until they hold `wanted` bytes; at most `limit`.
    pub fn heaviest(self: &Arc<Self>, now: i64, wanted: u64, limit: usize) -> Walked<Columns> {
        let mut inner = lock(&self.inner);
        inner.sweep();
        let mut waiting: Vec<(i128, i64, usize, Ticket, u64)> = Vec::new();
        for (order, ticket) in inner.arrivals.iter().enumerate() {
            if let Some(slot) = inner.slots.by_ticket(ticket).filter(|slot| slot.out == 0) {
                let (age, cost) = (now.saturating_sub(slot.first_seen), inner.cost(ticket.slot));
                waiting.push((-(i128::from(cost) * i128::from(age)), age, order, ticket, cost));
            }
        }
        let key = |one: &(i128, i64, usize, Ticket, u64)| (one.0, std::cmp::Reverse(one.1), one.2);
        if limit < waiting.len() {
            waiting.select_nth_unstable_by_key(limit, key);
            waiting.truncate(limit);
        }
        waiting.sort_unstable_by_key(key);
        let (mut sum, mut chosen) = (0u64, Vec::new());
        for (_, _, _, ticket, cost) in waiting {
            if sum >= wanted {
                break;
            }
            sum += cost;
            chosen.push(ticket);
        }
        inner.hand_out(self, chosen)
    }

    /// Replaces what is remembered of the records' traces by the labels that they have now.
    pub fn remember(&self, records: &Records) {
        let labels = records.labels_now();
        let mut inner = lock(&self.inner);
        for (id, labels) in records.ids.iter().zip(labels) {
            inner.kept.change(id, labels);
            inner.dropped.change(id, labels);
        }
    }

    /// `first_seen` of the oldest trace that waits, and the earliest moment at which the root of one came.
    pub fn next_due(&self) -> (Option<i64>, Option<i64>) {
        let mut inner = lock(&self.inner);
        inner.sweep();
        let slots = &inner.slots;
        let waits = |ticket| slots.by_ticket(ticket).filter(|slot| slot.out == 0);
        let first = inner.arrivals.iter().find_map(waits).map(|slot| slot.first_seen);
        let root = inner.roots.iter().find(|rooted| waits(rooted.ticket).is_some()).map(|rooted| rooted.at);
        (first, root)
    }

    pub fn held_bytes(&self) -> u64 {
        lock(&self.inner).held_bytes()
    }

    pub fn stats(&self) -> Stats {
        let inner = lock(&self.inner);
        let traces = inner.slots.len();
        Stats {
            traces,
            spans: inner.spans,
            held_bytes: inner.held_bytes(),
            headers: inner.headers.len(),
            kept_decisions: inner.kept.len(),
            dropped_decisions: inner.dropped.len(),
            early: inner.early.count,
            logs: inner.following.records,
            log_traces: inner.following.traces(),
        }
    }

    /// Takes back the rows of columns that nobody will judge.
    fn give_back(&self, out: &Out) {
        let mut inner = lock(&self.inner);
        for &ticket in &out.rows {
            if let Some(slot) = inner.slots.by_ticket_mut(ticket).filter(|slot| slot.out == out.number) {
                slot.out = 0;
            }
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if !self.rows.is_empty() {
            self.table.give_back(self);
        }
    }
}

impl Inner {
    fn decisions(&mut self, records: &Records) -> Vec<Option<Decision>> {
        if self.kept.len() + self.dropped.len() == 0 {
            return Vec::new();
        }
        records.ids.iter().map(|id| self.kept.get(id).or_else(|| self.dropped.get(id))).collect()
    }

    fn sweep(&mut self) {
        let slots = &self.slots;
        self.arrivals.sweep(|ticket| slots.by_ticket(ticket).is_some());
        self.roots.sweep(|rooted| slots.by_ticket(rooted.ticket).is_some());
        self.early.ready.sweep(|ticket| slots.by_ticket(ticket).is_some());
    }

    fn held_bytes(&self) -> u64 {
        let logs = self.following.bytes + SPAN_COST * self.following.records;
        let traces = self.slots.len() + self.following.traces();
        self.bytes + SPAN_COST * self.spans + TRACE_COST * traces as u64 + self.headers.bytes + logs
    }

    /// Held bytes of a trace without its headers.
    fn cost(&self, slot: u32) -> u64 {
        let row = self.slots.rows.get(slot as usize);
        let logs = self.slots.get(slot).and_then(Slot::logs).map_or(0, |logs| logs.bytes + SPAN_COST * logs.records);
        row.bytes + SPAN_COST * u64::from(row.spans) + TRACE_COST + logs
    }

    /// Merges a trace's facts: where it is held, and whether it is new.
    fn hold(&mut self, records: &Records, row: usize, id: [u8; 16], now: i64) -> (u32, bool) {
        let (ticket, new) = self.slots.place(id, now);
        self.slots.rows.merge(ticket.slot as usize, &records.rows, row);
        if new {
            self.arrivals.push(ticket);
            let epoch = self.epoch;
            if let Some(slot) = self.slots.get_mut(ticket.slot) {
                slot.epoch = epoch;
                self.following.join(slot);
            }
        }
        if records.rows.get(row).root {
            if let Some(slot) = self.slots.get_mut(ticket.slot).filter(|slot| !slot.has_root()) {
                slot.set_root();
                self.roots.push(Rooted { ticket, at: now });
            }
        }
        self.look_early(&records.program.facts, ticket);
        (ticket.slot, new)
    }

    /// Columns of these traces, which are out until they are settled or given back.
    fn hand_out(&mut self, table: &Arc<Table>, chosen: Vec<Ticket>) -> Walked<Columns> {
        for ticket in &chosen {
            self.upgrade(ticket.slot, &table.book)?;
        }
        let program = Arc::clone(&self.program);
        // 0 is none, and the largest number is taken by free places.
        self.columns = self.columns % (u32::MAX - 1) + 1;
        let mut columns = Columns::new(&program.facts);
        for ticket in &chosen {
            if let Some(slot) = self.slots.by_ticket_mut(*ticket) {
                slot.out = self.columns;
                let (id, first_seen) = (slot.id, slot.first_seen);
                columns.add(&program.facts, &self.slots.rows, ticket.slot as usize, id, first_seen);
            }
        }
        columns.out = Some(Out { table: Arc::clone(table), number: self.columns, rows: chosen });
        Ok(columns)
    }
}
