//! Stage `edit`: actions on the attributes of spans, resources or scopes.

use serde_json::{Map, Value as Json};

use crate::convert::To;
use crate::env::{Env, Side, SpanFields, SpanView, Where};
use crate::expr::Expr;
use crate::keys::{KeyId, Keys};
use crate::ottl::Site;
use crate::regex::Pattern;
use crate::rewrite::Rewrite;
use crate::scrub::reread;
use crate::source::Source;
use crate::spec::{given, listed, need, only, shown, text, Outcome};
use crate::splice::{change_values, Change};
use crate::value::{put_string, read, Value};
use crate::walk::Pair;
use crate::wire::{fields, Range};
use crate::work::{put_key_value, Owner, State, Work};

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

/// An action with its own conditions, asked right before it.
struct Step {
    when: Option<Expr>,
    drop_if: Option<Expr>,
    action: Action,
}

enum Action {
    Write { key: KeyId, source: Source, update: bool, insert: bool },
    Each { key: Option<KeyId>, pattern: Option<Box<Pattern>>, change: To },
    Extract { key: KeyId, pattern: Box<Pattern>, names: Vec<(usize, KeyId)> },
    Rewrite(Box<Rewrite>),
}

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
        let on = stage.get("on").and_then(Json::as_str).and_then(Where::parse);
        let on = on.ok_or_else(|| format!("edit: on {}", shown(stage.get("on"))))?;
        let when = Expr::compile_if(stage.get("if"), on, keys)?;
        let actions = listed(stage.get("actions"), "actions")?.iter().map(|one| Step::compile(one, on, contexts, keys));
        let actions = actions.collect::<Outcome<Vec<_>>>()?;
        let uses_context =
            actions.iter().any(|one| matches!(one.action, Action::Write { source: Source::Context(_), .. }));
        let may_drop = actions.iter().any(|one| one.drop_if.is_some());
        Ok(Edit { on, when, actions, uses_context, may_drop })
    }

    /// Whether an action may look at every attribute.
    pub fn uses_all(&self) -> bool {
        self.actions.iter().any(|one| match &one.action {
            Action::Each { pattern, .. } => pattern.is_some(),
            Action::Rewrite(rewrite) => rewrite.uses_all(),
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

    /// Applies the actions to an event, whatever the condition says, into `event`; false when the span is dropped.
    pub fn apply_to_event(
        &self,
        event: &mut Vec<u8>,
        work: &mut Work,
        around: &Around<'_>,
        scratch: &mut Vec<u8>,
    ) -> bool {
        for step in &self.actions {
            note_event(work, event, around.keys);
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
        let value: &[u8] = match source {
            Source::Value(_, pair, parts) if !present => {
                work.append(key, pair, *parts);
                return;
            }
            Source::Value(value, ..) => value,
            Source::From(place, from) => {
                let found = match place {
                    _ if *place == self.on => work.attr(base, *from),
                    Where::Resource => around.resource.attr(*from),
                    Where::Span => around.span.and_then(|span| span.work.attr(span.base, *from)),
                    _ => around.scope.attr(*from),
                };
                let Some(found) = found else { return };
                copy.extend_from_slice(found);
                &copy
            }
            Source::Of(compute) => {
                let Ok(found) = compute.eval(&self.env(work, base, fields, around)) else { return };
                found.put(&mut copy); // nothing for nil: the empty value
                &copy
            }
            Source::Context(index) => {
                let Some(Some(found)) = around.context.get(*index) else {
                    return;
                };
                put_string(&mut copy, found.as_bytes());
                &copy
            }
        };
        put(work, base, around.keys, scratch, (key, value));
    }
}

/// Notes what stands in an event.
fn note_event(work: &mut Work, event: &[u8], keys: &Keys) {
    work.reset(3, keys.len());
    let range = Range { start: 0, end: event.len() };
    work.owners.push(Owner { range, items: (0, usize::MAX), changed: false, added: false });
    fields(event, range, |field| {
        if field.is(3) {
            work.note(keys, event, 0, &field);
        } else if field.is(2) {
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
            change_item(work, base, index, scratch, |_, new| {
                new.extend_from_slice(value);
                Change::New
            });
        }
    }
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

impl Step {
    fn compile(spec: &Json, on: Where, contexts: usize, keys: &mut Keys) -> Outcome<Step> {
        let map = spec.as_object().ok_or_else(|| format!("action: expected a mapping, not {spec}"))?;
        let drop_if = map.get("drop_if").map(|drop_if| {
            need(on >= Where::Span, || format!("drop_if is not there on a {on}"))?;
            Expr::compile(Some(drop_if), on, keys)
        });
        let drop_if = drop_if.transpose()?;
        let when = given(map, "if").map(|when| Expr::compile(Some(when), on, keys)).transpose()?;
        let mut rest = map.clone();
        rest.retain(|name, _| name != "if" && name != "drop_if");
        Ok(Step { when, drop_if, action: Action::compile(&rest, on, contexts, keys)? })
    }

    /// Whether the action is to be done; None: the span is dropped.
    #[inline]
    fn goes(&self, env: &Env<'_>) -> Option<bool> {
        if self.drop_if.as_ref().is_some_and(|drop_if| drop_if.holds(env)) {
            return None;
        }
        Some(self.when.as_ref().is_none_or(|when| when.holds(env)))
    }
}

impl Action {
    fn compile(spec: &Map<String, Json>, on: Where, contexts: usize, keys: &mut Keys) -> Outcome<Action> {
        let action = spec.get("do").and_then(Json::as_str).unwrap_or("");
        let allow = |allowed: &[&str]| only_of(spec, allowed, action);
        match action {
            "insert" | "update" | "upsert" => {
                allow(&["do", "key", "value", "from", "context", "of"])?;
                let key = key(spec, action, keys)?;
                let source = Source::compile(spec, (action, on, contexts), key, keys)?;
                Ok(Action::Write { key, source, update: action != "insert", insert: action != "update" })
            }
            "delete" | "hash" => {
                allow(&["do", "key", "pattern"])?;
                let named = given(spec, "key").map(|_| key(spec, action, keys)).transpose()?;
                let pattern = given(spec, "pattern").map(|one| text(Some(one), "pattern").and_then(Pattern::new));
                let pattern = pattern.transpose()?.map(Box::new);
                need(named.is_some() || pattern.is_some(), || format!("{action}: key or pattern is missing"))?;
                Ok(Action::Each { key: named, pattern, change: if action == "hash" { To::Hash } else { To::Gone } })
            }
            "extract" => {
                allow(&["do", "key", "pattern"])?;
                let key = key(spec, action, keys)?;
                let pattern = Box::new(Pattern::new(text(spec.get("pattern"), "pattern")?)?);
                let names = pattern.names().iter().map(|(name, group)| Ok((*group, add(name, keys)?)));
                let names = names.collect::<Outcome<_>>()?;
                Ok(Action::Extract { key, pattern, names })
            }
            "convert" => {
                allow(&["do", "key", "to"])?;
                let change = match spec.get("to").and_then(Json::as_str) {
                    Some("int") => To::Int,
                    Some("double") => To::Double,
                    Some("string") => To::Text,
                    _ => return Err(format!("convert: to {}", shown(spec.get("to")))),
                };
                Ok(Action::Each { key: Some(key(spec, action, keys)?), pattern: None, change })
            }
            _ => {
                let rewrite = Rewrite::compile(action, spec, &mut Site { on, keys, depth: 0 })?;
                let rewrite = rewrite.ok_or_else(|| format!("unknown action {}", shown(spec.get("do"))))?;
                Ok(Action::Rewrite(Box::new(rewrite)))
            }
        }
    }
}

pub fn only_of(spec: &Map<String, Json>, allowed: &[&str], what: &str) -> Outcome<()> {
    match spec.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("{what}: unknown key {key}")),
        None => Ok(()),
    }
}

pub fn add(key: &str, keys: &mut Keys) -> Outcome<KeyId> {
    keys.add(key.as_bytes()).ok_or_else(|| "too many keys".into())
}

fn key(spec: &Map<String, Json>, action: &str, keys: &mut Keys) -> Outcome<KeyId> {
    add(text(spec.get("key"), &format!("{action}: key"))?, keys)
}
