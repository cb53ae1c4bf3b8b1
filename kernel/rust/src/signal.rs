//! What a program is for: traces, logs or metrics. The levels have the same places in all of them.

use serde_json::Value as Json;

use crate::env::Where;
use crate::spec::{shown, Outcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    #[default]
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    /// Traces when it is left out.
    pub fn compile(spec: Option<&Json>) -> Outcome<Signal> {
        match spec {
            None | Some(Json::Null) => Ok(Signal::Traces),
            Some(Json::String(name)) if name == "traces" => Ok(Signal::Traces),
            Some(Json::String(name)) if name == "logs" => Ok(Signal::Logs),
            Some(Json::String(name)) if name == "metrics" => Ok(Signal::Metrics),
            _ => Err(format!("signal: unknown {}", shown(spec))),
        }
    }

    /// The level of that name; the children of a scope stand in the place of spans, what stands in them in that of events.
    pub fn level(self, name: &str) -> Option<Where> {
        Some(match (self, name) {
            (_, "resource") => Where::Resource,
            (_, "scope") => Where::Scope,
            (Signal::Traces, "span") | (Signal::Logs, "log") | (Signal::Metrics, "metric") => Where::Span,
            (Signal::Traces, "event") | (Signal::Metrics, "datapoint") => Where::Event,
            _ => return None,
        })
    }

    pub fn is_traces(self) -> bool {
        self == Signal::Traces
    }
}
