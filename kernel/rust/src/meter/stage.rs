//! Stage `measure`: what a walk notes of each span for a meter.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::{FixedState, RandomState};
use serde_json::Value as Json;

use super::series::{overflow, PLAIN};
use super::{cut, put_part, Meter, Part};
use crate::env::{Env, Where};
use crate::gotext::go_text;
use crate::index::trace_id;
use crate::keys::Keys;
use crate::operand::Operand;
use crate::spec::{listed, natural, only, Outcome};
use crate::value::{billionths, Value};

/// A kept span that may become an exemplar.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    pub key: u32,
    pub value: u64,
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
}

/// One side of a request between services.
#[derive(Debug, Clone, Copy)]
pub struct Half {
    pub client: bool,
    pub trace_id: [u8; 16],
    /// Of the client's span.
    pub span_id: [u8; 8],
    pub texts: u32,
    pub peer: u32,
    pub database: Option<u32>,
    pub duration: u64,
    pub failed: bool,
    pub messaging: bool,
}

/// What one stage has noted of a request.
#[derive(Default)]
pub struct Noted {
    text: Vec<u8>,
    /// Keys, each where it stands in the text. The same one may stand there several times.
    keys: Vec<(u32, u32)>,
    /// Keys noted lately, by their hash; 0 is none.
    recent: Vec<u32>,
    /// All keys, once there may be too many.
    exact: HashMap<Box<[u8]>, u32, RandomState>,
    /// Sides whose texts were too many.
    pub dropped: u64,
    pub counts: Vec<(u32, u64)>,
    pub exemplars: Vec<Candidate>,
    pub halves: Vec<Half>,
}

/// How many keys are found again.
const RECENT: usize = 256;

impl Noted {
    /// Takes what was noted; the room for what is found again stays.
    pub fn take(&mut self) -> Noted {
        let recent = std::mem::take(&mut self.recent);
        let noted = std::mem::replace(self, Noted { recent, ..Noted::default() });
        self.recent.clear();
        noted
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        drop(self.take());
    }

    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Where the last key ends.
    fn end(&self) -> usize {
        self.keys.last().map_or(0, |key| key.1 as usize)
    }

    /// Forgets a key for which there was no room.
    #[inline]
    fn beyond(&mut self) {
        let end = self.end();
        self.text.truncate(end);
    }

    pub fn key(&self, key: u32) -> &[u8] {
        let place = self.keys.get(key as usize).copied().unwrap_or_default();
        self.text.get(place.0 as usize..place.1 as usize).unwrap_or(&[])
    }

    /// The number of the key that stands from `start` to the end of the text; none when there are `limit` others.
    #[inline]
    fn noted(&mut self, start: usize, limit: usize) -> Option<u32> {
        let key = self.text.get(start..).unwrap_or(&[]);
        let slot = FixedState::default().hash_one(key) as usize % RECENT;
        if self.recent.is_empty() {
            self.recent.resize(RECENT, 0);
        }
        let found = self.recent.get(slot).copied().unwrap_or(0);
        if found > 0 && self.key(found - 1) == key {
            self.text.truncate(start);
            return Some(found - 1);
        }
        if self.keys.len() >= limit {
            return self.noted_exactly(start, limit);
        }
        self.keys.push((start as u32, self.text.len() as u32));
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = self.keys.len() as u32;
        }
        Some(self.keys.len() as u32 - 1)
    }

    /// The same where the same key must not count twice.
    #[cold]
    fn noted_exactly(&mut self, start: usize, limit: usize) -> Option<u32> {
        if self.exact.is_empty() {
            for number in (0..self.keys.len() as u32).rev() {
                let key = self.key(number).into();
                self.exact.insert(key, number);
            }
        }
        let key = self.text.get(start..).unwrap_or(&[]);
        if let Some(&number) = self.exact.get(key) {
            self.text.truncate(start);
            return Some(number);
        }
        if self.exact.len() >= limit {
            return None;
        }
        self.exact.insert(key.into(), self.keys.len() as u32);
        self.keys.push((start as u32, self.text.len() as u32));
        Some(self.keys.len() as u32 - 1)
    }
}

/// The parts of a meter, as a program reads them.
pub struct Parts {
    /// Of edges the service, then what else tells a side's series apart.
    by: Vec<Part>,
    /// Of edges: who may have answered.
    peer: Option<(Part, Part)>,
    /// Of spans: what is summed; none: how long they took.
    value: Option<Operand>,
}

impl Parts {
    pub fn compile(meter: &Meter, keys: &mut Keys) -> Outcome<Parts> {
        let spec = &meter.spec;
        let edges = meter.pairing.is_some();
        let mut by = Vec::new();
        if edges {
            by.push(Part::compile(spec.get("service"), keys)?);
        }
        for part in listed(spec.get("by"), "meter: by")? {
            by.push(Part::compile(Some(part), keys)?);
        }
        let peer = if edges {
            Some((Part::compile(spec.get("peer"), keys)?, Part::compile(spec.get("database"), keys)?))
        } else {
            None
        };
        let value = spec.get("value").filter(|value| !value.is_null());
        let value = value.map(|value| Operand::compile(Some(value), Where::Span, keys)).transpose()?;
        Ok(Parts { by, peer, value })
    }
}

/// A compiled stage.
pub struct Measure {
    pub meter: Arc<Meter>,
    parts: Parts,
    count: bool,
    exemplars: bool,
    /// Which of the stages that measure it is.
    number: usize,
}

impl Measure {
    pub fn compile(spec: &Json, number: usize, keys: &mut Keys) -> Outcome<Measure> {
        let stage = only(Some(spec), &["kind", "in", "count", "exemplars"], "measure")?;
        let index = natural(stage.get("in"), "meter")?;
        let meter = keys.meters.get(index).cloned();
        let meter = meter.ok_or_else(|| format!("meter {index}: the program has {}", keys.meters.len()))?;
        let flag = |name: &str| {
            stage.get(name).and_then(Json::as_bool).ok_or_else(|| format!("measure: {name} is no boolean"))
        };
        let (count, exemplars) = (flag("count")?, flag("exemplars")?);
        let parts = Parts::compile(&meter, keys)?;
        Ok(Measure { meter, parts, count, exemplars, number })
    }

    /// Notes a span.
    #[inline(never)]
    pub fn note(&self, env: &Env<'_>, noted: &mut [Noted]) {
        let (Some(noted), Some(span)) = (noted.get_mut(self.number), env.span) else { return };
        let fields = span.fields;
        let bytes = |place| span.work.bytes(span.base, place);
        if let Some((peer, database)) = &self.parts.peer {
            if self.count && (2..=5).contains(&fields.kind) {
                let client = fields.kind == 3 || fields.kind == 4;
                let (texts, _) = self.put(noted, None, &self.parts.by, env);
                let (peer, _) = self.put(noted, None, std::slice::from_ref(peer), env);
                let (database, there) = self.put(noted, None, std::slice::from_ref(database), env);
                let (Some(texts), Some(peer), Some(database)) = (texts, peer, database) else {
                    noted.dropped += 1;
                    return;
                };
                let database = (client && there).then_some(database);
                noted.halves.push(Half {
                    client,
                    trace_id: trace_id(bytes(fields.trace_id)),
                    span_id: span_id(bytes(if client { fields.span_id } else { fields.parent })),
                    texts,
                    peer,
                    database,
                    duration: fields.duration(),
                    failed: fields.status_code == 2,
                    messaging: fields.kind >= 4,
                });
            }
            return;
        }
        let value = match &self.parts.value {
            None => Some(fields.duration()),
            Some(operand) => operand.with(env, |value| value.and_then(billionths)),
        };
        let Some(value) = value else { return };
        let (key, _) = self.put(noted, Some(PLAIN), &self.parts.by, env);
        let Some(key) = key else { return self.note_beyond(noted, value) };
        if self.count {
            noted.counts.push((key, value));
        }
        if self.exemplars {
            let (trace_id, span_id) = (trace_id(bytes(fields.trace_id)), span_id(bytes(fields.span_id)));
            if trace_id != [0; 16] {
                noted.exemplars.push(Candidate { key, value, trace_id, span_id });
            }
        }
    }
}

impl Measure {
    /// Notes a key, and says whether its last text is there. One for which there is no room stays behind the others.
    #[inline]
    fn put(&self, noted: &mut Noted, first: Option<u8>, parts: &[Part], env: &Env<'_>) -> (Option<u32>, bool) {
        noted.beyond();
        let start = noted.text.len();
        noted.text.extend(first);
        let mut there = false;
        for part in parts {
            there = put_text(&mut noted.text, part, env);
        }
        (noted.noted(start, self.meter.keys), there)
    }

    /// Notes a span whose key has no room by its first text alone.
    #[cold]
    fn note_beyond(&self, noted: &mut Noted, value: u64) {
        let key = overflow(noted.text.get(noted.end()..).unwrap_or(&[]));
        noted.beyond();
        let start = noted.text.len();
        noted.text.extend_from_slice(&key);
        if let (true, Some(key)) = (self.count, noted.noted_exactly(start, usize::MAX)) {
            noted.counts.push((key, value));
        }
    }
}

/// A span id: cut or padded with zero bytes to 8.
fn span_id(bytes: &[u8]) -> [u8; 8] {
    let mut id = [0; 8];
    for (to, from) in id.iter_mut().zip(bytes) {
        *to = *from;
    }
    id
}

fn put_text(out: &mut Vec<u8>, part: &Part, env: &Env<'_>) -> bool {
    for operand in &part.of {
        let there = operand.with(env, |value| match value {
            None => false,
            Some(Value::Str(text)) => {
                put_part(out, Some(cut(text)));
                true
            }
            Some(Value::Int(digit @ 0..=9)) => {
                out.extend_from_slice(&[1, 1, 0, b'0' + digit as u8]);
                true
            }
            Some(value) => {
                put_part(out, Some(cut(&go_text(value))));
                true
            }
        });
        if there {
            return true;
        }
    }
    put_part(out, part.default.as_deref());
    part.default.is_some()
}
