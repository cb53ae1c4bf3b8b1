//! Where strings stand that a stage may look at.

use serde_json::Value as Json;

use super::marks::positions;
use crate::signal::Signal;
use crate::spec::{listed, shown, Outcome};

/// Which positions a stage looks at. Attributes of log records and metrics stand as `span`, of data points as `event`, of
/// exemplars as `link`.
#[derive(Debug, Clone, Copy)]
pub struct Positions {
    pub resource: bool,
    pub scope: bool,
    pub span: bool,
    pub event: bool,
    pub link: bool,
    pub span_name: bool,
    pub status: bool,
    pub event_name: bool,
    pub trace_state: bool,
    pub scope_name: bool,
    pub schema_url: bool,
    pub attribute_key: bool,
    pub body: bool,
    pub severity_text: bool,
    pub metric_name: bool,
    pub metric_description: bool,
    pub metric_unit: bool,
}

impl Positions {
    pub fn compile(spec: Option<&Json>, signal: Signal) -> Outcome<Positions> {
        let given = listed(spec, "positions")?;
        let known = |name: &str| positions(signal).any(|one| one == name);
        if let Some(unknown) = given.iter().find(|one| !one.as_str().is_some_and(known)) {
            return Err(format!("unknown position {}", shown(Some(unknown))));
        }
        let has = |name: &str| given.iter().any(|one| one.as_str() == Some(name));
        Ok(Positions {
            resource: has("resource"),
            scope: has("scope"),
            span: has("span") || has("log") || has("metric"),
            event: has("event") || has("datapoint"),
            link: has("link") || has("exemplar"),
            span_name: has("span_name"),
            status: has("status"),
            event_name: has("event_name"),
            trace_state: has("trace_state"),
            scope_name: has("scope_name"),
            schema_url: has("schema_url"),
            attribute_key: has("attribute_key"),
            body: has("body"),
            severity_text: has("severity_text"),
            metric_name: has("metric_name"),
            metric_description: has("metric_description"),
            metric_unit: has("metric_unit"),
        })
    }
}
