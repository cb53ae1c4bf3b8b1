//! Stage `edit`: actions on the attributes of spans, resources or scopes.

use serde_json::Value as Json;

use crate::actions::{Action, Step};
use crate::convert::To;
use crate::env::{Env, Side, SpanFields, SpanView, Where};
use crate::expr::Expr;
use crate::keys::{KeyId, Keys};
use crate::lookup::{put_text, Finder};
use crate::regex::Pattern;
use crate::scrub::reread;
use crate::source::Source;
use crate::spec::{listed, only, shown, Outcome};
use crate::splice::{change_values, Change};
use crate::value::{put_string, read, Value};
use crate::walk::Pair;
use crate::wire::{fields, Range, Reader};
use crate::work::{put_key_value, State, Work};

/// A compiled edit stage.
pub struct Edit {
    pub on: Where,
    pub when: Expr,
    actions: Vec<Step>,
    /// Whether the result depends on the values that come with a request.
    pub uses_context: bool,
    /// Whether an action may drop the span.
    pub may_drop: bool,
}

/// The field of an event that holds its attributes.
pub const EVENT_ATTRIBUTES: u32 = 3;

/// What an edit may look at besides the level it works on.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub resource: Side<'a>,
    pub scope: Side<'a>,
    /// Of an event.
    pub span: Option<SpanView<'a>>,
    pub context: &'a [Option<String>],
    pub keys: &'a Keys,
}

impl Edit {
    pub fn compile(spec: &Json, contexts: usize, keys: &mut Keys) -> Outcome<Edit> {
        let stage = only(Some(spec), &["kind", "on", "if", "actions"], "edit")?;
        let on = stage.get("on").and_then(Json::as_str).and_then(|name| keys.signal.level(name));
        let on = on.ok_or_else(|| format!("edit: on {}", shown(stage.get("on"))))?;
        let when = Expr::compile_if(stage.get("if"), on, keys)?;
        let actions = listed(stage.get("actions"), "actions")?.iter().map(|one| Step::compile(one, on, contexts, keys));
        let actions = actions.collect::<Outcome<Vec<_>>>()?;
        let uses_context = actions.iter().any(|one| match &one.action {
            Action::Write { source, .. } => matches!(source, Source::Context(_)),
            Action::Lookup(finder) => finder.uses_context(),
            _ => false,
        });
        let may_drop = actions.iter().any(|one| one.drop_if.is_some());
        Ok(Edit { on, when, actions, uses_context, may_drop })
    }

    /// Whether an action may look at every attribute.
    pub fn uses_all(&self) -> bool {
        self.actions.iter().any(|one| match &one.action {
            Action::Each { pattern, .. } => pattern.is_some(),
            Action::Rewrite(rewrite) => rewrite.uses_all(),
            Action::Lookup(_) => true,
            _ => false,
        })
    }

    /// Whether an action changes fields that are no attributes.
    pub fn uses_fields(&self) -> bool {
        self.actions.iter().any(|one| matches!(&one.action, Action::Rewrite(rewrite) if rewrite.uses_fields()))
    }

    /// Whether an action sets a field that is a varint.
    pub fn uses_kind(&self) -> bool {
        self.actions.iter().any(|one| matches!(&one.action, Action::Rewrite(rewrite) if rewrite.uses_kind()))
    }

    /// What a value sees: the level itself as the actions before have left it.
    fn env<'e>(&self, work: &'e Work, base: &'e [u8], fields: &'e SpanFields, around: &Around<'e>) -> Env<'e> {
        let here = Side::Work(work, base);
        let (resource, scope, span) = (around.resource, around.scope, around.span);
        match self.on {
            Where::Resource => Env { resource: here, scope: Side::None, span: None, event: None },
            Where::Scope => Env { resource, scope: here, span: None, event: None },
            Where::Span => Env { resource, scope, span: Some(SpanView { work, base, fields }), event: None },
            // An event is written after every action, so that its bytes are what it is.
            Where::Event => Env { resource, scope, span, event: Some(base) },
        }
    }

    /// Applies the actions to an event, or to a data point with its attributes in the field `number`, whatever the
    /// condition says; false when the span (or the data point) is dropped.
    pub fn apply_to_event(
        &self,
        event: &mut Vec<u8>,
        number: u32,
        work: &mut Work,
        around: &Around<'_>,
        scratch: &mut Vec<u8>,
    ) -> bool {
        for step in &self.actions {
            note_event(work, event, number, around.keys);
            let mut fields = SpanFields::default();
            match step.goes(&self.env(work, event, &fields, around)) {
                None => return false,
                Some(false) => continue,
                Some(true) => self.act(&step.action, work, event, &mut fields, around, scratch),
            }
            if work.changed {
                let mut new = Vec::with_capacity(event.len() + 32);
                work.write_owner(event, 0, &mut new);
                *event = new;
            }
        }
        true
    }

    /// Applies the actions, whatever the condition says; false when the span is dropped.
    pub fn apply(
        &self,
        work: &mut Work,
        base: &[u8],
        fields: &mut SpanFields,
        around: &Around<'_>,
        scratch: &mut Vec<u8>,
    ) -> bool {
        for step in &self.actions {
            match step.goes(&self.env(work, base, fields, around)) {
                None => return false,
                Some(false) => {}
                Some(true) => self.act(&step.action, work, base, fields, around, scratch),
            }
        }
        true
    }

    fn act(
        &self,
        action: &Action,
        work: &mut Work,
        base: &[u8],
        fields: &mut SpanFields,
        around: &Around<'_>,
        scratch: &mut Vec<u8>,
    ) {
        match action {
            Action::Write { key, source, update, insert } => {
                self.write(work, base, (fields, around), scratch, (*key, source, *update, *insert));
            }
            Action::Each { key: Some(key), pattern: None, change: To::Gone } => work.remove_all(*key),
            Action::Each { key, pattern, change } => {
                for index in 0..work.items.len() {
                    let Some(item) = work.items.get(index).filter(|item| item.attribute) else {
                        continue;
                    };
                    let chosen = item.state != State::Gone
                        && (*key == Some(item.key_id)
                            || pattern.as_ref().is_some_and(|one| one.is_match(work.bytes(base, item.key))));
                    if chosen {
                        change_item(work, base, index, scratch, |old, new| change.apply(old, new));
                    }
                }
                work.refresh();
            }
            Action::Extract { key, pattern, names } => extract(work, base, around, scratch, (*key, pattern, names)),
            Action::Lookup(finder) => self.look_up(finder, work, base, (fields, around), scratch),
            Action::Rewrite(rewrite) => {
                let wanted = rewrite.wanted(&self.env(work, base, fields, around));
                if let Some((field, value)) = wanted {
                    field.set(work, base, &value);
                }
                rewrite.apply(work, base, around, scratch);
                if self.on == Where::Span && rewrite.uses_fields() && work.changed {
                    reread(work, base, fields);
                }
            }
        }
    }

    fn write(
        &self,
        work: &mut Work,
        base: &[u8],
        (fields, around): (&SpanFields, &Around<'_>),
        scratch: &mut Vec<u8>,
        (key, source, update, insert): (KeyId, &Source, bool, bool),
    ) {
        let present = work.attr(base, key).is_some();
        if if present { !update } else { !insert } {
            return;
        }
        let mut copy = Vec::new();
        match source {
            Source::Value(_, pair, parts) if !present => return work.append(key, pair, *parts),
            Source::Value(value, ..) => return put(work, base, around.keys, scratch, (key, value)),
            _ => {}
        }
        if self.sourced(source, (work, base), (fields, around), &mut copy) {
            put(work, base, around.keys, scratch, (key, &copy));
        }
    }

    /// Appends the `AnyValue` of a source; false when it is absent.
    fn sourced(
        &self,
        source: &Source,
        (work, base): (&Work, &[u8]),
        (fields, around): (&SpanFields, &Around<'_>),
        out: &mut Vec<u8>,
    ) -> bool {
        match source {
            Source::Value(value, ..) => out.extend_from_slice(value),
            Source::From(place, from) => {
                let found = match place {
                    _ if *place == self.on => work.attr(base, *from),
                    Where::Resource => around.resource.attr(*from),
                    Where::Span => around.span.and_then(|span| span.work.attr(span.base, *from)),
                    _ => around.scope.attr(*from),
                };
                let Some(found) = found else { return false };
                out.extend_from_slice(found);
            }
            Source::Of(compute) => {
                let Ok(found) = compute.eval(&self.env(work, base, fields, around)) else { return false };
                found.put(out); // nothing for nil: the empty value
            }
            Source::Context(index) => {
                let Some(Some(found)) = around.context.get(*index) else {
                    return false;
                };
                put_string(out, found.as_bytes());
            }
        }
        true
    }

    /// The action `lookup`: the first alternative all of whose parts have a text says which row is written.
    fn look_up(
        &self,
        finder: &Finder,
        work: &mut Work,
        base: &[u8],
        (fields, around): (&SpanFields, &Around<'_>),
        scratch: &mut Vec<u8>,
    ) {
        let (mut text, mut value) = (Vec::new(), Vec::new());
        for alternative in &finder.by {
            text.clear();
            let there = alternative.iter().enumerate().all(|(index, source)| {
                value.clear();
                if index > 0 {
                    text.push(0);
                }
                self.sourced(source, (work, base), (fields, around), &mut value) && put_text(&mut text, &value)
            });
            if there {
                if let Some(row) = finder.row(&text, work) {
                    finder.write(&row, work, base, around.keys, |work, key, value| {
                        put(work, base, around.keys, scratch, (key, value));
                    });
                }
                return;
            }
        }
    }
}

/// Notes what stands in an event or a data point.
fn note_event(work: &mut Work, event: &[u8], number: u32, keys: &Keys) {
    work.begin(number, keys.len(), &Reader::new(event));
    fields(event, Range { start: 0, end: event.len() }, |field| {
        if field.is(number) {
            work.note(keys, event, 0, &field);
        } else if number == EVENT_ATTRIBUTES && field.is(2) {
            work.field(0, 2, field.start, field.body);
        }
    });
}

/// Updates the attribute where it stands, or appends it.
pub fn put(work: &mut Work, base: &[u8], keys: &Keys, scratch: &mut Vec<u8>, (key, value): (KeyId, &[u8])) {
    if work.attr(base, key).is_none() {
        scratch.clear();
        put_key_value(scratch, keys.get(key), value);
        work.append(key, scratch, Pair::of(scratch));
        return;
    }
    for index in 0..work.items.len() {
        let mine = |item: &crate::work::Item| item.attribute && item.key_id == key && item.state != State::Gone;
        if work.items.get(index).is_some_and(mine) {
            set_item(work, base, index, scratch, value);
        }
    }
}

/// Gives an attribute another value.
pub fn set_item(work: &mut Work, base: &[u8], index: usize, scratch: &mut Vec<u8>, value: &[u8]) {
    change_item(work, base, index, scratch, |_, new| {
        new.extend_from_slice(value);
        Change::New
    });
}

pub fn change_item(
    work: &mut Work,
    base: &[u8],
    index: usize,
    scratch: &mut Vec<u8>,
    change: impl FnMut(&[u8], &mut Vec<u8>) -> Change,
) {
    let Some(body) = work.items.get(index).map(|item| item.body) else {
        return;
    };
    scratch.clear();
    match change_values(work.bytes(base, body), scratch, change) {
        Change::Same => {}
        Change::New => work.replace(index, scratch),
        Change::Drop => work.remove(index),
    }
}

fn extract(
    work: &mut Work,
    base: &[u8],
    around: &Around<'_>,
    scratch: &mut Vec<u8>,
    (key, pattern, names): (KeyId, &Pattern, &[(usize, KeyId)]),
) {
    let Some(Value::Str(found)) = work.attr(base, key).map(read) else {
        return;
    };
    let found = found.to_vec();
    let Some(captures) = pattern.captures(&found) else {
        return;
    };
    for (group, name) in names {
        let part = captures.get_group(*group).and_then(|span| found.get(span.start..span.end)).unwrap_or(&[]);
        let mut value = Vec::with_capacity(part.len() + 4);
        put_string(&mut value, part);
        put(work, base, around.keys, scratch, (*name, &value));
    }
}
