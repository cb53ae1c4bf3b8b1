//! Log records that follow the verdicts of their traces. Those whose traces have not come wait apart from the traces.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use foldhash::fast::RandomState;
use serde_json::json;

use super::decisions::Decision;
use super::filing::ByRow;
use super::headers::Headers;
use super::queue::Queue;
use super::settle::{Kept, Spans};
use super::slots::{Chunk, Logs, Slot};
use super::{Inner, Table};
use crate::labels::LabelId;
use crate::program::{lock, Program};
use crate::records::{Buffer, Records, SpanRef};
use crate::rows::{Rows, Shape};
use crate::signal::Signal;

/// What became of log records that follow.
pub struct Followed {
    pub held: u64,
    pub passed: Option<Records>,
    pub untraced: u64,
    pub late: BTreeMap<LabelId, u64>,
}

/// A trace of which only log records came.
struct Waiting {
    first_seen: i64,
    /// Tells it from later ones of the same trace.
    serial: u64,
    logs: Logs,
}

/// Traces of which only log records came, and what is held of log records in all.
#[derive(Default)]
pub struct Following {
    waiting: HashMap<[u8; 16], Waiting, RandomState>,
    arrivals: Queue<([u8; 16], u64)>,
    serial: u64,
    pub records: u64,
    pub bytes: u64,
}

/// The program of records that come back: without stages.
static PROGRAM: LazyLock<Option<Arc<Program>>> = LazyLock::new(|| {
    let limits = json!({"max_bytes": 0, "max_spans": 0, "max_attributes": 0, "max_depth": 0});
    let spec = json!({"signal": "logs", "stages": [], "limits": limits, "context": 0});
    Program::compile(&spec, Vec::new(), Vec::new()).ok().map(Arc::new)
});

/// Log records on their way out, by follower.
pub type ByFollower = BTreeMap<u32, Kept>;

/// Adds the log records of a trace.
pub fn by_follower(out: &mut ByFollower, headers: &Headers, id: [u8; 16], logs: &Logs) {
    for (follower, chunk) in &logs.chunks {
        let kept = out.entry(*follower).or_insert_with(|| Kept::new(Rows::new(Shape::default())));
        kept.logs(headers, id, chunk);
    }
}

pub fn finished(logs: ByFollower) -> BTreeMap<u32, Records> {
    let Some(program) = PROGRAM.as_ref() else { return BTreeMap::new() };
    logs.into_iter().filter_map(|(follower, kept)| Some((follower, kept.finish(program, None)?))).collect()
}

impl Following {
    /// How many traces wait.
    pub fn traces(&self) -> usize {
        self.waiting.len()
    }

    /// Gives a trace that is new the log records that waited for it.
    #[inline]
    pub fn join(&mut self, slot: &mut Slot) {
        if self.waiting.is_empty() {
            return;
        }
        if let Some(waiting) = self.waiting.remove(&slot.id) {
            self.arrivals.left();
            *slot.logs_mut() = waiting.logs;
        }
    }

    /// Takes log records out of what is counted.
    pub fn release(&mut self, headers: &mut Headers, logs: &Logs) {
        self.records = self.records.saturating_sub(logs.records);
        self.bytes = self.bytes.saturating_sub(logs.bytes);
        for (_, chunk) in &logs.chunks {
            Spans::of(chunk).index().for_each(|(pair, _)| headers.release(pair));
        }
    }

    fn waiting(&mut self, id: [u8; 16], now: i64) -> &mut Logs {
        let (serial, arrivals) = (&mut self.serial, &mut self.arrivals);
        let waiting = self.waiting.entry(id).or_insert_with(|| {
            *serial += 1;
            arrivals.push((id, *serial));
            Waiting { first_seen: now, serial: *serial, logs: Logs::default() }
        });
        &mut waiting.logs
    }

    fn sweep(&mut self) {
        let waiting = &self.waiting;
        self.arrivals.sweep(|(id, serial)| waiting.get(&id).is_some_and(|one| one.serial == serial));
    }

    /// The traces that wait, the oldest first.
    fn iter(&self) -> impl Iterator<Item = ([u8; 16], &Waiting)> {
        let found = |(id, serial)| Some((id, self.waiting.get(&id).filter(|one| one.serial == serial)?));
        self.arrivals.iter().filter_map(found)
    }
}

/// What becomes of the log records of one trace.
enum Fate {
    Held,
    Decided(Decision, bool),
    Untraced,
}

impl Table {
    /// Holds log records with their traces. None: they are no log records.
    pub fn follow(&self, records: &Records, now: i64, follower: u32) -> Option<Followed> {
        if records.program.keys.signal != Signal::Logs {
            return None;
        }
        let mut inner = lock(&self.inner);
        let inner = &mut *inner;
        let by_row = ByRow::new(records);
        let mut pairs = vec![None; records.pairs.len()];
        let mut followed = Followed { held: 0, passed: None, untraced: 0, late: BTreeMap::new() };
        let mut passes = Vec::with_capacity(records.ids.len());
        for (row, id) in records.ids.iter().enumerate() {
            let spans = by_row.spans(row);
            let count = spans.len() as u64;
            if count == 0 {
                passes.push(false);
                continue;
            }
            let fate = self.fate(inner, id);
            passes.push(matches!(fate, Fate::Untraced | Fate::Decided(_, true)));
            match fate {
                Fate::Untraced => followed.untraced += count,
                Fate::Decided(decision, _) => *followed.late.entry(decision.labels[0]).or_default() += count,
                Fate::Held => {
                    followed.held += count;
                    inner.hold_logs(records, (*id, follower), now, spans, &mut pairs);
                }
            }
        }
        followed.passed = passed(records, &passes);
        Some(followed)
    }

    fn fate(&self, inner: &mut Inner, id: &[u8; 16]) -> Fate {
        if *id == [0; 16] {
            return Fate::Untraced;
        }
        match inner.kept.get(id).or_else(|| inner.dropped.get(id)) {
            Some(decision) => {
                let book = self.book.read();
                Fate::Decided(decision, book.get(usize::from(decision.labels[0])).is_some_and(|label| label.keep))
            }
            None => Fate::Held,
        }
    }

    /// Lets go of the log records, by follower, whose traces have not come.
    pub fn unmatched(&self, first_seen: i64, limit: usize) -> BTreeMap<u32, Records> {
        let mut inner = lock(&self.inner);
        let Inner { following, headers, .. } = &mut *inner;
        let due = following.iter().take_while(|(_, one)| one.first_seen <= first_seen);
        let due: Vec<_> = due.take(limit).map(|(id, _)| id).collect();
        let mut logs = ByFollower::new();
        for id in due {
            let Some(waiting) = following.waiting.remove(&id) else { continue };
            following.arrivals.left();
            by_follower(&mut logs, headers, id, &waiting.logs);
            following.release(headers, &waiting.logs);
        }
        following.sweep();
        finished(logs)
    }

    /// When the oldest trace came of which there are only log records.
    pub fn next_unmatched(&self) -> Option<i64> {
        let mut inner = lock(&self.inner);
        inner.following.sweep();
        let first = inner.following.iter().next().map(|(_, one)| one.first_seen);
        first
    }
}

impl Inner {
    fn hold_logs(
        &mut self,
        records: &Records,
        (id, follower): ([u8; 16], u32),
        now: i64,
        spans: &[u32],
        pairs: &mut [Option<u32>],
    ) {
        let (chunk, bytes): (Chunk, u64) = self.chunk(records, spans, pairs);
        let count = spans.len() as u64;
        self.following.records += count;
        self.following.bytes += bytes;
        let found = self.slots.find(&id).and_then(|slot| self.slots.get_mut(slot));
        let logs = match found {
            Some(slot) => slot.logs_mut(),
            None => self.following.waiting(id, now),
        };
        logs.chunks.push((follower, chunk));
        logs.records += count;
        logs.bytes += bytes;
    }
}

/// The log records of the rows that pass, in their order.
fn passed(records: &Records, passes: &[bool]) -> Option<Records> {
    let program = PROGRAM.as_ref()?;
    let (mut rows, mut ids) = (Rows::new(Shape::default()), Vec::new());
    let mut new: Vec<Option<u32>> = vec![None; records.ids.len()];
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for span in &records.spans {
        let (row, passes) = (span.row as usize, passes.get(span.row as usize));
        let (Some(true), Some(id), Some(place)) = (passes, records.ids.get(row), new.get_mut(row)) else { continue };
        let row = *place.get_or_insert_with(|| {
            rows.push();
            ids.push(*id);
            ids.len() as u32 - 1
        });
        spans.push(SpanRef { buffer: 0, start: buffer.len() as u32, row, ..*span });
        buffer.extend_from_slice(records.span(span));
    }
    if spans.is_empty() {
        return None;
    }
    Some(Records {
        program: Arc::clone(program),
        buffers: vec![Arc::new(Buffer::Owned(buffer))],
        spans,
        pairs: records.pairs.clone(),
        labels: Mutex::new(vec![[0; 2]; ids.len()]),
        thresholds: vec![0; ids.len()],
        ids,
        rows,
        book: None,
        dropped: Vec::new(),
        origin: None,
        noted: Mutex::default(),
    })
}
