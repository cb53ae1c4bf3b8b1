//! Stage `edit`: actions on the attributes of spans, resources or scopes.

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::env::{Side, Where};
use crate::expr::Expr;
use crate::keys::{KeyId, Keys};
use crate::regex::Pattern;
use crate::spec::{base64, given, listed, natural, need, only, put_hex, shown, text, Outcome};
use crate::value::{put_double, put_int, put_string, read, value_text, Value};
use crate::walk::Pair;
use crate::work::{change_values, put_key_value, Change, State, Work};

/// A compiled edit stage.
pub struct Edit {
    pub on: Where,
    pub when: Expr,
    actions: Vec<Action>,
    /// Whether the result depends on the values that come with a request.
    pub uses_context: bool,
}

enum Action {
    Write { key: KeyId, source: Source, update: bool, insert: bool },
    Each { key: Option<KeyId>, pattern: Option<Box<Pattern>>, change: To },
    Extract { key: KeyId, pattern: Box<Pattern>, names: Vec<(usize, KeyId)> },
}

enum Source {
    /// The `AnyValue`, and the `KeyValue` that holds it with its parts.
    Value(Vec<u8>, Vec<u8>, Pair),
    From(Where, KeyId),
    Context(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Gone,
    Hash,
    Int,
    Double,
    Text,
}

/// What an edit may look at besides the level it works on.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub resource: Side<'a>,
    pub scope: Side<'a>,
    pub context: &'a [Option<String>],
    pub keys: &'a Keys,
}

impl Edit {
    pub fn compile(spec: &Json, contexts: usize, keys: &mut Keys) -> Outcome<Edit> {
        let stage = only(Some(spec), &["kind", "on", "if", "actions"], "edit")?;
        let on = stage.get("on").and_then(Json::as_str).and_then(Where::parse);
        let on = on.ok_or_else(|| format!("edit: on {}", shown(stage.get("on"))))?;
        let when = Expr::compile_if(stage.get("if"), on, keys)?;
        let actions =
            listed(stage.get("actions"), "actions")?.iter().map(|one| Action::compile(one, on, contexts, keys));
        let actions = actions.collect::<Outcome<Vec<_>>>()?;
        let uses_context = actions.iter().any(|one| matches!(one, Action::Write { source: Source::Context(_), .. }));
        Ok(Edit { on, when, actions, uses_context })
    }

    /// Whether an action chooses keys by a pattern.
    pub fn uses_patterns(&self) -> bool {
        self.actions.iter().any(|one| matches!(one, Action::Each { pattern: Some(_), .. }))
    }

    /// Applies the actions, whatever the condition says.
    pub fn apply(&self, work: &mut Work, base: &[u8], around: &Around<'_>, scratch: &mut Vec<u8>) {
        for action in &self.actions {
            match action {
                Action::Write { key, source, update, insert } => {
                    self.write(work, base, around, scratch, (*key, source, *update, *insert));
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
            }
        }
    }

    fn write(
        &self,
        work: &mut Work,
        base: &[u8],
        around: &Around<'_>,
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
                    _ => around.scope.attr(*from),
                };
                let Some(found) = found else { return };
                copy.extend_from_slice(found);
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

/// Updates the attribute where it stands, or appends it.
fn put(work: &mut Work, base: &[u8], keys: &Keys, scratch: &mut Vec<u8>, (key, value): (KeyId, &[u8])) {
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

fn change_item(
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

impl Action {
    fn compile(spec: &Json, on: Where, contexts: usize, keys: &mut Keys) -> Outcome<Action> {
        let spec = only(Some(spec), &["do", "key", "pattern", "to", "value", "from", "context"], "action")?;
        let action = spec.get("do").and_then(Json::as_str).unwrap_or("");
        let allow = |allowed: &[&str]| only_of(spec, allowed, action);
        match action {
            "insert" | "update" | "upsert" => {
                allow(&["do", "key", "value", "from", "context"])?;
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
            _ => Err(format!("unknown action {}", shown(spec.get("do")))),
        }
    }
}

fn only_of(spec: &Map<String, Json>, allowed: &[&str], what: &str) -> Outcome<()> {
    match spec.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("{what}: unknown key {key}")),
        None => Ok(()),
    }
}

fn add(key: &str, keys: &mut Keys) -> Outcome<KeyId> {
    keys.add(key.as_bytes()).ok_or_else(|| "too many keys".into())
}

fn key(spec: &Map<String, Json>, action: &str, keys: &mut Keys) -> Outcome<KeyId> {
    add(text(spec.get("key"), &format!("{action}: key"))?, keys)
}

impl Source {
    fn compile(
        spec: &Map<String, Json>,
        (action, on, contexts): (&str, Where, usize),
        key: KeyId,
        keys: &mut Keys,
    ) -> Outcome<Source> {
        match (given(spec, "value"), given(spec, "from"), given(spec, "context")) {
            (Some(value), None, None) => {
                let value = base64(text(Some(value), "value")?.as_bytes(), true);
                let value = value.filter(|value| crate::walk::is_any_value(value));
                let value = value.ok_or_else(|| "value: no base64 of an AnyValue".to_owned())?;
                let mut pair = Vec::new();
                put_key_value(&mut pair, keys.get(key), &value);
                let parts = Pair::of(&pair);
                Ok(Source::Value(value, pair, parts))
            }
            (None, Some(from), None) => {
                let parts = listed(Some(from), "from")?;
                let place = parts.first().and_then(Json::as_str).and_then(Where::parse);
                let place = place.filter(|_| parts.len() == 2).ok_or_else(|| format!("from: {from}"))?;
                need(place <= on, || format!("from: a {place} is not there on a {on}"))?;
                Ok(Source::From(place, add(text(parts.get(1), "from")?, keys)?))
            }
            (None, None, Some(context)) => {
                let index = natural(Some(context), "context")?;
                need(index < contexts, || format!("context {index}: the program has {contexts}"))?;
                Ok(Source::Context(index))
            }
            _ => Err(format!("{action}: expected one of value, from and context")),
        }
    }
}

impl To {
    fn apply(self, old: &[u8], new: &mut Vec<u8>) -> Change {
        let value = read(old);
        let written = match self {
            To::Gone => return Change::Drop,
            To::Hash => hash(value, new),
            To::Int => to_int(value).map(|number| put_int(new, number)),
            To::Double => to_double(value).map(|number| put_double(new, number)),
            To::Text if matches!(value, Value::Str(_)) => None,
            To::Text => value_text(value).map(|text| put_string(new, &text)),
        };
        written.map_or(Change::Same, |()| Change::New)
    }
}

fn hash(value: Value<'_>, new: &mut Vec<u8>) -> Option<()> {
    let digest = match value {
        Value::Str(text) => Sha256::digest(text),
        Value::Int(number) => Sha256::digest((number as i64).to_le_bytes()),
        Value::Double(number) => Sha256::digest(number.to_le_bytes()),
        Value::Bool(flag) => Sha256::digest([u8::from(flag)]),
        _ => {
            put_string(new, b"");
            return Some(());
        }
    };
    let mut hex = Vec::with_capacity(64);
    put_hex(&mut hex, &digest);
    put_string(new, &hex);
    Some(())
}

fn to_int(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(flag.into()),
        // 2^63 is exact as a double, and the first one out of range.
        Value::Double(number) if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) => {
            Some(number as i64)
        }
        Value::Str(text) => {
            let text = std::str::from_utf8(text).ok()?;
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            text.parse().ok()
        }
        _ => None,
    }
}

fn to_double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Bool(flag) => Some(f64::from(u8::from(flag))),
        Value::Str(text) => {
            let text = std::str::from_utf8(text).ok()?;
            // Rust also reads `inf` and `nan`, and otherwise the same numbers.
            let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            text.bytes().all(numeric).then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}
