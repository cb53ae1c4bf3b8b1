//! The way of a request: walk, stages, facts.

use std::sync::Arc;

use crate::edit::Around;
use crate::env::{Env, SpanFields, SpanView, Where};
use crate::header::{compute, memo_key, Header};
use crate::index::{trace_id, TraceIndex};
use crate::log;
use crate::meter::Noted;
use crate::metric;
use crate::parts::Parts;
use crate::program::{Program, Scratch, Stage};
use crate::rows::Rows;
use crate::signal::Signal;
use crate::walk::{self, Limit, Limits, Refusal, Walked, RESOURCE_SPANS, SCOPE_SPANS};
use crate::wire::{Bad, Range, Reader, What};
use crate::work::Loc;

/// A span (log record, metric) after the stages.
#[derive(Debug, Clone, Copy)]
pub struct SpanAt {
    pub start: u32,
    pub len: u32,
    /// It stands among the changed ones, not in the request.
    pub changed: bool,
    pub pair: u32,
    /// Its trace; of a metric, which has none, the number of its data points.
    pub row: u32,
}

/// What a request came to.
#[derive(Default)]
pub struct Digested {
    /// Bytes of the spans that changed.
    pub changed: Vec<u8>,
    pub spans: Vec<SpanAt>,
    pub rows: Rows,
    pub ids: Vec<[u8; 16]>,
    /// Each `ResourceSpans` with the number of its `ScopeSpans`, and each of those with the number of its spans.
    pub resources: Vec<(Arc<Header>, u32)>,
    pub scopes: Vec<(Arc<Header>, u32)>,
    /// For each `ScopeSpans` that has spans: its resource and itself.
    pub pairs: Vec<(Arc<Header>, Arc<Header>)>,
    pub is_changed: bool,
    /// Spans that were dropped: by stage that may do so, and their places in the request.
    pub dropped: Vec<u64>,
    pub gone: Vec<u32>,
    /// For each stage that measures.
    pub noted: Vec<Noted>,
}

/// Walks a whole request.
pub fn digest(program: &Program, request: &[u8], context: &[Option<String>]) -> Walked<Digested> {
    if request.len() > program.limits.max_bytes {
        return Err(Refusal::OverLimit(Limit::Bytes));
    }
    if request.len() > i32::MAX as usize {
        return Err(Refusal::Malformed(Bad { what: What::TooLarge, at: 0 }));
    }
    let mut scratch = program.scratch();
    let result = Walk::new(program, request, context, &mut scratch).run();
    program.done(scratch, result.is_ok());
    match result {
        // What is malformed anywhere is malformed, whatever limit was passed before.
        Err(over @ Refusal::OverLimit(_)) => Err(validate(program, request).err().unwrap_or(over)),
        other => other,
    }
}

/// Refuses what is malformed, whatever the limits.
fn validate(program: &Program, request: &[u8]) -> Walked<()> {
    let mut reader = Reader::new(request);
    let (mut outer, mut inner) = (Parts::default(), Parts::default());
    let mut work = crate::work::Work::default();
    while !reader.done() {
        let tag = reader.tag()?;
        if tag != 0x0a {
            reader.skip(tag, 0)?;
            continue;
        }
        let body = reader.len()?;
        outer.read(reader.sub(body), RESOURCE_SPANS)?;
        outer.validate(&reader, RESOURCE_SPANS, false, &Limits::NONE)?;
        for &child in &outer.children {
            inner.read(reader.sub(child), SCOPE_SPANS)?;
            inner.validate(&reader, SCOPE_SPANS, true, &Limits::NONE)?;
            for &span in &inner.children {
                let (child, keys, limits) = (reader.sub(span), &program.keys, &Limits::NONE);
                match keys.signal {
                    Signal::Traces => drop(walk::span(child, keys, limits, program.notes, &mut work)?),
                    Signal::Logs => drop(log::walk(child, keys, limits, program.notes, &mut work)?),
                    Signal::Metrics => drop(metric::walk(child, keys, limits, &mut work)?),
                }
            }
        }
    }
    Ok(())
}

struct Walk<'a> {
    program: &'a Program,
    request: &'a [u8],
    context: &'a [Option<String>],
    /// The context, if headers depend on it.
    header_context: &'a [Option<String>],
    scratch: &'a mut Scratch,
    limits: &'a Limits,
    index: TraceIndex,
    /// Spans so far, with those that were dropped.
    seen: usize,
    /// Log records or metrics so far.
    children: u32,
    out: Digested,
}

impl<'a> Walk<'a> {
    fn new(program: &'a Program, request: &'a [u8], context: &'a [Option<String>], scratch: &'a mut Scratch) -> Self {
        Walk {
            program,
            request,
            context,
            header_context: if program.headers_use_context { context } else { &[] },
            scratch,
            limits: &program.limits,
            index: TraceIndex::default(),
            seen: 0,
            children: 0,
            out: Digested { rows: Rows::new(program.facts.shape()), ..Digested::default() },
        }
    }

    fn run(mut self) -> Walked<Digested> {
        let mut reader = Reader::new(self.request);
        let (mut outer, mut inner) = (Parts::default(), Parts::default());
        while !reader.done() {
            let tag = reader.tag()?;
            if tag != 0x0a {
                reader.skip(tag, 0)?;
                continue;
            }
            let body = reader.len()?;
            let here = reader.sub(body);
            outer.read(here, RESOURCE_SPANS)?;
            let resource = self.header(&here, &outer, None)?;
            self.out.resources.push((Arc::clone(&resource), outer.children.len() as u32));
            for &child in &outer.children {
                let here = reader.sub(child);
                inner.read(here, SCOPE_SPANS)?;
                let scope = self.header(&here, &inner, Some(&resource))?;
                self.out.scopes.push((Arc::clone(&scope), inner.children.len() as u32));
                if self.program.keys.signal.is_traces() {
                    self.spans(&reader, &inner.children, &resource, &scope)?;
                } else {
                    self.others(&reader, &inner.children, &resource, &scope)?;
                }
            }
        }
        self.out.dropped = std::mem::take(&mut self.scratch.dropped);
        self.out.noted = self.scratch.noted.iter_mut().map(Noted::take).collect();
        Ok(self.out)
    }

    fn header(&mut self, reader: &Reader<'_>, parts: &Parts, resource: Option<&Arc<Header>>) -> Walked<Arc<Header>> {
        let resource = resource.map(AsRef::as_ref);
        let mut key = std::mem::take(&mut self.scratch.key);
        memo_key(&mut key, self.program, &parts.header, resource, self.header_context, true);
        let known = self.program.memo().get(&key);
        let header = match known {
            Some(header) => header,
            None => {
                let level = if resource.is_some() { SCOPE_SPANS } else { RESOURCE_SPANS };
                parts.validate(reader, level, resource.is_some(), self.limits)?;
                compute(self.program, &parts.header, resource, self.header_context, self.scratch, &key)
            }
        };
        self.scratch.key = key;
        header.count(self.scratch);
        self.out.is_changed |= header.changed;
        Ok(header)
    }

    fn spans(
        &mut self,
        reader: &Reader<'_>,
        spans: &[Range],
        resource: &Arc<Header>,
        scope: &Arc<Header>,
    ) -> Walked<()> {
        if spans.len() > self.limits.max_spans.saturating_sub(self.seen) {
            return Err(Refusal::OverLimit(Limit::Spans));
        }
        if spans.is_empty() {
            return Ok(());
        }
        let pair = self.out.pairs.len() as u32;
        self.out.pairs.push((Arc::clone(resource), Arc::clone(scope)));
        self.out.spans.reserve(spans.len());
        self.index.reserve(self.request.len() / 256);
        for &range in spans {
            let place = Place { resource, scope, context: self.context };
            self.seen += 1;
            let done = one_span(self.program, reader.sub(range), self.limits, place, self.scratch)?;
            if self.scratch.gone {
                self.out.gone.push(self.seen as u32 - 1);
                self.out.is_changed = true;
                continue;
            }
            let left = self.written(range);
            let Scratch { work, asked, .. } = &mut *self.scratch;
            let id = trace_id(work.bytes(self.request, done.trace_id));
            let row = self.index.row(&mut self.out.ids, &mut self.out.rows, id);
            let env = env(place, work, self.request, &done);
            self.program.facts.add(&mut self.out.rows, row, &env, left.end - left.start, asked);
            self.push(left, pair, row);
        }
        self.without_unused(pair);
        Ok(())
    }

    /// Writes what the scratch holds if it changed; where it stands then, among the changed ones or in the request.
    #[inline(always)]
    fn written(&mut self, came: Range) -> Range {
        if !self.scratch.work.changed {
            return came;
        }
        let changed = &mut self.out.changed;
        if changed.capacity() == 0 {
            changed.reserve(self.request.len() + self.request.len() / 4);
        }
        let start = changed.len();
        self.scratch.work.write_owner(self.request, 0, changed);
        self.out.is_changed = true;
        Range { start, end: changed.len() }
    }

    /// Notes where what the scratch holds was written.
    #[inline(always)]
    fn push(&mut self, at: Range, pair: u32, row: usize) {
        let (start, len) = (at.start as u32, (at.end - at.start) as u32);
        self.out.spans.push(SpanAt { start, len, changed: self.scratch.work.changed, pair, row: row as u32 });
    }

    /// Takes a pair back of which nothing is left.
    fn without_unused(&mut self, pair: u32) {
        if self.out.spans.last().is_none_or(|last| last.pair != pair) {
            self.out.pairs.pop();
        }
    }
}

impl Walk<'_> {
    /// As `spans`, of log records and metrics.
    #[inline(never)]
    fn others(
        &mut self,
        reader: &Reader<'_>,
        children: &[Range],
        resource: &Arc<Header>,
        scope: &Arc<Header>,
    ) -> Walked<()> {
        if children.is_empty() {
            return Ok(());
        }
        let pair = self.out.pairs.len() as u32;
        self.out.pairs.push((Arc::clone(resource), Arc::clone(scope)));
        for &range in children {
            let place = Place { resource, scope, context: self.context };
            let one = other(self.program, reader.sub(range), self.limits, place, self.scratch)?;
            self.seen = self.seen.saturating_add(one.came.max(1));
            if self.seen > self.limits.max_spans {
                return Err(Refusal::OverLimit(Limit::Spans));
            }
            self.children += 1;
            if self.scratch.gone {
                self.out.gone.push(self.children - 1);
                self.out.is_changed = true;
                continue;
            }
            let left = self.written(range);
            let row = match one.trace_id {
                Some(id) => {
                    let id = trace_id(self.scratch.work.bytes(self.request, id));
                    self.index.row(&mut self.out.ids, &mut self.out.rows, id)
                }
                None => one.left,
            };
            self.push(left, pair, row);
        }
        self.without_unused(pair);
        Ok(())
    }
}

/// A log record or a metric after the stages.
pub struct Other {
    /// Of a log record.
    pub trace_id: Option<Loc>,
    /// What it counted for when it came, and what it counts for now: 1, or the data points of a metric.
    pub came: usize,
    pub left: usize,
}

/// Walks a log record or a metric and takes it through the stages; see `one_span`.
#[inline(never)]
pub fn other(
    program: &Program,
    reader: Reader<'_>,
    limits: &Limits,
    place: Place<'_>,
    scratch: &mut Scratch,
) -> Walked<Other> {
    if program.keys.signal == Signal::Metrics {
        let points = metric::one(program, reader, limits, place, scratch)?;
        return Ok(Other { trace_id: None, came: points.came, left: points.left });
    }
    let fields = log::one(program, reader, limits, place, scratch)?;
    Ok(Other { trace_id: Some(fields.trace_id), came: 1, left: 1 })
}

/// Where a span stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub resource: &'a Header,
    pub scope: &'a Header,
    pub context: &'a [Option<String>],
}

/// What conditions see after the last stage.
pub fn env<'a>(place: Place<'a>, work: &'a crate::work::Work, base: &'a [u8], fields: &'a SpanFields) -> Env<'a> {
    Env {
        resource: place.resource.last(),
        scope: place.scope.last(),
        span: Some(SpanView { work, base, fields }),
        event: None,
    }
}

/// Walks one span and takes it through the stages; it is left in the scratch's work, or `gone` and counted.
pub fn one_span(
    program: &Program,
    reader: Reader<'_>,
    limits: &Limits,
    place: Place<'_>,
    scratch: &mut Scratch,
) -> Walked<SpanFields> {
    let base = reader.buf;
    let mut fields = walk::span(reader, &program.keys, limits, program.notes, &mut scratch.work)?;
    scratch.gone = false;
    for &index in &program.span_stages {
        match program.stages.get(index) {
            Some(Stage::Edit(edit)) if edit.on == Where::Span && !edit.may_drop => {
                let (resource, scope) = (place.resource.level(index), place.scope.level(index));
                let span = Some(SpanView { work: &scratch.work, base, fields: &fields });
                if edit.when.holds(&Env { resource, scope, span, event: None }) {
                    let around = Around { resource, scope, span: None, context: place.context, keys: &program.keys };
                    edit.apply(&mut scratch.work, base, &mut fields, &around, &mut scratch.text);
                }
            }
            Some(Stage::Scrub(scrub)) => {
                scrub.span(base, &mut fields, (index, &program.keys), scratch);
                if scrub.drops() > 0 && crate::drop::is_doomed(program, (index, scrub), place, 1, scratch) {
                    scratch.gone = true;
                    break;
                }
            }
            Some(Stage::Measure(measure)) => {
                let (resource, scope) = (place.resource.level(index), place.scope.level(index));
                let span = Some(SpanView { work: &scratch.work, base, fields: &fields });
                measure.note(&Env { resource, scope, span, event: None }, &mut scratch.noted);
            }
            Some(stage) if !crate::drop::passes(program, (index, stage), place, base, &mut fields, 1, scratch) => {
                scratch.gone = true;
                break;
            }
            _ => {}
        }
    }
    if !program.keys.lookups.is_empty() {
        scratch.count_lookups(program.rules);
    }
    Ok(fields)
}
