//! What a stage does beside replacing: it counts by position, says what it found, and lets go of spans.

use serde_json::Value as Json;

use crate::signal::Signal;
use crate::spec::{given, natural, only, shown, text, Outcome};
use crate::value::{put_string, read, Value};

/// Where strings stand, by number.
pub const POSITIONS: [&str; 21] = [
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
    "attribute_key",
    "log",
    "body",
    "severity_text",
    "metric",
    "datapoint",
    "exemplar",
    "metric_name",
    "metric_description",
    "metric_unit",
];
pub const RESOURCE: usize = 0;
pub const SCOPE: usize = 1;
pub const SPAN: usize = 2;
pub const EVENT: usize = 3;
pub const LINK: usize = 4;
pub const SPAN_NAME: usize = 5;
pub const STATUS: usize = 6;
pub const EVENT_NAME: usize = 7;
pub const TRACE_STATE: usize = 8;
pub const SCOPE_NAME: usize = 9;
pub const SCHEMA_URL: usize = 10;
pub const ATTRIBUTE_KEY: usize = 11;
pub const LOG: usize = 12;
pub const BODY: usize = 13;
pub const SEVERITY_TEXT: usize = 14;
pub const METRIC: usize = 15;
pub const DATAPOINT: usize = 16;
pub const EXEMPLAR: usize = 17;
pub const METRIC_NAME: usize = 18;
pub const METRIC_DESCRIPTION: usize = 19;
pub const METRIC_UNIT: usize = 20;

/// The positions of a signal.
pub fn positions(signal: Signal) -> impl Iterator<Item = &'static str> {
    let own = match signal {
        Signal::Traces => SPAN..SCOPE_NAME,
        Signal::Logs => LOG..METRIC,
        Signal::Metrics => METRIC..POSITIONS.len(),
    };
    let shared = [RESOURCE, SCOPE, SCOPE_NAME, SCHEMA_URL, ATTRIBUTE_KEY].into_iter();
    let event_name = (signal == Signal::Logs).then_some(EVENT_NAME);
    shared.chain(own).chain(event_name).filter_map(|position| POSITIONS.get(position).copied())
}

/// Why something could not be scrubbed, as it is counted behind a stage's rules.
pub const SIZE: usize = 0;
pub const DEPTH: usize = 1;
pub const PATIENCE: usize = 2;

/// Why a span goes.
pub const RULE: u8 = 1;
pub const LIMIT: u8 = 2;

/// What a stage takes through its rules at most; what is beyond becomes the text.
pub struct Limits {
    pub size: usize,
    /// Arrays and maps inside one another.
    pub depth: usize,
    /// The span goes, too.
    pub drops: bool,
    pub text: Vec<u8>,
}

impl Limits {
    pub fn compile(spec: &Json) -> Outcome<Limits> {
        let spec = only(Some(spec), &["size", "depth", "do", "text"], "limits")?;
        let drops = match given(spec, "do").and_then(Json::as_str) {
            Some("redact") => false,
            Some("drop") => true,
            _ => return Err(format!("limits: do: unknown {}", shown(spec.get("do")))),
        };
        let (size, depth) = (natural(spec.get("size"), "limits: size")?, natural(spec.get("depth"), "limits: depth")?);
        Ok(Limits { size, depth, drops, text: text(spec.get("text"), "limits: text")?.into() })
    }
}

/// What was seen in the message that is walked.
#[derive(Default)]
pub struct Marks {
    /// Why its span goes: `RULE`, `LIMIT`.
    pub doom: u8,
    /// What rules that tag are called.
    pub tags: Vec<Vec<u8>>,
    /// Arrays and maps around what is looked at.
    pub depth: usize,
}

impl Marks {
    /// The `AnyValue` of the attribute that names what was found, beside what it names already.
    pub fn tagged(&mut self, before: Option<&[u8]>) -> Vec<u8> {
        let mut names = std::mem::take(&mut self.tags);
        if let Some(Value::Str(text)) = before.map(read) {
            names.extend(text.split(|&byte| byte == b',').filter(|_| !text.is_empty()).map(<[u8]>::to_vec));
        }
        names.sort_unstable();
        names.dedup();
        let mut out = Vec::new();
        put_string(&mut out, &names.join(&b','));
        out
    }
}

/// Counts a replacement in a position; the memory for that is there only once something is replaced.
pub fn count(counts: &mut [u64], places: &mut Vec<u64>, (number, position): (usize, usize), matches: u64) {
    if let Some(count) = counts.get_mut(number).filter(|_| matches > 0) {
        *count += matches;
        if places.is_empty() {
            places.resize(counts.len() * POSITIONS.len(), 0);
        }
        if let Some(place) = places.get_mut(number * POSITIONS.len() + position) {
            *place += matches;
        }
    }
}
