//! Texts of a known form: which attributes and span names they stand in, and for which database.

use serde_json::Value as Json;

use super::marks::SPAN_NAME;
use super::pass::Pass;
use crate::env::SpanFields;
use crate::forms::{Kind, Uri};
use crate::keys::{KeyId, Keys};
use crate::regex::Pattern;
use crate::spec::{given, listed, need, only, shown, text, Outcome};
use crate::splice::{change_values, Change};
use crate::value::{put_string, read, Value};
use crate::work::{Item, State, Work};

/// Whether and by which form a text is rewritten.
pub struct Form {
    kind: Kind,
    pub key: Pattern,
    /// None: whatever the database.
    systems: Option<Vec<Vec<u8>>>,
    /// Whether span names are rewritten, too.
    pub name: bool,
    uri: Option<Uri>,
}

/// The keys of attributes that say which database it is, and whether a span is one of HTTP.
pub struct Known {
    pub system: [KeyId; 2],
    http: Vec<KeyId>,
}

/// Where a message says which database it is about, the first one that says something.
pub const SYSTEM: [&[u8]; 2] = [b"db.system.name", b"db.system"];
const HTTP: [&str; 9] = [
    "http.route",
    "http.request.method",
    "http.request.method_original",
    "http.response.status_code",
    "url.full",
    "http.scheme",
    "http.target",
    "http.method",
    "http.url",
];
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

impl Known {
    pub fn new(keys: &mut Keys) -> Outcome<Known> {
        let mut add = |key: &[u8]| keys.add(key).ok_or("too many attribute keys");
        let system = [add(SYSTEM[0])?, add(SYSTEM[1])?];
        Ok(Known { system, http: HTTP.iter().map(|key| add(key.as_bytes())).collect::<Result<_, _>>()? })
    }

    /// The system that the attributes name, in small letters.
    pub fn of(&self, work: &Work, base: &[u8]) -> Vec<u8> {
        named(self.system.iter().map(|&key| work.attr(base, key)))
    }
}

/// The first of these values that is a string and not empty, in small letters.
pub fn named<'a>(mut values: impl Iterator<Item = Option<&'a [u8]>>) -> Vec<u8> {
    let text = |value: Option<&'a [u8]>| match value.map(read) {
        Some(Value::Str(text)) if !text.is_empty() => Some(text.to_ascii_lowercase()),
        _ => None,
    };
    values.find_map(text).unwrap_or_default()
}

impl Form {
    pub fn compile(spec: &Json) -> Outcome<Form> {
        let spec = only(Some(spec), &["as", "key", "systems", "name", "uri"], "form")?;
        let kind = text(spec.get("as"), "as")?;
        let kind = Kind::by_name(kind).ok_or_else(|| format!("as: unknown {kind}"))?;
        let uri = match (kind, given(spec, "uri")) {
            (Kind::Uri | Kind::Query, uri) => Some(Uri::compile(kind == Kind::Query, uri)?),
            (_, None) => None,
            _ => return Err("uri: it belongs to uri and query".to_owned()),
        };
        let systems = match given(spec, "systems") {
            None => None,
            some => {
                let names = listed(some, "systems")?.iter().map(|name| text(Some(name), "systems"));
                Some(names.map(|name| name.map(|name| name.as_bytes().to_vec())).collect::<Outcome<_>>()?)
            }
        };
        let name = given(spec, "name").is_some_and(|name| name == true);
        need(given(spec, "name").is_none_or(Json::is_boolean), || format!("name: {}", shown(spec.get("name"))))?;
        Ok(Form { kind, key: Pattern::new(text(spec.get("key"), "key")?)?, systems, name, uri })
    }

    fn is_for(&self, system: &[u8]) -> bool {
        self.systems.as_ref().is_none_or(|systems| systems.iter().any(|one| one == system))
    }

    /// Whether the same few texts come again and again.
    pub fn repeats(&self) -> bool {
        self.kind == Kind::Statement
    }

    /// The text as it is written in an attribute; None when the form does not apply or changes nothing.
    pub fn rewritten(&self, text: &[u8], system: &[u8]) -> Option<Vec<u8>> {
        let apply = || self.uri.as_ref().map_or_else(|| self.kind.apply(text, system), |uri| uri.rewritten(text));
        let new = self.is_for(system).then(apply)?;
        (new != text).then_some(new)
    }

    /// The name of a span, likewise.
    pub fn renamed(
        &self,
        name: &[u8],
        span: &SpanFields,
        (known, work, base): (&Known, &Work, &[u8]),
    ) -> Option<Vec<u8>> {
        let http = self.kind == Kind::Url || self.uri.is_some();
        let kinds: &[i32] = if http { &[SERVER, CLIENT] } else { &[INTERNAL, SERVER, CLIENT] };
        if !kinds.contains(&span.kind) {
            return None;
        }
        if !http {
            let system = known.of(work, base);
            return self.rewritten(name, &system).filter(|new| !system.is_empty() && !new.is_empty());
        }
        let http = known.http.iter().any(|&key| work.attr(base, key).is_some());
        let new = self.rewritten(name, &[]).filter(|new| !new.is_empty() && (http || name.contains(&b'/')))?;
        let says = new.split(|&byte| byte == b'/').any(|segment| !segment.is_empty() && segment != b"*");
        (says || !new.contains(&b'*')).then_some(new)
    }
}

impl Pass<'_> {
    /// An attribute after the forms for its key.
    pub fn formed(&mut self, key: &[u8], mut pair: Vec<u8>) -> Vec<u8> {
        for (index, form) in self.scrub.forms.iter().enumerate().filter(|(_, form)| form.key.is_match(key)) {
            let (mut new, mut count) = (Vec::new(), 0);
            let change = change_values(&pair, &mut new, |value, out| {
                let Value::Str(text) = read(value) else {
                    return Change::Same;
                };
                let Some(text) = self.cache.rewritten((index, form), text) else {
                    return Change::Same;
                };
                count += 1;
                put_string(out, &text);
                Change::New
            });
            self.count(self.scrub.keys.len() + self.scrub.values.len() + index, count);
            if change == Change::New {
                pair = new;
            }
        }
        pair
    }

    /// Gives the span another name by the first form that has one; whether it did.
    pub fn name(&mut self, work: &mut Work, base: &[u8], (span, known): (&SpanFields, &Known)) -> bool {
        let old = work.bytes(base, span.name).to_vec();
        if self.scrub.keep.as_ref().is_some_and(|keep| keep.is_match(&old)) {
            return false;
        }
        for (index, form) in self.scrub.forms.iter().enumerate().filter(|(_, form)| form.name) {
            let Some(new) = form.renamed(&old, span, (known, work, base)) else {
                continue;
            };
            for item in 0..work.items.len() {
                let is_name = |item: &Item| item.number == 5 && !item.attribute && item.state != State::Gone;
                if work.items.get(item).is_some_and(is_name) {
                    work.replace(item, &new);
                }
            }
            self.at = SPAN_NAME;
            self.count(self.scrub.keys.len() + self.scrub.values.len() + index, 1);
            return true;
        }
        false
    }
}
