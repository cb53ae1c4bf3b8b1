//! `contract.LabelBook`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::value_error;
use crate::labels::{Book, Label, LabelId, Pair};
use crate::tracestate::Mode;
use crate::walk::is_key_value;

/// See `contract.LabelBook`.
#[pyclass(frozen, name = "LabelBook", module = "tailgate.kernel.rust._native")]
pub struct PyLabelBook {
    pub book: Arc<Book>,
}

impl PyLabelBook {
    pub fn new() -> PyLabelBook {
        PyLabelBook { book: Arc::new(Book::new()) }
    }
}

#[pymethods]
impl PyLabelBook {
    /// Return the new label's number; ValueError when the label is wrong or the book is full.
    fn add(&self, label: &Bound<'_, PyDict>) -> PyResult<LabelId> {
        let allowed = ["keep", "span", "resource", "scope", "threshold"];
        for key in label.keys() {
            if !key.extract::<String>().is_ok_and(|key| allowed.contains(&key.as_str())) {
                return Err(value_error(format!("label: unknown key {key}")));
            }
        }
        let threshold = match field::<String>(label, "threshold")?.as_str() {
            "leave" => Mode::Leave,
            "set" => Mode::Set,
            "erase" => Mode::Erase,
            other => return Err(value_error(format!("label: threshold {other:?}"))),
        };
        let label = Label {
            keep: field(label, "keep")?,
            span: pairs(label, "span")?,
            resource: pairs(label, "resource")?,
            scope: if label.contains("scope")? { pairs(label, "scope")? } else { Vec::new() },
            threshold,
        };
        self.book.add(label).ok_or_else(|| value_error(format!("the book of labels is full: {}", LabelId::MAX)))
    }

    /// How many labels were added.
    fn __len__(&self) -> usize {
        self.book.read().len().saturating_sub(1)
    }
}

fn field<'py, T: for<'a> FromPyObject<'a, 'py>>(label: &Bound<'py, PyDict>, name: &str) -> PyResult<T> {
    let value = label.get_item(name)?.ok_or_else(|| value_error(format!("label: {name} is missing")))?;
    value.extract().map_err(|_| value_error(format!("label: {name} is wrong: {value}")))
}

fn pairs(label: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    for (key, key_value) in field::<Vec<(String, Vec<u8>)>>(label, name)? {
        if !is_key_value(&key_value) {
            return Err(value_error(format!("label: {key:?} has no KeyValue")));
        }
        let pair = Pair::new(&key, &key_value);
        match pairs.iter_mut().find(|one| one.key == pair.key) {
            Some(first) => first.update_with(&pair),
            None => pairs.push(pair),
        }
    }
    Ok(pairs)
}
