//! Where an action takes its value from.

use serde_json::{Map, Value as Json};

use crate::env::Where;
use crate::keys::{add, KeyId, Keys};
use crate::ottl::{Compute, Site};
use crate::spec::{base64, given, listed, natural, need, text, Outcome};
use crate::walk::Pair;
use crate::work::put_key_value;

pub enum Source {
    /// The `AnyValue`, and the `KeyValue` that holds it with its parts.
    Value(Vec<u8>, Vec<u8>, Pair),
    From(Where, KeyId),
    Context(usize),
    /// A computed value; nothing is done where that is nil or fails.
    Of(Box<Compute>),
}

impl Source {
    pub fn compile(
        spec: &Map<String, Json>,
        (action, on, contexts): (&str, Where, usize),
        key: KeyId,
        keys: &mut Keys,
    ) -> Outcome<Source> {
        if let Some(of) = given(spec, "of") {
            let alone = !["value", "from", "context"].iter().any(|name| given(spec, name).is_some());
            need(alone, || format!("{action}: expected one of value, from, context and of"))?;
            return Ok(Source::Of(Box::new(Compute::compile(of, &mut Site { on, keys, depth: 0 })?)));
        }
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
                let place = parts.first().and_then(Json::as_str).and_then(|name| keys.signal.level(name));
                let place = place.filter(|_| parts.len() == 2).ok_or_else(|| format!("from: {from}"))?;
                need(place <= on, || format!("from: a {place} is not there on a {on}"))?;
                Ok(Source::From(place, add(text(parts.get(1), "from")?, keys)?))
            }
            (None, None, Some(context)) => {
                let index = natural(Some(context), "context")?;
                need(index < contexts, || format!("context {index}: the program has {contexts}"))?;
                Ok(Source::Context(index))
            }
            _ => Err(format!("{action}: expected one of value, from, context and of")),
        }
    }
}
