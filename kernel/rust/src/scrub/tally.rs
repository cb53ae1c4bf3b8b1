//! What a stage did to the attributes of one message, and the summary of it among them.

use serde_json::Value as Json;

use crate::edit::put;
use crate::keys::{KeyId, Keys};
use crate::spec::{shown, Outcome};
use crate::splice::{change_values, Change, Splice};
use crate::value::{put_int, put_string, read, Value};
use crate::wire::{fields, put_field, Range};
use crate::work::{key_value_parts, put_key_value, Work};

pub const REDACTED: usize = 0;
pub const MASKED: usize = 1;
pub const ALLOWED: usize = 2;
pub const IGNORED: usize = 3;
const NAMES: [&str; 4] = ["redacted", "masked", "allowed", "ignored"];

/// The keys of attributes, in their order, by what became of them.
#[derive(Default)]
pub struct Tally([Vec<Vec<u8>>; 4]);

/// The attributes that say so: for each of the four the list of keys (if wanted) and their number.
pub struct Summary([(Option<KeyId>, KeyId); 4]);

impl Summary {
    pub fn compile(spec: &Json, keys: &mut Keys) -> Outcome<Summary> {
        let with_keys = match spec.as_str() {
            Some("keys") => true,
            Some("counts") => false,
            _ => return Err(format!("unknown summary {}", shown(Some(spec)))),
        };
        let mut ids = [(None, 0); 4];
        for (index, (names, count)) in ids.iter_mut().enumerate() {
            let mut add = |what: &str| {
                keys.add(format!("redaction.{}.{what}", NAMES[index]).as_bytes()).ok_or("too many attribute keys")
            };
            *count = add("count")?;
            if with_keys && index != IGNORED {
                *names = Some(add("keys")?);
            }
        }
        Ok(Summary(ids))
    }

    /// What is to be upserted, given how to read an attribute.
    fn values<'a>(
        &'a self,
        tally: &'a Tally,
        read_attribute: impl Fn(KeyId) -> Option<Vec<u8>> + 'a,
    ) -> impl Iterator<Item = (KeyId, Vec<u8>)> + 'a {
        let each = self.0.iter().zip(&tally.0).filter(|(_, keys)| !keys.is_empty());
        each.flat_map(move |(&(names, count), keys)| {
            let names = names.map(|id| (id, named(read_attribute(id), keys)));
            names.into_iter().chain([(count, counted(read_attribute(count), keys.len()))])
        })
    }

    /// Upserts the summary of a span, a resource or a scope.
    pub fn onto_work(&self, tally: &Tally, work: &mut Work, base: &[u8], keys: &Keys, scratch: &mut Vec<u8>) {
        let values: Vec<_> = self.values(tally, |id| work.attr(base, id).map(<[u8]>::to_vec)).collect();
        for (id, value) in values {
            put(work, base, keys, scratch, (id, &value));
        }
    }

    /// The same for a message with its attributes in field `number`, as it is now.
    pub fn onto_message(&self, tally: &Tally, mut message: Vec<u8>, number: u32, keys: &Keys) -> Vec<u8> {
        let read_attribute = |id| first(&message, number, keys.get(id));
        let values: Vec<_> = self.values(tally, read_attribute).collect();
        for (id, value) in values {
            message = upsert(&message, number, keys.get(id), &value);
        }
        message
    }
}

impl Tally {
    pub fn note(&mut self, what: usize, key: &[u8]) {
        if let Some(keys) = self.0.get_mut(what) {
            keys.push(key.to_vec());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }
}

fn named(before: Option<Vec<u8>>, keys: &[Vec<u8>]) -> Vec<u8> {
    let mut all: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    if let Some(Value::Str(text)) = before.as_deref().map(read) {
        all.extend(text.split(|&byte| byte == b',').filter(|_| !text.is_empty()));
    }
    all.sort_unstable();
    let mut out = Vec::new();
    put_string(&mut out, &all.join(&b','));
    out
}

fn counted(before: Option<Vec<u8>>, count: usize) -> Vec<u8> {
    let known = match before.as_deref().map(read) {
        Some(Value::Int(number)) => number as i64,
        _ => 0,
    };
    let mut out = Vec::new();
    put_int(&mut out, known.wrapping_add(count as i64));
    out
}

/// The `AnyValue` of the first attribute with a key.
pub fn first(message: &[u8], number: u32, key: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    fields(message, Range { start: 0, end: message.len() }, |field| {
        let pair = field.body.of(message);
        if found.is_none() && field.is(number) {
            let (its, value) = key_value_parts(pair);
            found = (its.of(pair) == key).then(|| value.of(pair).to_vec());
        }
    });
    found
}

fn upsert(message: &[u8], number: u32, key: &[u8], value: &[u8]) -> Vec<u8> {
    let (mut splice, mut out, mut new, mut present) = (Splice::new(message), Vec::new(), Vec::new(), false);
    fields(message, Range { start: 0, end: message.len() }, |field| {
        let pair = field.body.of(message);
        if !field.is(number) || key_value_parts(pair).0.of(pair) != key {
            return;
        }
        present = true;
        new.clear();
        let change = change_values(pair, &mut new, |_, out| {
            out.extend_from_slice(value);
            Change::New
        });
        if change == Change::New {
            splice.replace(&field, &new, &mut out);
        }
    });
    splice.finish(Some(()), &mut out);
    if !present {
        new.clear();
        put_key_value(&mut new, key, value);
        put_field(&mut out, number, &new);
    }
    out
}
