//! Records: spans with the facts and labels of their traces.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;
use pyo3::pybacked::PyBackedBytes;

use crate::digest::{env, one_span, other, Digested, Place};
use crate::env::Env;
use crate::header::{compute, memo_key, Header};
use crate::labels::{Book, LabelId};
use crate::meter::Noted;
use crate::program::{lock, Program, Scratch, Stage};
use crate::rebuild::Rebuild;
use crate::rows::Rows;
use crate::signal::Signal;
use crate::walk::{Limits, Walked};
use crate::wire::Reader;
use crate::work::Work;

/// Bytes that spans stand in.
pub enum Buffer {
    Python(PyBackedBytes),
    Owned(Vec<u8>),
}

impl Buffer {
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Buffer::Python(bytes) => bytes,
            Buffer::Owned(bytes) => bytes,
        }
    }
}

/// A span with where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct SpanRef {
    pub buffer: u32,
    pub start: u32,
    pub len: u32,
    /// Its resource and scope.
    pub pair: u32,
    /// Its trace; of a metric, which has none, the number of its data points.
    pub row: u32,
}

/// Headers of a resource and a scope.
pub type Pair = (Arc<[u8]>, Arc<[u8]>);

/// What `digest` keeps to write the whole request again.
pub struct Origin {
    pub resources: Vec<(Arc<Header>, u32)>,
    pub scopes: Vec<(Arc<Header>, u32)>,
    is_changed: bool,
    /// Places of spans that were dropped.
    pub gone: Vec<u32>,
}

pub struct Records {
    pub program: Arc<Program>,
    pub buffers: Vec<Arc<Buffer>>,
    pub spans: Vec<SpanRef>,
    pub pairs: Vec<Pair>,
    pub ids: Vec<[u8; 16]>,
    pub rows: Rows,
    /// By row; empty when all are 0.
    pub thresholds: Vec<u64>,
    pub labels: Mutex<Vec<[LabelId; 2]>>,
    pub book: Option<Arc<Book>>,
    pub origin: Option<Origin>,
    /// Spans that were dropped, by stage that may do so.
    pub dropped: Vec<u64>,
    /// What the walk noted for meters, by stage, until it is counted.
    pub noted: Mutex<Vec<Noted>>,
}

impl Records {
    /// The records of a digested request.
    pub fn of_request(program: Arc<Program>, request: PyBackedBytes, digested: Digested) -> Records {
        let spans = digested.spans.iter().map(|span| SpanRef {
            buffer: span.changed.into(),
            start: span.start,
            len: span.len,
            pair: span.pair,
            row: span.row,
        });
        let pairs = digested.pairs.iter();
        Records {
            program,
            spans: spans.collect(),
            pairs: pairs.map(|(resource, scope)| (Arc::clone(&resource.bytes), Arc::clone(&scope.bytes))).collect(),
            buffers: vec![Arc::new(Buffer::Python(request)), Arc::new(Buffer::Owned(digested.changed))],
            labels: Mutex::new(vec![[0; 2]; digested.ids.len()]),
            ids: digested.ids,
            rows: digested.rows,
            thresholds: Vec::new(),
            book: None,
            origin: Some(Origin {
                resources: digested.resources,
                scopes: digested.scopes,
                is_changed: digested.is_changed,
                gone: digested.gone,
            }),
            dropped: digested.dropped,
            noted: Mutex::new(digested.noted),
        }
    }

    #[inline]
    pub fn span(&self, span: &SpanRef) -> &[u8] {
        let buffer = self.buffers.get(span.buffer as usize).map_or(&[][..], |buffer| buffer.bytes());
        buffer.get(span.start as usize..span.start as usize + span.len as usize).unwrap_or(&[])
    }

    /// How many spans, log records or data points a span (log record, metric) counts for.
    #[inline]
    pub fn counts(&self, span: &SpanRef) -> usize {
        match self.program.keys.signal {
            Signal::Metrics => span.row as usize,
            _ => 1,
        }
    }

    /// How many spans, log records or data points.
    pub fn count(&self) -> usize {
        match self.program.keys.signal {
            Signal::Metrics => self.spans.iter().map(|span| span.row as usize).sum(),
            _ => self.spans.len(),
        }
    }

    /// Of span messages.
    pub fn bytes(&self) -> u64 {
        self.spans.iter().map(|span| u64::from(span.len)).sum()
    }

    pub fn threshold(&self, row: u32) -> u64 {
        self.thresholds.get(row as usize).copied().unwrap_or(0)
    }

    pub fn labels_now(&self) -> Vec<[LabelId; 2]> {
        lock(&self.labels).clone()
    }

    /// Counts in its meters what the walk has noted; once.
    pub fn measure(&self, now: i64) {
        let noted = std::mem::take(&mut *lock(&self.noted));
        let stages = self.program.stages.iter().filter_map(|stage| match stage {
            Stage::Measure(measure) => Some(measure),
            _ => None,
        });
        for (measure, noted) in stages.zip(&noted) {
            measure.meter.count(noted, now);
        }
    }

    /// The whole request after the stages; None when it is the one that came in. False in the second place: these
    /// records are not those of a request.
    pub fn request(&self) -> (Option<Vec<u8>>, bool) {
        let Some(origin) = &self.origin else {
            return (None, false);
        };
        let original = self.buffers.first().map_or(&[][..], |buffer| buffer.bytes());
        if !origin.is_changed {
            return (None, true);
        }
        let new = Rebuild::new(self, origin, original).run();
        ((new != original).then_some(new), true)
    }

    /// The spans walked anew by another program; labels stay.
    pub fn refine(&self, program: &Arc<Program>) -> Walked<Records> {
        let mut scratch = program.scratch();
        let result = self.refined(program, &mut scratch);
        program.done(scratch, result.is_ok());
        result
    }

    fn refined(&self, program: &Arc<Program>, scratch: &mut Scratch) -> Walked<Records> {
        let mut rows = Rows::new(program.facts.shape());
        for _ in &self.ids {
            rows.push();
        }
        let headers = refined_headers(program, &self.pairs, scratch);
        let (mut changed, mut spans) = (Vec::new(), Vec::with_capacity(self.spans.len()));
        let buffer = self.buffers.len() as u32;
        for span in &self.spans {
            let Some((resource, scope)) = headers.get(span.pair as usize) else {
                continue;
            };
            let place = Place { resource, scope, context: &[] };
            let base = self.span(span);
            if !program.keys.signal.is_traces() {
                let one = other(program, Reader::new(base), &Limits::NONE, place, scratch)?;
                let row = if one.trace_id.is_some() { span.row } else { one.left as u32 };
                if !scratch.gone {
                    let new = SpanRef { row, ..*span };
                    spans.push(written(&scratch.work, base, new, buffer, &mut changed));
                }
                continue;
            }
            let fields = one_span(program, Reader::new(base), &Limits::NONE, place, scratch)?;
            if scratch.gone {
                continue;
            }
            let Scratch { work, asked, .. } = &mut *scratch;
            let new = written(work, base, *span, buffer, &mut changed);
            let env: Env<'_> = env(place, work, base, &fields);
            program.facts.add(&mut rows, span.row as usize, &env, new.len as usize, asked);
            spans.push(new);
        }
        let mut buffers = self.buffers.clone();
        buffers.push(Arc::new(Buffer::Owned(changed)));
        Ok(Records {
            program: Arc::clone(program),
            buffers,
            spans,
            pairs: headers.iter().map(|(one, two)| (Arc::clone(&one.bytes), Arc::clone(&two.bytes))).collect(),
            ids: self.ids.clone(),
            rows,
            thresholds: self.thresholds.clone(),
            labels: Mutex::new(self.labels_now()),
            book: self.book.clone(),
            origin: None,
            dropped: std::mem::take(&mut scratch.dropped),
            noted: Mutex::new(scratch.noted.iter_mut().map(Noted::take).collect()),
        })
    }
}

/// The span as it is now: where it was, or (when it changed) appended to the buffer of that number.
fn written(work: &Work, base: &[u8], span: SpanRef, buffer: u32, changed: &mut Vec<u8>) -> SpanRef {
    if !work.changed {
        return span;
    }
    let start = changed.len();
    work.write_owner(base, 0, changed);
    SpanRef { buffer, start: start as u32, len: (changed.len() - start) as u32, ..span }
}

/// The headers of all pairs after another program's stages. Each distinct one is counted once.
fn refined_headers(program: &Program, pairs: &[Pair], scratch: &mut Scratch) -> Vec<(Arc<Header>, Arc<Header>)> {
    let mut resources: HashMap<&[u8], Arc<Header>, RandomState> = HashMap::default();
    let mut scopes: HashMap<(u64, &[u8]), Arc<Header>, RandomState> = HashMap::default();
    let mut out = Vec::with_capacity(pairs.len());
    for (resource, scope) in pairs {
        let resource = resources.entry(resource).or_insert_with(|| refined_header(program, resource, None, scratch));
        let known = scopes.entry((resource.id, scope));
        let scope = known.or_insert_with(|| refined_header(program, scope, Some(resource), scratch));
        out.push((Arc::clone(resource), Arc::clone(scope)));
    }
    out
}

fn refined_header(program: &Program, base: &[u8], resource: Option<&Header>, scratch: &mut Scratch) -> Arc<Header> {
    let mut key = std::mem::take(&mut scratch.key);
    // Without a request there are no context values: as if each were null.
    memo_key(&mut key, program, base, resource, &[], false);
    let known = program.memo().get(&key);
    let header = known.unwrap_or_else(|| compute(program, base, resource, &[], scratch, &key));
    scratch.key = key;
    header.count(scratch);
    header
}
