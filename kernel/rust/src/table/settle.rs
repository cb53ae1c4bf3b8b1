//! Letting go of traces that were judged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::following::{by_follower, finished};
use super::headers::Headers;
use super::queue::Ticket;
use super::slots::{Chunk, Slot};
use super::{Decision, Inner, Out, Settled, Table};
use crate::labels::{Book, LabelId};
use crate::program::{lock, Program};
use crate::records::{Buffer, Pair, Records, SpanRef};
use crate::rows::Rows;

/// A buffer is not filled beyond this, so that positions fit 32 bits.
const BUFFER: usize = 1 << 30;

/// Traces that are kept, as they are taken out of the table.
pub struct Kept {
    buffers: Vec<Vec<u8>>,
    spans: Vec<SpanRef>,
    pairs: Vec<Pair>,
    /// From the table's number of a pair to that in the records.
    numbers: BTreeMap<u32, u32>,
    ids: Vec<[u8; 16]>,
    rows: Rows,
    thresholds: Vec<u64>,
    labels: Vec<[LabelId; 2]>,
}

impl Kept {
    pub fn new(rows: Rows) -> Kept {
        Kept {
            buffers: Vec::new(),
            spans: Vec::new(),
            pairs: Vec::new(),
            numbers: BTreeMap::new(),
            ids: Vec::new(),
            rows,
            thresholds: Vec::new(),
            labels: Vec::new(),
        }
    }

    pub fn add(&mut self, inner: &Inner, slot: u32, decision: Decision) {
        let Some(trace) = inner.slots.get(slot) else {
            return;
        };
        let row = self.rows.push_copy(&inner.slots.rows, slot as usize) as u32;
        self.ids.push(trace.id);
        self.labels.push(decision.labels);
        self.thresholds.push(decision.threshold);
        for chunk in trace.chunks() {
            self.chunk(&inner.headers, chunk, row);
        }
    }

    fn chunk(&mut self, headers: &Headers, chunk: &Chunk, row: u32) {
        for (pair, span) in Spans::of(chunk) {
            let pair = self.pair(headers, pair);
            let (buffer, start) = self.store(span);
            self.spans.push(SpanRef { buffer, start, len: span.len() as u32, pair, row });
        }
    }

    /// Adds log records of a trace, which have no facts.
    pub fn logs(&mut self, headers: &Headers, id: [u8; 16], chunk: &Chunk) {
        if self.ids.last() != Some(&id) {
            self.rows.push();
            self.ids.push(id);
            self.labels.push([0; 2]);
            self.thresholds.push(0);
        }
        self.chunk(headers, chunk, self.ids.len() as u32 - 1);
    }

    fn pair(&mut self, headers: &Headers, number: u32) -> u32 {
        let pairs = &mut self.pairs;
        *self.numbers.entry(number).or_insert_with(|| {
            pairs.extend(headers.get(number));
            pairs.len() as u32 - 1
        })
    }

    fn store(&mut self, span: &[u8]) -> (u32, u32) {
        if self.buffers.last().is_none_or(|last| last.len() + span.len() > BUFFER) {
            self.buffers.push(Vec::new());
        }
        let buffer = self.buffers.len() as u32 - 1;
        let mut start = 0;
        if let Some(last) = self.buffers.last_mut() {
            start = last.len() as u32;
            last.extend_from_slice(span);
        }
        (buffer, start)
    }

    pub fn finish(self, program: &Arc<Program>, book: Option<&Arc<Book>>) -> Option<Records> {
        if self.ids.is_empty() {
            return None;
        }
        Some(Records {
            program: Arc::clone(program),
            buffers: self.buffers.into_iter().map(|buffer| Arc::new(Buffer::Owned(buffer))).collect(),
            spans: self.spans,
            pairs: self.pairs,
            ids: self.ids,
            rows: self.rows,
            thresholds: self.thresholds,
            labels: Mutex::new(self.labels),
            book: book.map(Arc::clone),
            dropped: Vec::new(),
            noted: Mutex::default(),
            origin: None,
        })
    }
}

/// The spans of a chunk: pairs and lengths, and the bytes from there on.
pub struct Spans<'a> {
    index: &'a [[u8; 8]],
    rest: &'a [u8],
}

impl<'a> Spans<'a> {
    pub fn of(chunk: &'a [u8]) -> Spans<'a> {
        let (count, rest) = chunk.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let (index, rest) = rest.split_at_checked(8 * u32::from_le_bytes(*count) as usize).unwrap_or((&[], &[]));
        Spans { index: index.as_chunks::<8>().0, rest }
    }

    /// Pairs and lengths alone.
    pub fn index(self) -> impl Iterator<Item = (u32, u32)> + 'a {
        self.index.iter().map(|[a, b, c, d, e, f, g, h]| {
            (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
        })
    }
}

impl<'a> Iterator for Spans<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (pair, size) = Spans { index: self.index.get(..1)?, rest: &[] }.index().next()?;
        self.index = self.index.get(1..)?;
        let (span, rest) = self.rest.split_at_checked(size as usize)?;
        self.rest = rest;
        Some((pair, span))
    }
}

impl Table {
    /// Lets go of the rows' traces, at `now`; those whose label keeps come back, label 0 puts back. The rows must be out of this
    /// table, and there must be as many (valid) verdicts; otherwise the error says what is wrong.
    pub fn settle(
        self: &Arc<Self>,
        out: &mut Option<Out>,
        verdicts: &[LabelId],
        thresholds: &[u64],
        now: i64,
    ) -> Result<Settled, String> {
        let mut inner = lock(&self.inner);
        let rows = self.checked(&inner, out.as_ref())?;
        let book = self.book.read();
        let mut kept = Kept::new(Rows::new(inner.program.facts.shape()));
        let mut tally: BTreeMap<LabelId, (u64, u64, u64)> = BTreeMap::new();
        let (mut logs, mut followed) = (BTreeMap::new(), BTreeMap::new());
        for (index, (ticket, &verdict)) in rows.iter().zip(verdicts).enumerate() {
            if verdict == 0 {
                if let Some(slot) = inner.slots.get_mut(ticket.slot) {
                    slot.out = 0;
                }
                continue;
            }
            let row = inner.slots.rows.get(ticket.slot as usize);
            let sum = tally.entry(verdict).or_default();
            *sum = (sum.0 + 1, sum.1 + u64::from(row.spans), sum.2 + row.bytes);
            let threshold = thresholds.get(index).copied().unwrap_or(0);
            let decision = Decision { labels: [verdict, 0], threshold, at: now };
            let keep = book.get(usize::from(verdict)).is_some_and(|label| label.keep);
            if keep {
                kept.add(&inner, ticket.slot, decision);
            }
            if let Some((trace, its)) = inner.slots.get(ticket.slot).and_then(|slot| Some((slot, slot.logs()?))) {
                *followed.entry(verdict).or_default() += its.records;
                if keep {
                    by_follower(&mut logs, &inner.headers, trace.id, its);
                }
            }
            inner.forget(ticket.slot, decision, keep);
        }
        inner.sweep();
        let program = Arc::clone(&inner.program);
        drop(inner);
        if let Some(mut out) = out.take() {
            out.rows.clear();
        }
        Ok(Settled { kept: kept.finish(&program, Some(&self.book)), tally, logs: finished(logs), followed })
    }

    fn checked(self: &Arc<Self>, inner: &Inner, out: Option<&Out>) -> Result<Vec<Ticket>, String> {
        let missing = || "the traces of these columns are not out to be judged".to_owned();
        let out = out.filter(|out| Arc::ptr_eq(&out.table, self)).ok_or_else(missing)?;
        let is_out = |ticket: &Ticket| inner.slots.by_ticket(*ticket).is_some_and(|slot| slot.out == out.number);
        if out.rows.iter().all(is_out) {
            Ok(out.rows.clone())
        } else {
            Err(missing())
        }
    }
}

impl Inner {
    /// Takes a trace out of the table and remembers what was decided.
    fn forget(&mut self, slot: u32, decision: Decision, keep: bool) {
        self.release(slot);
        if let Some(logs) = self.slots.get(slot).and_then(Slot::logs) {
            self.following.release(&mut self.headers, logs);
        }
        let Some(trace) = self.slots.get(slot) else {
            return;
        };
        let (id, rooted, early) = (trace.id, trace.has_root(), trace.is_early());
        let decisions = if keep { &mut self.kept } else { &mut self.dropped };
        decisions.add(id, decision);
        self.slots.remove(slot);
        self.arrivals.left();
        if rooted {
            self.roots.left();
        }
        if early {
            self.early.ready.left();
            self.early.count = self.early.count.saturating_sub(1);
        }
    }
}
