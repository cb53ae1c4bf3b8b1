//! `contract.Columns`.

use std::sync::{Mutex, MutexGuard};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList};

use super::arrays::array;
use crate::columns::Columns;
use crate::program::lock;
use crate::table::Out;

/// See `contract.Columns`.
#[pyclass(frozen, name = "Columns", module = "tailgate.kernel.rust._native")]
pub struct PyColumns {
    pub columns: Columns,
    out: Mutex<Option<Out>>,
}

impl PyColumns {
    pub fn new(mut columns: Columns) -> PyColumns {
        let out = Mutex::new(columns.out.take());
        PyColumns { columns, out }
    }

    /// Where the rows are out of, until they are settled.
    pub fn out(&self) -> MutexGuard<'_, Option<Out>> {
        lock(&self.out)
    }
}

/// An integer from its 64-bit words, the lowest first.
fn integer<'py>(py: Python<'py>, words: &[u64]) -> PyResult<Bound<'py, PyAny>> {
    if let [word] = words {
        return Ok(word.into_pyobject(py)?.into_any());
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let options = PyDict::new(py);
    options.set_item("byteorder", "little")?;
    py.get_type::<PyInt>().call_method("from_bytes", (PyBytes::new(py, &bytes),), Some(&options))
}

type Object<'py> = PyResult<Bound<'py, PyAny>>;

#[pymethods]
impl PyColumns {
    #[getter]
    fn count(&self) -> usize {
        self.columns.ids.len()
    }

    /// The distinct masks.
    #[getter]
    fn masks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let masks = PyList::empty(py);
        for words in &self.columns.masks {
            masks.append(integer(py, words)?)?;
        }
        Ok(masks)
    }

    /// Each row's index into `masks`.
    #[getter]
    fn mask_index<'py>(&self, py: Python<'py>) -> Object<'py> {
        array(py, &self.columns.mask_index)
    }

    /// Below 2**56.
    #[getter]
    fn randomness<'py>(&self, py: Python<'py>) -> Object<'py> {
        array(py, &self.columns.randomness)
    }

    #[getter]
    fn spans<'py>(&self, py: Python<'py>) -> Object<'py> {
        array(py, &self.columns.spans)
    }

    /// Of span messages.
    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> Object<'py> {
        array(py, &self.columns.bytes)
    }

    /// `now` of the first `file`, ns (0 for columns of records).
    #[getter]
    fn first_seen<'py>(&self, py: Python<'py>) -> Object<'py> {
        array(py, &self.columns.first_seen)
    }

    /// In ns.
    #[getter]
    fn duration<'py>(&self, py: Python<'py>) -> Object<'py> {
        array(py, &self.columns.duration)
    }

    /// Key `index` of the facts; IndexError when there is none.
    fn keys<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyList>> {
        let keys = usize::try_from(index).ok().and_then(|index| self.columns.keys(index));
        let keys = keys.ok_or_else(|| PyIndexError::new_err(format!("key {index} of {}", self.columns.key_count)))?;
        PyList::new(py, keys.into_iter().map(|key| key.map(|text| PyBytes::new(py, text))))
    }

    /// 16 bytes each.
    fn trace_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.columns.ids.iter().map(|id| PyBytes::new(py, id)))
    }

    /// FNV-1a 64 over `salt` and the trace id.
    fn fnv<'py>(&self, py: Python<'py>, salt: &[u8]) -> Object<'py> {
        array(py, &self.columns.fnv(salt))
    }
}
