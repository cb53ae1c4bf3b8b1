//! A compiled program: stages, facts, limits, and what is kept between requests for speed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;

use crate::drop::Filter;
use crate::edit::Edit;
use crate::env::Where;
use crate::facts::Facts;
use crate::header::Memo;
use crate::keys::Keys;
use crate::leaves::Asked;
use crate::lookup::Lookup;
use crate::meter::{Measure, Meter, Noted};
use crate::sample::Sample;
use crate::scrub::{self, Scrub, POSITIONS};
use crate::signal::Signal;
use crate::spec::{given, listed, natural, only, shown, Outcome};
use crate::walk::{Limits, Notes};
use crate::work::Work;

pub enum Stage {
    Edit(Edit),
    Scrub(Box<Scrub>),
    Filter(Filter),
    Sample(Sample),
    Measure(Box<Measure>),
}

impl Stage {
    /// The level that it stands on.
    pub fn on(&self) -> Where {
        match self {
            Stage::Edit(edit) => edit.on,
            Stage::Filter(filter) => filter.on,
            Stage::Scrub(_) | Stage::Sample(_) | Stage::Measure(_) => Where::Span,
        }
    }

    /// For how many reasons it may drop spans, log records or data points.
    pub fn drops(&self, signal: Signal) -> usize {
        match self {
            Stage::Sample(_) => 1,
            Stage::Filter(filter) => usize::from(filter.on == Where::Span || !signal.is_traces()),
            Stage::Edit(edit) => usize::from(edit.may_drop),
            Stage::Scrub(scrub) => scrub.drops(),
            Stage::Measure(_) => 0,
        }
    }
}

pub struct Program {
    pub keys: Keys,
    pub stages: Vec<Stage>,
    pub facts: Facts,
    pub limits: Limits,
    pub notes: Notes,
    /// For how many reasons spans may be dropped, and how many stages measure them.
    pub drops: usize,
    pub measures: usize,
    /// The stages that touch spans, by their place.
    pub span_stages: Vec<usize>,
    /// Whether headers depend on the values that come with a request.
    pub headers_use_context: bool,
    /// How many scrub rules there are.
    pub rules: usize,
    /// Since the start: replacements by scrub rule, then what was found and not found in each lookup.
    pub counters: Vec<AtomicU64>,
    /// Of the scrub rules, for each in each of the positions.
    pub places: Vec<AtomicU64>,
    memo: Mutex<Memo>,
    pool: Mutex<Vec<Scratch>>,
}

/// Memory for the walk of one request, used again for later ones.
#[derive(Default)]
pub struct Scratch {
    pub work: Work,
    pub header_work: Work,
    pub event_work: Work,
    /// Whether the span that was walked last was dropped.
    pub gone: bool,
    /// Spans of this request that were dropped, by stage that may do so.
    pub dropped: Vec<u64>,
    /// For each stage that measures.
    pub noted: Vec<Noted>,
    pub text: Vec<u8>,
    pub key: Vec<u8>,
    /// As `Program::counters`, of this request.
    pub counts: Vec<u64>,
    /// As `Program::places`, of this request; empty as long as nothing was replaced.
    pub places: Vec<u64>,
    /// Items of a span that a stage must look at more closely.
    pub todo: Vec<usize>,
    /// For each stage; empty where a stage is no scrub.
    pub scrub: Vec<scrub::Cache>,
    pub asked: Asked,
}

impl Scratch {
    /// Counts what was found and not found in lookups. Programs without them do not ask.
    #[inline(never)]
    pub fn count_lookups(&mut self, rules: usize) {
        for slot in self.work.counted.drain(..).chain(self.header_work.counted.drain(..)) {
            if let Some(count) = self.counts.get_mut(rules + slot) {
                *count += 1;
            }
        }
    }
}

/// More idle scratches than this are not kept.
const POOLED: usize = 8;

/// A mutex's content, also after a panic elsewhere: nothing here is left half done.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Program {
    /// Compiles a program from its data.
    pub fn compile(spec: &Json, lookups: Vec<Arc<Lookup>>, meters: Vec<Arc<Meter>>) -> Outcome<Program> {
        let spec = only(Some(spec), &["stages", "facts", "limits", "context", "signal"], "program")?;
        let contexts = natural(spec.get("context"), "context")?;
        let mut keys = Keys::default();
        (keys.lookups, keys.meters) = (lookups, meters);
        keys.signal = Signal::compile(spec.get("signal"))?;
        let (mut stages, mut rules, mut measures) = (Vec::new(), 0, 0);
        for stage in listed(spec.get("stages"), "stages")? {
            stages.push(match stage.get("kind").and_then(Json::as_str) {
                Some("edit") => Stage::Edit(Edit::compile(stage, contexts, &mut keys)?),
                Some("scrub") => {
                    let scrub = Scrub::compile(stage, rules, &mut keys)?;
                    rules += scrub.rules();
                    Stage::Scrub(Box::new(scrub))
                }
                Some("filter") => Stage::Filter(Filter::compile(stage, &mut keys)?),
                Some("sample") if keys.signal.is_traces() => Stage::Sample(Sample::compile(stage, &mut keys)?),
                Some("measure") if keys.signal.is_traces() => {
                    measures += 1;
                    Stage::Measure(Box::new(Measure::compile(stage, measures - 1, &mut keys)?))
                }
                _ => return Err(format!("unknown stage {}", shown(stage.get("kind")))),
            });
        }
        let facts = match keys.signal {
            Signal::Traces => Facts::compile(spec.get("facts"), &mut keys)?,
            _ => Facts::none(given(spec, "facts"))?,
        };
        let limits = limits(spec.get("limits"))?;
        Ok(Program {
            notes: notes(&stages),
            drops: stages.iter().map(|stage| stage.drops(keys.signal)).sum(),
            measures,
            span_stages: span_stages(&stages),
            headers_use_context: stages
                .iter()
                .any(|stage| matches!(stage, Stage::Edit(edit) if edit.uses_context && edit.on < Where::Span)),
            counters: (0..rules + 2 * keys.lookups.len()).map(|_| AtomicU64::new(0)).collect(),
            places: (0..rules * POSITIONS.len()).map(|_| AtomicU64::new(0)).collect(),
            memo: Mutex::default(),
            pool: Mutex::default(),
            rules,
            keys,
            stages,
            facts,
            limits,
        })
    }

    pub fn memo(&self) -> MutexGuard<'_, Memo> {
        lock(&self.memo)
    }

    /// A scratch, to be given back with `done`.
    pub fn scratch(&self) -> Scratch {
        let pooled = lock(&self.pool).pop();
        let mut scratch = pooled.unwrap_or_default();
        scratch.counts.clear();
        scratch.counts.resize(self.counters.len(), 0);
        scratch.places.clear();
        scratch.dropped.clear();
        scratch.dropped.resize(self.drops, 0);
        scratch.noted.iter_mut().for_each(Noted::clear);
        scratch.noted.resize_with(self.measures, Noted::default);
        if scratch.scrub.len() != self.stages.len() {
            scratch.scrub = self
                .stages
                .iter()
                .map(|stage| match stage {
                    Stage::Scrub(scrub) => scrub.cache(),
                    _ => scrub::Cache::default(),
                })
                .collect();
        }
        scratch
    }

    /// Takes a scratch back and, if the request was accepted, counts what was replaced in it.
    pub fn done(&self, scratch: Scratch, accepted: bool) {
        if accepted {
            let here = self.places.iter().zip(&scratch.places);
            for (counter, count) in self.counters.iter().zip(&scratch.counts).chain(here) {
                if *count > 0 {
                    counter.fetch_add(*count, Ordering::Relaxed);
                }
            }
        }
        let mut pool = lock(&self.pool);
        if pool.len() < POOLED {
            pool.push(scratch);
        }
    }
}

fn limits(spec: Option<&Json>) -> Outcome<Limits> {
    let spec = only(spec, &["max_bytes", "max_spans", "max_attributes", "max_depth"], "limits")?;
    let limit = |name: &str| natural(spec.get(name), name);
    Ok(Limits {
        max_bytes: limit("max_bytes")?,
        max_spans: limit("max_spans")?,
        max_attributes: limit("max_attributes")?,
        max_depth: limit("max_depth")?,
    })
}

fn on_spans(stage: &Stage) -> bool {
    match stage {
        Stage::Edit(edit) => edit.on >= Where::Span,
        Stage::Scrub(scrub) => scrub.on_spans(),
        Stage::Filter(_) | Stage::Sample(_) | Stage::Measure(_) => true,
    }
}

fn notes(stages: &[Stage]) -> Notes {
    let scrubs = stages.iter().any(|stage| matches!(stage, Stage::Scrub(_)) && on_spans(stage));
    let edits = |test: &dyn Fn(&Edit) -> bool| {
        stages.iter().any(|stage| matches!(stage, Stage::Edit(edit) if edit.on >= Where::Span && test(edit)))
    };
    let fields = stages.iter().any(|stage| match stage {
        Stage::Sample(_) => true,
        Stage::Filter(filter) => filter.on == Where::Event,
        _ => false,
    });
    Notes {
        attributes: scrubs || edits(&|edit| edit.on == Where::Span && edit.uses_all()),
        fields: scrubs || fields || edits(&|edit| edit.on == Where::Event || edit.uses_fields()),
        kind: edits(&|edit| edit.on == Where::Span && edit.uses_kind()),
    }
}

fn span_stages(stages: &[Stage]) -> Vec<usize> {
    let chosen = stages.iter().enumerate().filter(|(_, stage)| on_spans(stage));
    chosen.map(|(index, _)| index).collect()
}
