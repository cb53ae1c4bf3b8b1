//! `contract.Meter`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::arrays::array;
use super::errors::{bad_program, Class};
use crate::meter::{Exemplar, Meter, Row};

const METERS: &str = "tailgate.kernel.meters";

static SERIES: Class = Class::of(METERS, "MeterSeries");
static EXEMPLAR: Class = Class::of(METERS, "MeterExemplar");
static STATS: Class = Class::of(METERS, "MeterStats");

/// See `contract.Meter`.
#[pyclass(frozen, name = "Meter", module = "tailgate.kernel.rust._native")]
pub struct PyMeter {
    pub meter: Arc<Meter>,
}

/// Reads a specification from plain Python data.
pub fn plain(spec: &Bound<'_, PyAny>, what: &str) -> PyResult<String> {
    let py = spec.py();
    let options = PyDict::new(py);
    options.set_item("allow_nan", false)?;
    let text = py.import("json")?.call_method("dumps", (spec,), Some(&options));
    let text = text.and_then(|text| text.extract());
    text.map_err(|error| bad_program(py, format!("{what}: not plain data: {}", error.value(py))))
}

/// Compiles a meter from plain Python data.
pub fn compile(spec: &Bound<'_, PyAny>) -> PyResult<PyMeter> {
    let text = plain(spec, "meter")?;
    let spec_read = serde_json::from_str(&text).map_err(|error| format!("meter: not plain data: {error}"));
    let meter = spec_read.and_then(Meter::compile).map_err(|message| bad_program(spec.py(), message))?;
    Ok(PyMeter { meter: Arc::new(meter) })
}

/// What a scrape reads, copied while the meter is locked.
#[derive(Default)]
struct Copied {
    texts: Vec<Vec<Option<String>>>,
    overflow: Vec<bool>,
    counts: Vec<u64>,
    sums: Vec<u128>,
    buckets: Vec<u64>,
    exemplars: Vec<(usize, Exemplar)>,
}

impl Copied {
    fn add(&mut self, row: &Row, parts: usize) {
        let text = |text: Option<&[u8]>| text.map(|text| String::from_utf8_lossy(text).into_owned());
        let mut texts: Vec<Option<String>> = row.texts().into_iter().map(text).collect();
        texts.resize(parts, None);
        let number = self.texts.len();
        self.texts.push(texts);
        self.overflow.push(row.is_overflow());
        self.counts.push(row.count);
        self.sums.extend_from_slice(&row.sums);
        self.buckets.extend_from_slice(&row.buckets);
        self.exemplars.extend(row.exemplars.iter().map(|&exemplar| (number, exemplar)));
    }
}

#[pymethods]
impl PyMeter {
    /// Read all series, in the order in which they came.
    fn series<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let copied = py.detach(|| {
            self.meter.read(|table| {
                let mut copied = Copied::default();
                table.rows.iter().for_each(|row| copied.add(row, self.meter.parts));
                copied
            })
        });
        let keys = copied.texts.into_iter().map(|texts| PyTuple::new(py, texts)).collect::<PyResult<Vec<_>>>()?;
        let class = EXEMPLAR.get(py)?;
        let exemplars = copied.exemplars.into_iter().map(|(row, one)| {
            let (trace_id, span_id) = (PyBytes::new(py, &one.trace_id), PyBytes::new(py, &one.span_id));
            class.call1((row, one.bucket, trace_id, span_id, one.value, one.time))
        });
        let exemplars = exemplars.collect::<PyResult<Vec<_>>>()?;
        let (counts, buckets) = (array(py, &copied.counts)?, array(py, &copied.buckets)?);
        SERIES.get(py)?.call1((keys, copied.overflow, counts, copied.sums, buckets, exemplars))
    }

    /// Let go of requests that have waited too long for their other side.
    fn advance(&self, py: Python<'_>, now: i64) {
        py.detach(|| self.meter.advance(now));
    }

    /// Let go of series that were last counted before `before`; return how many.
    fn forget(&self, py: Python<'_>, before: i64) -> usize {
        py.detach(|| self.meter.forget(before))
    }

    /// What was counted beside the series.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stats = py.detach(|| self.meter.stats());
        let (series, waiting) = (stats.series, stats.waiting);
        STATS.get(py)?.call1((series, stats.overflowed, waiting, stats.edges, stats.expired, stats.dropped))
    }
}
