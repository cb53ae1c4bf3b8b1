//! `contract.Records`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::arrays::{array, numbers};
use super::columns::PyColumns;
use super::errors::value_error;
use crate::columns::Columns;
use crate::labels::LabelId;
use crate::outgoing::requests;
use crate::program::lock;
use crate::records::{Buffer, Records};

/// See `contract.Records`.
#[pyclass(frozen, name = "Records", module = "tailgate.kernel.rust._native")]
pub struct PyRecords {
    pub records: Arc<Records>,
}

impl PyRecords {
    pub fn new(records: Records) -> PyRecords {
        PyRecords { records: Arc::new(records) }
    }
}

/// A row's label in a slot.
fn of(slot: usize, labels: &[LabelId; 2]) -> LabelId {
    labels[usize::from(slot == 1)]
}

fn checked(slot: isize) -> PyResult<usize> {
    match slot {
        0 => Ok(0),
        1 => Ok(1),
        _ => Err(value_error(format!("there is no label slot {slot}"))),
    }
}

#[pymethods]
impl PyRecords {
    #[getter]
    fn traces(&self) -> usize {
        self.records.ids.len()
    }

    #[getter]
    fn spans(&self) -> usize {
        self.records.count()
    }

    /// Of span messages.
    #[getter]
    fn bytes(&self) -> u64 {
        self.records.bytes()
    }

    /// Spans dropped, by stage that may drop them.
    #[getter]
    fn dropped(&self) -> Vec<u64> {
        self.records.dropped.clone()
    }

    /// The whole request after the stages; ValueError for records that did not come from `digest`.
    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (changed, of_request) = py.detach(|| self.records.request());
        match (changed, self.records.buffers.first().map(AsRef::as_ref)) {
            (Some(bytes), _) => Ok(PyBytes::new(py, &bytes).into_any()),
            (None, Some(Buffer::Python(bytes))) if of_request => {
                bytes.into_pyobject(py).map(Bound::into_any).map_err(Into::into)
            }
            _ => Err(value_error("these records are not those of one request")),
        }
    }

    /// Count in its meters what the walk has noted; once.
    fn measure(&self, py: Python<'_>, now: i64) {
        py.detach(|| self.records.measure(now));
    }

    /// Facts, a row a trace in order of first appearance.
    fn columns(&self, py: Python<'_>) -> PyResult<PyColumns> {
        let records = &self.records;
        if !records.program.keys.signal.is_traces() {
            return Err(value_error("records of logs and metrics have no facts"));
        }
        let columns = py.detach(|| Columns::of_rows(&records.program.facts, &records.rows, &records.ids));
        Ok(PyColumns::new(columns))
    }

    /// Each trace's label in that slot.
    fn labels<'py>(&self, py: Python<'py>, slot: isize) -> PyResult<Bound<'py, PyAny>> {
        let slot = checked(slot)?;
        let labels: Vec<u32> = self.records.labels_now().iter().map(|labels| of(slot, labels).into()).collect();
        array(py, &labels)
    }

    /// Set each trace's label in that slot; ValueError when there are not as many, or one does not exist.
    fn label(&self, slot: isize, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        let given: Vec<u32> = numbers(labels)?;
        if given.len() != self.records.ids.len() {
            return Err(value_error(format!("{} labels for {} traces", given.len(), self.records.ids.len())));
        }
        let slot = checked(slot)?;
        let known = |number: u32| match &self.records.book {
            Some(book) => book.check(number).ok_or_else(|| value_error(format!("there is no label {number}"))),
            None if number == 0 => Ok(0),
            None => Err(value_error(format!("label {number}, but the records come from no table"))),
        };
        let given = given.into_iter().map(known).collect::<PyResult<Vec<LabelId>>>()?;
        for (mine, new) in lock(&self.records.labels).iter_mut().zip(given) {
            mine[usize::from(slot == 1)] = new;
        }
        Ok(())
    }

    /// Requests on the way out with their span counts; labels are applied here (0: no bound).
    fn requests<'py>(&self, py: Python<'py>, max_spans: usize, max_bytes: usize) -> Vec<(Bound<'py, PyBytes>, usize)> {
        let requests = py.detach(|| requests(&self.records, max_spans, max_bytes));
        requests.into_iter().map(|(bytes, spans)| (PyBytes::new(py, &bytes), spans)).collect()
    }
}
