//! Stage `scrub`: personal data and secrets in every string position that the stage names.

mod action;
mod alike;
mod automaton;
mod beside;
mod buckets;
mod cache;
mod characters;
mod classes;
mod coarse;
mod exact;
mod form;
mod long;
mod marks;
mod matcher;
mod memo;
mod merging;
mod near;
mod pairwise;
mod pass;
mod positions;
mod rule;
mod sets;
mod sieve;
mod signals;
mod sought;
mod symbols;
mod tally;
mod windows;

use std::sync::Arc;

use serde_json::Value as Json;

use action::Action;

use crate::env::{SpanFields, Where};
use crate::keys::{KeyId, Keys};
use crate::program::Scratch;
use crate::regex::Pattern;
use crate::spec::{given, listed, need, only, shown, text, Outcome};
use crate::splice::Change;
use crate::wire::{fields, Range, Reader};
use crate::work::{State, Work, KIND, TOP};
pub use cache::Cache;
use form::{Form, Known};
use marks::{
    Limits, EVENT, EVENT_NAME, LINK, RESOURCE, SCHEMA_URL, SCOPE, SCOPE_NAME, SPAN, SPAN_NAME, STATUS, TRACE_STATE,
};
pub use marks::{LIMIT, POSITIONS};
use matcher::Matcher;
use pass::Pass;
use positions::Positions;
use rule::{KeyRule, ValueRule};
use sought::Sought;
use tally::Summary;

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
    /// They go before the rules of `values`.
    forms_first: bool,
    limits: Option<Limits>,
    /// Of the longest text that is looked at, and of the shortest one in which a rule may find something.
    most: usize,
    shortest: usize,
    /// Keys of attributes are looked at, too.
    keys_too: bool,
    /// The attribute that says what rules that tag have found.
    tag: Option<KeyId>,
    /// Some rule lets go of spans.
    dooms: bool,
    /// Where there are forms.
    known: Option<Known>,
    /// Whether some of `values` leave attributes alone by their keys.
    skips: bool,
    /// Finds out whether any of `values` finds anything.
    matcher: Arc<Matcher>,
    /// The number of the stage's first rule of `keys` among the program's; that of `allow` stands before it.
    first: usize,
}

/// What rules see of values that are no strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Types {
    /// `keys` see their text.
    Text,
    /// The same, and `values` see numbers.
    Numbers,
    /// Nothing.
    Strings,
    /// All rules see them as the collector writes them.
    All,
}

impl Scrub {
    /// Compiles a stage whose first rule has the number `first` in the program.
    pub fn compile(spec: &Json, first: usize, known: &mut Keys) -> Outcome<Scrub> {
        let all = [
            "kind",
            "positions",
            "skip",
            "only",
            "allow",
            "keep",
            "keys",
            "values",
            "types",
            "summary",
            "forms",
            "forms_first",
            "tag",
            "limits",
        ];
        let stage = only(Some(spec), &all, "scrub")?;
        let positions = Positions::compile(stage.get("positions"), known.signal)?;
        let pattern =
            |name: &str| given(stage, name).map(|one| text(Some(one), name).and_then(Pattern::new)).transpose();
        let (skip, limited) = (pattern("skip")?, pattern("only")?);
        let (allow, keep) = (pattern("allow")?, pattern("keep")?);
        let types = match given(stage, "types").map(Json::as_str) {
            None => Types::Text,
            Some(Some("strings")) => Types::Strings,
            Some(Some("numbers")) => Types::Numbers,
            Some(Some("all")) => Types::All,
            Some(_) => return Err(format!("unknown types {}", shown(stage.get("types")))),
        };
        let summary = given(stage, "summary").map(|spec| Summary::compile(spec, known)).transpose()?;
        let keys = listed(stage.get("keys"), "keys")?.iter().map(KeyRule::compile).collect::<Outcome<Vec<_>>>()?;
        let values = listed(stage.get("values"), "values")?.iter();
        let values = values.map(ValueRule::compile).collect::<Outcome<Vec<_>>>()?;
        let skips = values.iter().any(ValueRule::has_skip);
        let sought = listed(stage.get("values"), "values")?.iter().zip(&values).filter_map(Sought::of);
        let matcher = Matcher::of(sought);
        let forms = given(stage, "forms").map_or(Ok(&[][..]), |forms| listed(Some(forms), "forms"))?;
        let forms = forms.iter().map(Form::compile).collect::<Outcome<Vec<_>>>()?;
        let forms_first = stage.get("forms_first").is_some_and(|first| first == true);
        let is_bool = stage.get("forms_first").is_none_or(Json::is_boolean);
        need(is_bool, || format!("forms_first: {}", shown(stage.get("forms_first"))))?;
        let limits = given(stage, "limits").map(Limits::compile).transpose()?;
        let tag = given(stage, "tag").map(|key| crate::keys::add(text(Some(key), "tag")?, known)).transpose()?;
        let does = |test: &dyn Fn(&Action) -> bool| {
            keys.iter().map(|rule| &rule.action).chain(values.iter().map(|rule| &rule.action)).any(test)
        };
        let tags = does(&|action| matches!(action, Action::Tag(_)));
        need(tag.is_some() || !tags, || "tag: no attribute for what is found".to_owned())?;
        let dooms = does(&|action| matches!(action, Action::DropSpan));
        let known = if forms.is_empty() { None } else { Some(Known::new(known)?) };
        let first = first + usize::from(allow.is_some());
        let most = limits.as_ref().filter(|_| !values.is_empty()).map_or(usize::MAX, |limits| limits.size);
        // What is beyond the longest is never clean, even where nothing could be found in it.
        let shortest = matcher.shortest().min(most.saturating_add(1));
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
            forms_first,
            most,
            shortest,
            limits,
            keys_too: positions.attribute_key,
            tag,
            dooms,
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
        let failures = if self.limits.is_some() { 3 } else { 0 };
        usize::from(self.allow.is_some()) + self.keys.len() + self.values.len() + self.forms.len() + failures
    }

    /// For how many reasons it may drop spans.
    #[inline]
    pub fn drops(&self) -> usize {
        usize::from(self.dooms) + usize::from(self.limits.as_ref().is_some_and(|limits| limits.drops))
    }

    /// Which of these reasons it is.
    pub fn reason(&self, doom: u8) -> usize {
        usize::from(doom & LIMIT != 0 && self.dooms)
    }

    /// Whether every attribute must be looked at, also one in which no rule finds anything.
    fn is_careful(&self) -> bool {
        self.summary.is_some() || self.types == Types::All || self.keys_too
    }

    /// Whether the stage looks at spans at all.
    pub fn on_spans(&self) -> bool {
        let at = self.positions;
        if self.drops() > 0 {
            return true;
        }
        (self.rules() > 0 || self.summary.is_some())
            && ([at.span, at.event, at.link, at.span_name, at.status, at.event_name, at.trace_state].contains(&true)
                || [at.body, at.severity_text, at.metric_name, at.metric_description, at.metric_unit].contains(&true))
    }

    /// Memory for this stage in one scratch.
    pub fn cache(&self) -> Cache {
        Cache::new(self.matcher.cache())
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
        let Scratch { text, counts, places, scrub, .. } = scratch;
        let Some(cache) = scrub.get_mut(stage) else {
            return;
        };
        if let Some(databases) = &self.known {
            cache.system = databases.of(work, base);
        }
        let here = if on == Where::Scope { SCOPE } else { RESOURCE };
        let mut pass = Pass { scrub: self, cache, counts, places, known, at: here };
        for index in 0..work.items.len() {
            let Some(item) = work.items.get(index).copied().filter(|item| item.state != State::Gone) else {
                continue;
            };
            let body = work.bytes(base, item.body);
            text.clear();
            pass.at = if item.attribute {
                here
            } else if item.owner == TOP {
                SCHEMA_URL
            } else {
                SCOPE_NAME
            };
            let change = match (item.attribute, item.owner == TOP) {
                (true, _) if attributes => pass.attribute(work.bytes(base, item.key), body, text),
                (false, true) if at.schema_url => pass.plain(body, text),
                (false, false) if at.scope_name => pass.plain(body, text),
                _ => continue,
            };
            self.apply(work, index, change, text, known);
        }
        work.refresh();
        pass.summarize(work, base, text);
        self.say(&mut pass, work, base, text);
    }

    /// Scrubs a span.
    pub fn span(&self, base: &[u8], span: &mut SpanFields, (stage, known): (usize, &Keys), scratch: &mut Scratch) {
        let at = self.positions;
        let Scratch { work, text, counts, places, scrub, todo, .. } = scratch;
        let Some(cache) = scrub.get_mut(stage) else {
            return;
        };
        if let Some(databases) = &self.known {
            cache.system = databases.of(work, base);
        }
        let mut pass = Pass { scrub: self, cache, counts, places, known, at: SPAN };
        let careful = self.is_careful();
        let names = self.known.as_ref().filter(|_| self.forms.iter().any(|form| form.name));
        if let Some(databases) = names.filter(|_| self.forms_first) {
            if pass.name(work, base, (span, databases)) {
                reread(work, base, span);
            }
        }
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
            pass.at = match item.number {
                3 => TRACE_STATE,
                5 => SPAN_NAME,
                _ => SPAN,
            };
            let change = match item.number {
                9 => pass.attribute(work.bytes(base, item.key), body, text),
                11 => pass.part(body, (3, at.event, EVENT), (2, at.event_name, EVENT_NAME), text),
                13 => pass.part(body, (4, at.link, LINK), (3, at.trace_state, TRACE_STATE), text),
                15 => pass.part(body, (0, false, STATUS), (2, true, STATUS), text),
                _ => pass.plain(body, text),
            };
            again |= change != Change::Same && !item.attribute;
            self.apply(work, index, change, text, known);
        }
        work.refresh();
        pass.summarize(work, base, text);
        self.say(&mut pass, work, base, text);
        if let Some(databases) = names.filter(|_| !self.forms_first) {
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

/// An enum by its varint.
pub fn enumerated(varint: &[u8]) -> i32 {
    Reader::new(varint).varint().map_or(0, |bits| bits as i32)
}

/// Reads the fields of a span, log record or metric again, after some changed.
pub fn reread(work: &Work, base: &[u8], span: &mut SpanFields) {
    match work.attribute {
        9 => {}
        crate::log::ATTRIBUTES => return crate::log::reread(work, base, span),
        _ => return crate::metric::reread(work, span),
    }
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
