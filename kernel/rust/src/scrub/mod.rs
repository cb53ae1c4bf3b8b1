//! Stage `scrub`: personal data and secrets in every string position that the stage names.

mod action;
mod buckets;
mod cache;
mod classes;
mod coarse;
mod exact;
mod form;
mod matcher;
mod near;
mod pass;
mod rule;
mod sets;
mod sieve;
mod symbols;
mod tally;
mod windows;

use serde_json::Value as Json;

use crate::env::{SpanFields, Where};
use crate::keys::Keys;
use crate::program::Scratch;
use crate::regex::Pattern;
use crate::spec::{given, listed, only, shown, text, Outcome};
use crate::splice::Change;
use crate::wire::{fields, Range, Reader};
use crate::work::{State, Work, KIND, TOP};
pub use cache::Cache;
use form::{Form, Known};
use matcher::{Matcher, Sought};
use pass::Pass;
use rule::{KeyRule, ValueRule};
use tally::Summary;

const POSITIONS: &[&str] = &[
    "resource",
    "scope",
    "span",
    "event",
    "link",
    "span_name",
    "status",
    "event_name",
    "trace_state",
    "scope_name",
    "schema_url",
];

/// Which positions a stage looks at.
#[derive(Debug, Clone, Copy)]
struct Positions {
    resource: bool,
    scope: bool,
    span: bool,
    event: bool,
    link: bool,
    span_name: bool,
    status: bool,
    event_name: bool,
    trace_state: bool,
    scope_name: bool,
    schema_url: bool,
}

/// A compiled scrub stage.
pub struct Scrub {
    positions: Positions,
    skip: Option<Pattern>,
    only: Option<Pattern>,
    /// What only may stay.
    allow: Option<Pattern>,
    /// Values that are left alone.
    keep: Option<Pattern>,
    types: Types,
    summary: Option<Summary>,
    keys: Vec<KeyRule>,
    values: Vec<ValueRule>,
    forms: Vec<Form>,
    /// Where there are forms.
    known: Option<Known>,
    /// Whether some of `values` leave attributes alone by their keys.
    skips: bool,
    /// Finds out whether any of `values` finds anything.
    matcher: Matcher,
    /// The number of the stage's first rule of `keys` among the program's; that of `allow` stands before it.
    first: usize,
}

/// What rules see of values that are no strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Types {
    /// `keys` see their text.
    Text,
    /// Nothing.
    Strings,
    /// All rules see them as the collector writes them.
    All,
}

impl Scrub {
    /// Compiles a stage whose first rule has the number `first` in the program.
    pub fn compile(spec: &Json, first: usize, known: &mut Keys) -> Outcome<Scrub> {
        let all = ["kind", "positions", "skip", "only", "allow", "keep", "keys", "values", "types", "summary", "forms"];
        let stage = only(Some(spec), &all, "scrub")?;
        let positions = Positions::compile(stage.get("positions"))?;
        let pattern =
            |name: &str| given(stage, name).map(|one| text(Some(one), name).and_then(Pattern::new)).transpose();
        let (skip, limited) = (pattern("skip")?, pattern("only")?);
        let (allow, keep) = (pattern("allow")?, pattern("keep")?);
        let types = match given(stage, "types").map(Json::as_str) {
            None => Types::Text,
            Some(Some("strings")) => Types::Strings,
            Some(Some("all")) => Types::All,
            Some(_) => return Err(format!("unknown types {}", shown(stage.get("types")))),
        };
        let summary = given(stage, "summary").map(|spec| Summary::compile(spec, known)).transpose()?;
        let keys = listed(stage.get("keys"), "keys")?.iter().map(KeyRule::compile).collect::<Outcome<_>>()?;
        let values = listed(stage.get("values"), "values")?.iter();
        let values = values.map(ValueRule::compile).collect::<Outcome<Vec<_>>>()?;
        let skips = values.iter().any(ValueRule::has_skip);
        let sought = listed(stage.get("values"), "values")?.iter().zip(&values).filter_map(Sought::of);
        let matcher = Matcher::new(sought);
        let forms = given(stage, "forms").map_or(Ok(&[][..]), |forms| listed(Some(forms), "forms"))?;
        let forms = forms.iter().map(Form::compile).collect::<Outcome<Vec<_>>>()?;
        let known = if forms.is_empty() { None } else { Some(Known::new(known)?) };
        let first = first + usize::from(allow.is_some());
        Ok(Scrub {
            positions,
            skip,
            only: limited,
            allow,
            keep,
            types,
            summary,
            keys,
            values,
            forms,
            known,
            skips,
            matcher,
            first,
        })
    }

    /// Whether attributes are left alone by their keys.
    fn chooses(&self) -> bool {
        self.skip.is_some() || self.only.is_some()
    }

    /// Whether a top-level attribute with this key is left alone.
    fn is_skipped(&self, key: &[u8]) -> bool {
        self.skip.as_ref().is_some_and(|skip| skip.is_match(key))
            || self.only.as_ref().is_some_and(|only| !only.is_match(key))
    }

    /// How many rules are counted.
    pub fn rules(&self) -> usize {
        usize::from(self.allow.is_some()) + self.keys.len() + self.values.len() + self.forms.len()
    }

    /// Whether every attribute must be looked at, also one in which no rule finds anything.
    fn is_careful(&self) -> bool {
        self.summary.is_some() || self.types == Types::All
    }

    /// Whether the stage looks at spans at all.
    pub fn on_spans(&self) -> bool {
        let at = self.positions;
        (self.rules() > 0 || self.summary.is_some())
            && (at.span || at.event || at.link || at.span_name || at.status || at.event_name || at.trace_state)
    }

    /// Memory for this stage in one scratch.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.matcher)
    }

    /// Scrubs the header of a resource or scope.
    pub fn header(
        &self,
        work: &mut Work,
        base: &[u8],
        (on, known): (Where, &Keys),
        scratch: &mut Scratch,
        stage: usize,
    ) {
        let at = self.positions;
        let attributes = if on == Where::Scope { at.scope } else { at.resource };
        let Scratch { text, counts, scrub, .. } = scratch;
        let Some(cache) = scrub.get_mut(stage) else {
            return;
        };
        if let Some(databases) = &self.known {
            cache.system = databases.of(work, base);
        }
        let mut pass = Pass { scrub: self, cache, counts, known };
        for index in 0..work.items.len() {
            let Some(item) = work.items.get(index).copied().filter(|item| item.state != State::Gone) else {
                continue;
            };
            let body = work.bytes(base, item.body);
            text.clear();
            let change = match (item.attribute, item.owner == TOP) {
                (true, _) if attributes => pass.attribute(work.bytes(base, item.key), body, text),
                (false, true) if at.schema_url => pass.plain(body, text),
                (false, false) if at.scope_name => pass.plain(body, text),
                _ => continue,
            };
            apply(work, index, change, text);
        }
        work.refresh();
        pass.summarize(work, base, text);
    }

    /// Scrubs a span.
    pub fn span(&self, base: &[u8], span: &mut SpanFields, (stage, known): (usize, &Keys), scratch: &mut Scratch) {
        let at = self.positions;
        let Scratch { work, text, counts, scrub, todo, .. } = scratch;
        let Some(cache) = scrub.get_mut(stage) else {
            return;
        };
        if let Some(databases) = &self.known {
            cache.system = databases.of(work, base);
        }
        let mut pass = Pass { scrub: self, cache, counts, known };
        let careful = self.is_careful();
        todo.clear();
        for (index, item) in work.items.iter().enumerate() {
            let done = match item.number {
                _ if item.state == State::Gone => true,
                KIND => true,
                9 => !at.span || (!careful && pass.leaves(work, base, index, item)),
                3 => !at.trace_state || pass.is_clean(work.bytes(base, item.body)),
                5 => !at.span_name || pass.is_clean(work.bytes(base, item.body)),
                11 => !at.event && !at.event_name,
                13 => !at.link && !at.trace_state,
                _ => !at.status,
            };
            if !done {
                todo.push(index);
            }
        }
        let mut again = false;
        for &index in todo.iter() {
            let Some(item) = work.items.get(index).copied() else {
                continue;
            };
            let body = work.bytes(base, item.body);
            text.clear();
            let change = match item.number {
                9 => pass.attribute(work.bytes(base, item.key), body, text),
                11 => pass.part(body, (3, at.event), (2, at.event_name), text),
                13 => pass.part(body, (4, at.link), (3, at.trace_state), text),
                15 => pass.part(body, (0, false), (2, true), text),
                _ => pass.plain(body, text),
            };
            again |= change != Change::Same && !item.attribute;
            apply(work, index, change, text);
        }
        work.refresh();
        pass.summarize(work, base, text);
        if let Some(databases) = self.known.as_ref().filter(|_| self.forms.iter().any(|form| form.name)) {
            if again {
                reread(work, base, span);
            }
            again |= pass.name(work, base, (span, databases));
        }
        if again {
            reread(work, base, span);
        }
    }
}

fn apply(work: &mut Work, index: usize, change: Change, new: &[u8]) {
    match change {
        Change::Same => {}
        Change::New => work.replace(index, new),
        Change::Drop => work.remove(index),
    }
}

fn enumerated(varint: &[u8]) -> i32 {
    Reader::new(varint).varint().map_or(0, |bits| bits as i32)
}

/// Reads the fields of a span again, after some changed.
pub fn reread(work: &Work, base: &[u8], span: &mut SpanFields) {
    for item in work.items.iter().filter(|item| !item.attribute) {
        match item.number {
            3 => span.trace_state = item.body,
            5 => span.name = item.body,
            KIND => span.kind = enumerated(work.bytes(base, item.body)),
            15 => {
                let status = work.bytes(base, item.body);
                fields(status, Range { start: 0, end: status.len() }, |field| {
                    if field.is(2) {
                        span.status_message = item.body.part(field.body);
                    } else if field.tag == 3 << 3 {
                        span.status_code = enumerated(field.body.of(status));
                    }
                });
            }
            _ => {}
        }
    }
}

impl Positions {
    fn compile(spec: Option<&Json>) -> Outcome<Positions> {
        let given = listed(spec, "positions")?;
        if let Some(unknown) = given.iter().find(|one| !one.as_str().is_some_and(|name| POSITIONS.contains(&name))) {
            return Err(format!("unknown position {}", shown(Some(unknown))));
        }
        let has = |name: &str| given.iter().any(|one| one.as_str() == Some(name));
        Ok(Positions {
            resource: has("resource"),
            scope: has("scope"),
            span: has("span"),
            event: has("event"),
            link: has("link"),
            span_name: has("span_name"),
            status: has("status"),
            event_name: has("event_name"),
            trace_state: has("trace_state"),
            scope_name: has("scope_name"),
            schema_url: has("schema_url"),
        })
    }
}
