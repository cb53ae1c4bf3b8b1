//! `contract.Program`.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::errors::{bad_program, refused, value_error};
use super::meter::plain;
use super::records::PyRecords;
use crate::digest::digest;
use crate::lookup::Lookup;
use crate::meter::Meter;
use crate::program::Program;
use crate::records::Records;
use crate::scrub::POSITIONS;

/// See `contract.Program`.
#[pyclass(frozen, name = "Program", module = "tailgate.kernel.rust._native")]
pub struct PyProgram {
    pub program: Arc<Program>,
}

/// Compiles a program from plain Python data.
pub fn compile(spec: &Bound<'_, PyAny>, lookups: Vec<Arc<Lookup>>, meters: Vec<Arc<Meter>>) -> PyResult<PyProgram> {
    let py = spec.py();
    let text = plain(spec, "program")?;
    let program = py.detach(|| {
        let spec = serde_json::from_str(&text).map_err(|error| format!("program: not plain data: {error}"))?;
        Program::compile(&spec, lookups, meters)
    });
    let program = program.map_err(|message| bad_program(py, message))?;
    Ok(PyProgram { program: Arc::new(program) })
}

/// A request, to be read without the GIL. Raises TypeError.
pub fn request_bytes(request: &Bound<'_, PyAny>) -> PyResult<PyBackedBytes> {
    let bytes = request.cast::<PyBytes>().map_err(|_| PyTypeError::new_err("a request is bytes"))?;
    Ok(PyBackedBytes::from(bytes.clone()))
}

#[pymethods]
impl PyProgram {
    /// Walk, edit, scrub, compute facts. Raises Malformed or OverLimit.
    #[pyo3(signature = (request, context=None))]
    fn digest(&self, request: &Bound<'_, PyAny>, context: Option<Vec<Option<String>>>) -> PyResult<PyRecords> {
        let py = request.py();
        let bytes = request_bytes(request)?;
        let context = context.unwrap_or_default();
        let program = &self.program;
        let result = py.detach(|| {
            let digested = digest(program, &bytes, &context)?;
            Ok(Records::of_request(Arc::clone(program), bytes, digested))
        });
        result.map(PyRecords::new).map_err(|refusal| refused(py, refusal, &self.program.limits))
    }

    /// The same for held spans, trace by trace; labels stay.
    fn refine(&self, py: Python<'_>, records: &PyRecords) -> PyResult<PyRecords> {
        if records.records.program.keys.signal != self.program.keys.signal {
            return Err(value_error("the records are of another signal than the program"));
        }
        let refined = py.detach(|| records.records.refine(&self.program));
        refined.map(PyRecords::new).map_err(|refusal| refused(py, refusal, &self.program.limits))
    }

    /// Replacements since the start by scrub rule.
    fn counters(&self) -> Vec<u64> {
        let rules = self.program.counters.iter().take(self.program.rules);
        rules.map(|counter| counter.load(Ordering::Relaxed)).collect()
    }

    /// Where that was: (number of the counter, position, count), without those that are 0.
    fn places(&self) -> Vec<(usize, &'static str, u64)> {
        let numbers = self.program.places.iter().map(|count| count.load(Ordering::Relaxed)).enumerate();
        let name = |at: usize| POSITIONS.get(at % POSITIONS.len()).copied().unwrap_or("");
        numbers.filter(|(_, count)| *count > 0).map(|(at, count)| (at / POSITIONS.len(), name(at), count)).collect()
    }

    /// Since the start, for each lookup: how often actions found a row in it, and how often not.
    fn lookups(&self) -> Vec<(u64, u64)> {
        let counters = self.program.counters.get(self.program.rules..).unwrap_or(&[]);
        let pairs = counters.chunks_exact(2).map(|pair| {
            let mut counts = pair.iter().map(|counter| counter.load(Ordering::Relaxed));
            (counts.next().unwrap_or(0), counts.next().unwrap_or(0))
        });
        pairs.collect()
    }
}
