//! Further actions of stage `edit`: fields that are set, texts that are replaced, attributes that are kept or cut.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::edit::{change_item, put, Around};
use crate::env::{Env, Where};
use crate::field::{Field, NAME};
use crate::keys::{KeyId, Keys};
use crate::ottl::{Compute, Site, Val};
use crate::regex::Pattern;
use crate::spec::{given, listed, natural, need, only_of, text, Outcome};
use crate::splice::Change;
use crate::value::{put_string, read, Value};
use crate::work::{put_key_value, State, Work};

/// A part of what a match is replaced with.
enum Part {
    Text(Vec<u8>),
    Group(usize),
}

pub struct Template {
    pattern: Pattern,
    parts: Vec<Part>,
}

pub enum Rewrite {
    Set(Field, Compute),
    KeepKeys(Vec<Vec<u8>>),
    KeepPattern(Pattern),
    /// Of one attribute, or of all.
    Replace(Option<Vec<u8>>, Template),
    ReplaceField(Field, Template),
    /// Of the keys of all attributes.
    Rename(Template),
    Truncate(usize),
    Limit(usize, Vec<Vec<u8>>),
    ParseName {
        rules: Vec<NameRule>,
        rename: bool,
        first: bool,
    },
}

pub struct NameRule {
    pattern: Pattern,
    names: Vec<(usize, KeyId)>,
}

impl Rewrite {
    /// None: this is no action of that name.
    pub fn compile(action: &str, spec: &Map<String, Json>, site: &mut Site<'_>) -> Outcome<Option<Rewrite>> {
        let allow = |allowed: &[&str]| only_of(spec, allowed, action);
        Ok(Some(match action {
            "set" => {
                allow(&["do", "field", "of"])?;
                let field = Field::compile(spec.get("field"), site.on, site.keys.signal)?;
                Rewrite::Set(field, Compute::compile(spec.get("of").unwrap_or(&Json::Null), site)?)
            }
            "keep" => {
                allow(&["do", "keys", "pattern"])?;
                match (given(spec, "keys"), given(spec, "pattern")) {
                    (Some(keys), None) => Rewrite::KeepKeys(texts(Some(keys))?),
                    (None, Some(pattern)) => Rewrite::KeepPattern(compiled(Some(pattern))?),
                    _ => return Err("keep: expected keys or pattern".into()),
                }
            }
            "replace" => {
                allow(&["do", "key", "field", "pattern", "with"])?;
                let template = Template::compile(spec)?;
                match (given(spec, "key"), given(spec, "field")) {
                    (Some(_), Some(_)) => return Err("replace: expected key or field".into()),
                    (None, Some(field)) => {
                        let found = Field::compile(Some(field), site.on, site.keys.signal)?;
                        need(found.is_text, || format!("replace: {field} is no text"))?;
                        Rewrite::ReplaceField(found, template)
                    }
                    (None, None) => Rewrite::Replace(None, template),
                    (key, None) => Rewrite::Replace(Some(text(key, "replace: key")?.as_bytes().to_vec()), template),
                }
            }
            "rename" => {
                allow(&["do", "pattern", "with"])?;
                Rewrite::Rename(Template::compile(spec)?)
            }
            "truncate" => {
                allow(&["do", "limit"])?;
                Rewrite::Truncate(natural(spec.get("limit"), "truncate: limit")?)
            }
            "limit" => {
                allow(&["do", "count", "keys"])?;
                Rewrite::Limit(natural(spec.get("count"), "limit: count")?, texts(spec.get("keys"))?)
            }
            "parse_name" => {
                allow(&["do", "patterns", "rename", "first"])?;
                let there = site.on == Where::Span && site.keys.signal.is_traces();
                need(there, || format!("parse_name: a {} is no span", site.on))?;
                let flag = |name: &str| spec.get(name).and_then(Json::as_bool);
                let flags = flag("rename").zip(flag("first"));
                let (rename, first) = flags.ok_or("parse_name: rename and first are booleans")?;
                let patterns = listed(spec.get("patterns"), "parse_name")?.iter();
                let rules = patterns.map(|one| NameRule::compile(one, site)).collect::<Outcome<_>>()?;
                Rewrite::ParseName { rules, rename, first }
            }
            _ => return Ok(None),
        }))
    }

    /// Whether the action looks at all attributes, not only at those that it names.
    pub fn uses_all(&self) -> bool {
        !matches!(self, Rewrite::Set(..) | Rewrite::ReplaceField(..) | Rewrite::ParseName { .. })
    }

    /// Whether the action sets a field whose number stands for a varint.
    pub fn uses_kind(&self) -> bool {
        matches!(self, Rewrite::Set(field, _) if !field.is_text)
    }

    /// Whether the action changes fields that are no attributes.
    pub fn uses_fields(&self) -> bool {
        matches!(self, Rewrite::Set(..) | Rewrite::ReplaceField(..) | Rewrite::ParseName { .. })
    }

    /// Applies the action.
    pub fn apply(&self, work: &mut Work, base: &[u8], around: &Around<'_>, scratch: &mut Vec<u8>) {
        match self {
            // Computed before (`wanted`), as the value may look at the very work that changes.
            Rewrite::Set(..) => {}
            Rewrite::KeepKeys(keys) => keep(work, base, |key| keys.iter().any(|one| one == key)),
            Rewrite::KeepPattern(pattern) => keep(work, base, |key| pattern.is_match(key)),
            Rewrite::Replace(key, template) => on_texts(work, base, scratch, key.as_deref(), |text, out| {
                template.apply(text, out);
            }),
            Rewrite::ReplaceField(field, template) => {
                let Some(content) = field.read(work, base).and_then(|content| field.content(content)) else { return };
                let mut new = Vec::new();
                template.apply(&content, &mut new);
                if new != content {
                    field.set(work, base, &Val::Str(Cow::Owned(new)));
                }
            }
            Rewrite::Rename(template) => rename(work, base, around.keys, template),
            Rewrite::Truncate(limit) => on_texts(work, base, scratch, None, |text, out| {
                out.extend_from_slice(cut(text, *limit));
            }),
            Rewrite::Limit(count, first) => limit(work, base, *count, first),
            Rewrite::ParseName { rules, rename, first } => {
                parse_name(work, base, around, scratch, (rules, *rename, *first));
            }
        }
    }

    /// The field that is set, and to what; None where nothing is to be done, or the action is another.
    pub fn wanted(&self, env: &Env<'_>) -> Option<(Field, Val<'static>)> {
        let Rewrite::Set(field, compute) = self else { return None };
        let value = compute.eval(env).ok()?;
        let fits = match &value {
            Val::Nil => false,
            _ if field.is_value => true,
            Val::Str(_) => field.is_text,
            Val::Int(number) => !field.is_text && i32::try_from(*number).is_ok(),
            _ => false,
        };
        fits.then(|| (*field, value.into_owned()))
    }
}

fn texts(spec: Option<&Json>) -> Outcome<Vec<Vec<u8>>> {
    listed(spec, "keys")?.iter().map(|one| Ok(text(Some(one), "keys")?.as_bytes().to_vec())).collect()
}

fn compiled(spec: Option<&Json>) -> Outcome<Pattern> {
    Pattern::new(text(spec, "pattern")?)
}

impl NameRule {
    fn compile(spec: &Json, site: &mut Site<'_>) -> Outcome<NameRule> {
        let pattern = compiled(Some(spec))?;
        need(pattern.names().len() == pattern.groups(), || "parse_name: a group has no name".into())?;
        let names = pattern.names().iter().map(|(name, group)| Ok((*group, crate::keys::add(name, site.keys)?)));
        let mut names = names.collect::<Outcome<Vec<_>>>()?;
        names.sort_unstable_by_key(|(group, _)| *group);
        Ok(NameRule { pattern, names })
    }
}

impl Template {
    fn compile(spec: &Map<String, Json>) -> Outcome<Template> {
        let pattern = compiled(spec.get("pattern"))?;
        let part = |one: &Json| {
            if let Json::String(text) = one {
                return Ok(Part::Text(text.as_bytes().to_vec()));
            }
            let group = natural(Some(one), "replace: with")?;
            need(group <= pattern.groups(), || {
                format!("replace: group {group}: the pattern has {}", pattern.groups())
            })?;
            Ok(Part::Group(group))
        };
        let parts = listed(spec.get("with"), "replace: with")?.iter().map(part).collect::<Outcome<_>>()?;
        Ok(Template { pattern, parts })
    }

    /// Appends the text with every match replaced; not an empty one right behind another, or within a character.
    fn apply(&self, text: &[u8], out: &mut Vec<u8>) {
        let (mut copied, mut position, mut last) = (0, 0, usize::MAX);
        while position <= text.len() {
            let Some(found) = self.pattern.captures_from(text, position) else { break };
            let Some((start, end)) = found.get_group(0).map(|span| (span.start, span.end)) else { break };
            if start < end || !(end == last || continues(text, start)) {
                out.extend_from_slice(text.get(copied..start).unwrap_or(&[]));
                for part in &self.parts {
                    match part {
                        Part::Text(text) => out.extend_from_slice(text),
                        Part::Group(group) => {
                            let span = found.get_group(*group);
                            out.extend_from_slice(span.and_then(|span| text.get(span.range())).unwrap_or(&[]));
                        }
                    }
                }
                copied = end;
                last = end;
            }
            position = if end > start { end } else { after(text, end) };
        }
        out.extend_from_slice(text.get(copied..).unwrap_or(&[]));
    }
}

/// Whether a character goes on at this byte.
fn continues(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80)
}

fn after(text: &[u8], mut at: usize) -> usize {
    at += 1;
    while continues(text, at) {
        at += 1;
    }
    at
}

fn cut(text: &[u8], mut limit: usize) -> &[u8] {
    while continues(text, limit) {
        limit -= 1;
    }
    text.get(..limit).unwrap_or(text)
}

fn keep(work: &mut Work, base: &[u8], kept: impl Fn(&[u8]) -> bool) {
    for index in 0..work.items.len() {
        let goes = work.items.get(index).filter(|item| item.attribute && item.state != State::Gone);
        if goes.is_some_and(|item| !kept(work.bytes(base, item.key))) {
            work.remove(index);
        }
    }
    work.refresh();
}

/// Gives attributes other keys; of those that then have the same key the last stays.
fn rename(work: &mut Work, base: &[u8], keys: &Keys, template: &Template) {
    let (mut new, mut pair, mut renamed) = (Vec::new(), Vec::new(), false);
    for index in 0..work.items.len() {
        let Some(item) = work.items.get(index).filter(|item| item.attribute && item.state != State::Gone) else {
            continue;
        };
        let key = work.bytes(base, item.key);
        new.clear();
        template.apply(key, &mut new);
        if new != key {
            pair.clear();
            put_key_value(&mut pair, &new, work.bytes(base, item.value));
            work.rename(index, &pair, keys.find(&new));
            renamed = true;
        }
    }
    if renamed {
        let present = |item: &crate::work::Item| item.attribute && item.state != State::Gone;
        let items = work.items.iter().enumerate().filter(|(_, item)| present(item));
        let mut by_key: Vec<_> = items.map(|(index, item)| (work.bytes(base, item.key), index)).collect();
        by_key.sort_unstable();
        let gone: Vec<usize> = by_key.windows(2).filter(|two| two[0].0 == two[1].0).map(|two| two[0].1).collect();
        gone.into_iter().for_each(|index| work.remove(index));
        work.refresh();
    }
}

fn limit(work: &mut Work, base: &[u8], count: usize, first: &[Vec<u8>]) {
    let present = |item: &&crate::work::Item| item.attribute && item.state != State::Gone;
    if work.items.iter().filter(present).count() <= count {
        return;
    }
    let is_first = |key: &[u8]| first.iter().any(|one| one == key);
    let mut keys: Vec<&[u8]> = work.items.iter().filter(present).map(|item| work.bytes(base, item.key)).collect();
    keys.retain(|key| is_first(key));
    keys.sort_unstable();
    keys.dedup();
    let mut left = count.saturating_sub(keys.len());
    for index in 0..work.items.len() {
        let Some(item) = work.items.get(index).filter(present) else { continue };
        if is_first(work.bytes(base, item.key)) {
            continue;
        }
        if left > 0 {
            left -= 1;
        } else {
            work.remove(index);
        }
    }
    work.refresh();
}

/// Changes the text of one attribute, or of all of them.
fn on_texts(
    work: &mut Work,
    base: &[u8],
    scratch: &mut Vec<u8>,
    key: Option<&[u8]>,
    change: impl Fn(&[u8], &mut Vec<u8>),
) {
    let mut new = Vec::new();
    for index in 0..work.items.len() {
        let Some(item) = work.items.get(index).filter(|item| item.attribute && item.state != State::Gone) else {
            continue;
        };
        if key.is_some_and(|key| key != work.bytes(base, item.key)) {
            continue;
        }
        change_item(work, base, index, scratch, |old, out| {
            let Value::Str(text) = read(old) else { return Change::Same };
            new.clear();
            change(text, &mut new);
            if new == text {
                return Change::Same;
            }
            put_string(out, &new);
            Change::New
        });
    }
}

fn parse_name(
    work: &mut Work,
    base: &[u8],
    around: &Around<'_>,
    scratch: &mut Vec<u8>,
    (rules, rename, first): (&[NameRule], bool, bool),
) {
    let Some(mut name) = NAME.read(work, base).filter(|name| !name.is_empty()) else { return };
    for rule in rules {
        let Some(found) = rule.pattern.captures_from(&name, 0) else { continue };
        let (mut new, mut done) = (Vec::new(), 0);
        for &(group, key) in &rule.names {
            let span = found.get_group(group);
            let part = span.and_then(|span| name.get(span.range())).unwrap_or(&[]);
            let mut value = Vec::with_capacity(part.len() + 4);
            put_string(&mut value, part);
            put(work, base, around.keys, scratch, (key, &value));
            if let Some(span) = span.filter(|span| span.start >= done) {
                new.extend_from_slice(name.get(done..span.start).unwrap_or(&[]));
                new.push(b'{');
                new.extend_from_slice(around.keys.get(key));
                new.push(b'}');
                done = span.end;
            }
        }
        if rename {
            new.extend_from_slice(name.get(done..).unwrap_or(&[]));
            name = new;
            NAME.set(work, base, &Val::Str(Cow::Borrowed(&name)));
        }
        if first {
            break;
        }
    }
}
