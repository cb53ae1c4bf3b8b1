//! Headers of resources and scopes: what the stages make of them, remembered, since requests repeat them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::env::{Env, Level, Side, SpanFields, Where};
use crate::program::{Program, Scratch, Stage};
use crate::scrub::POSITIONS;
use crate::wire::{fields, put_field, Range};
use crate::work::{Owner, State, Work, TOP};

/// A resource's or scope's header after the stages.
pub struct Header {
    /// Differs for every header that was computed.
    pub id: u64,
    /// Every byte outside the children.
    pub bytes: Arc<[u8]>,
    /// For each field of the header as it came: the new field, if it changed.
    pub fields: Vec<Option<Box<[u8]>>>,
    /// A field that was added.
    pub appended: Box<[u8]>,
    pub changed: bool,
    /// The level before each stage, and after the last one.
    pub levels: Vec<Arc<Level>>,
    /// Replacements by scrub rule.
    counts: Vec<(usize, u64)>,
    /// The same by rule and position.
    places: Vec<(usize, u64)>,
    /// The scrub stages for which its spans go, and why.
    dooms: Vec<(usize, u8)>,
}

impl Header {
    /// As it is before the stage (or, past the last one, at the end).
    pub fn level(&self, stage: usize) -> Side<'_> {
        self.levels.get(stage).map_or(Side::None, |level| Side::Level(level))
    }

    /// The level after the last stage.
    pub fn last(&self) -> Side<'_> {
        self.levels.last().map_or(Side::None, |level| Side::Level(level))
    }

    pub fn count(&self, scratch: &mut Scratch) {
        add(&self.counts, &mut scratch.counts);
        if !self.places.is_empty() {
            scratch.places.resize(scratch.counts.len() * POSITIONS.len(), 0);
            add(&self.places, &mut scratch.places);
        }
    }

    /// Why the spans go at a scrub stage; 0: they do not.
    pub fn doom(&self, stage: usize) -> u8 {
        self.dooms.iter().find(|(index, _)| *index == stage).map_or(0, |(_, doom)| *doom)
    }
}

fn add(counts: &[(usize, u64)], sums: &mut [u64]) {
    for &(number, count) in counts {
        if let Some(sum) = sums.get_mut(number) {
            *sum += count;
        }
    }
}

const MEMO_HEADERS: usize = 1024;
const MEMO_BYTES: usize = 4 << 20;

/// What was computed before, by the bytes of the header (and what else it depends on).
#[derive(Default)]
pub struct Memo {
    map: HashMap<Box<[u8]>, Arc<Header>, foldhash::fast::RandomState>,
    bytes: usize,
    next: u64,
}

impl Memo {
    pub fn get(&self, key: &[u8]) -> Option<Arc<Header>> {
        self.map.get(key).cloned()
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn put(&mut self, key: &[u8], header: &Arc<Header>) {
        let size = key.len() * 4 + 512;
        if size > MEMO_BYTES / 8 {
            return;
        }
        if self.map.len() >= MEMO_HEADERS || self.bytes + size > MEMO_BYTES {
            self.map.clear();
            self.bytes = 0;
        }
        self.bytes += size;
        self.map.insert(key.into(), Arc::clone(header));
    }
}

/// Computes a header that is known to be valid: of a scope when `resource` is given, else of a resource.
pub fn compute(
    program: &Program,
    base: &[u8],
    resource: Option<&Header>,
    context: &[Option<String>],
    scratch: &mut Scratch,
    key: &[u8],
) -> Arc<Header> {
    let on = if resource.is_some() { Where::Scope } else { Where::Resource };
    let mut work = std::mem::take(&mut scratch.header_work);
    let mut counts = vec![0; program.counters.len()];
    std::mem::swap(&mut counts, &mut scratch.counts);
    let mut places = std::mem::take(&mut scratch.places);
    let mut dooms = Vec::new();
    parse(program, base, on, &mut work);
    let mut levels = vec![Arc::new(Level::of(&work, base, program.keys.len()))];
    for (index, stage) in program.stages.iter().enumerate() {
        let around = resource.map_or(Side::None, |resource| resource.level(index));
        if run(program, (index, stage), base, (on, around), context, &mut work, scratch) {
            levels.push(Arc::new(Level::of(&work, base, program.keys.len())));
        } else if let Some(last) = levels.last() {
            levels.push(Arc::clone(last));
        }
        if let Some(cache) = scratch.scrub.get_mut(index).filter(|cache| cache.marks.doom != 0) {
            dooms.push((index, std::mem::take(&mut cache.marks.doom)));
        }
    }
    if !program.keys.lookups.is_empty() {
        scratch.work.counted.append(&mut work.counted);
        scratch.count_lookups(program.rules);
    }
    std::mem::swap(&mut counts, &mut scratch.counts);
    std::mem::swap(&mut places, &mut scratch.places);
    let (counts, places) = (above_zero(&counts), above_zero(&places));
    let (fields, appended) = written(&work, base);
    let bytes = assembled(base, &fields, &appended);
    let changed = fields.iter().any(Option::is_some) || !appended.is_empty();
    scratch.header_work = work;
    let id = program.memo().id();
    let header = Arc::new(Header { id, bytes, fields, appended, changed, levels, counts, places, dooms });
    program.memo().put(key, &header);
    header
}

fn above_zero(counts: &[u64]) -> Vec<(usize, u64)> {
    counts.iter().copied().enumerate().filter(|&(_, count)| count > 0).collect()
}

/// Notes everything that stages may touch.
pub fn parse(program: &Program, base: &[u8], on: Where, work: &mut Work) {
    let scope = on == Where::Scope;
    let attribute = if scope { 3 } else { 1 };
    work.reset(attribute, program.keys.len());
    let whole = Range { start: 0, end: base.len() };
    fields(base, whole, |field| {
        if field.is(3) {
            work.field(TOP, 3, field.start, field.body);
        }
        if !field.is(1) {
            return;
        }
        let owner = work.owners.len() as u32;
        let first = work.items.len();
        work.owners.push(Owner { range: field.body, items: (first, first), changed: false, added: false });
        fields(base, field.body, |inner| {
            if inner.is(attribute) {
                work.note(&program.keys, base, owner, &inner);
            } else if scope && (inner.is(1) || inner.is(2)) {
                work.field(owner, inner.tag >> 3, inner.start, inner.body);
            }
        });
        let end = work.items.len();
        if let Some(owner) = work.owners.last_mut() {
            owner.items.1 = end;
        }
    });
}

/// Runs one stage; true when something changed.
fn run(
    program: &Program,
    (index, stage): (usize, &Stage),
    base: &[u8],
    (on, resource): (Where, Side<'_>),
    context: &[Option<String>],
    work: &mut Work,
    scratch: &mut Scratch,
) -> bool {
    let before = std::mem::replace(&mut work.changed, false);
    match stage {
        Stage::Edit(edit) if edit.on == on => {
            let here = Side::Work(work, base);
            let env = match on {
                Where::Scope => Env { resource, scope: here, span: None, event: None },
                _ => Env { resource: here, scope: Side::None, span: None, event: None },
            };
            if edit.when.holds(&env) {
                let around =
                    crate::edit::Around { resource, scope: Side::None, span: None, context, keys: &program.keys };
                edit.apply(work, base, &mut SpanFields::default(), &around, &mut scratch.text);
            }
        }
        Stage::Edit(_) | Stage::Filter(_) | Stage::Sample(_) | Stage::Measure(_) => {}
        Stage::Scrub(scrub) => {
            scrub.header(work, base, (on, &program.keys), scratch, index);
        }
    }
    let changed = work.changed;
    work.changed |= before;
    changed
}

type Written = (Vec<Option<Box<[u8]>>>, Box<[u8]>);

/// The fields of the header that changed, by their order, and the one that was added.
fn written(work: &Work, base: &[u8]) -> Written {
    let mut out = Vec::new();
    let (mut owner, mut appended) = (0, Vec::new());
    let mut top = work.items.iter().filter(|item| item.owner == TOP);
    fields(base, Range { start: 0, end: base.len() }, |field| {
        let mut new = None;
        if field.is(1) {
            if work.owners.get(owner as usize).is_some_and(|one| one.changed) {
                let mut payload = Vec::new();
                work.write_owner(base, owner, &mut payload);
                new = Some(tagged(1, &payload));
            }
            owner += 1;
        } else if field.is(3) {
            let item = top.next().filter(|item| item.state == State::Changed);
            new = item.map(|item| tagged(3, work.bytes(base, item.body)));
        }
        out.push(new);
    });
    if work.owners.last().is_some_and(|owner| owner.added) {
        let mut payload = Vec::new();
        work.write_owner(base, work.owners.len() as u32 - 1, &mut payload);
        put_field(&mut appended, 1, &payload);
    }
    (out, appended.into_boxed_slice())
}

fn tagged(number: u32, payload: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(payload.len() + 6);
    put_field(&mut out, number, payload);
    out.into_boxed_slice()
}

fn assembled(base: &[u8], new: &[Option<Box<[u8]>>], appended: &[u8]) -> Arc<[u8]> {
    let mut out = Vec::with_capacity(base.len() + appended.len());
    let mut index = 0;
    fields(base, Range { start: 0, end: base.len() }, |field| {
        match new.get(index).and_then(Option::as_ref) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => out.extend_from_slice(field.whole().of(base)),
        }
        index += 1;
    });
    out.extend_from_slice(appended);
    out.into()
}

/// What the memo knows a header by. Those that `checked` did not see (the limits) are kept apart.
pub fn memo_key(
    out: &mut Vec<u8>,
    program: &Program,
    base: &[u8],
    resource: Option<&Header>,
    context: &[Option<String>],
    checked: bool,
) {
    out.clear();
    for lookup in &program.keys.lookups {
        out.extend_from_slice(&lookup.version().to_le_bytes());
    }
    out.push(checked.into());
    out.extend_from_slice(&resource.map_or(0, |resource| resource.id).to_le_bytes());
    out.extend_from_slice(&context.len().to_le_bytes());
    for value in context {
        let bytes = value.as_deref().unwrap_or("");
        out.push(value.is_some().into());
        out.extend_from_slice(&bytes.len().to_le_bytes());
        out.extend_from_slice(bytes.as_bytes());
    }
    out.extend_from_slice(base);
}
