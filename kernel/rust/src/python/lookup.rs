//! `contract.Lookup`.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;

use super::errors::value_error;
use crate::lookup::{Column, Lookup, Row, Rows};
use crate::walk::is_any_value;

type Columns = Vec<(String, Vec<u8>)>;
type Given = HashMap<String, Columns>;

/// See `contract.Lookup`.
#[pyclass(frozen, name = "Lookup", module = "tailgate.kernel.rust._native")]
#[derive(Default)]
pub struct PyLookup {
    pub lookup: Arc<Lookup>,
}

#[pymethods]
impl PyLookup {
    /// Replace all rows at once; ValueError when a value is no AnyValue, or a key stands twice in a row.
    #[pyo3(signature = (rows, prefixes=None))]
    fn fill(&self, py: Python<'_>, rows: Given, prefixes: Option<Given>) -> PyResult<()> {
        let mut all = Rows::default();
        for (given, prefix) in [(rows, false), (prefixes.unwrap_or_default(), true)] {
            for (text, columns) in given {
                let columns = row(&text, columns)?;
                all.add(text, columns, prefix);
            }
        }
        py.detach(|| self.lookup.change(|rows| *rows = all));
        Ok(())
    }

    /// Replace some rows; those that are None go. ValueError as in `fill`, then nothing has changed.
    fn update(&self, py: Python<'_>, rows: HashMap<String, Option<Columns>>) -> PyResult<()> {
        let mut new = Vec::with_capacity(rows.len());
        for (text, columns) in rows {
            let columns = columns.map(|columns| row(&text, columns)).transpose()?;
            new.push((text, columns));
        }
        py.detach(|| {
            self.lookup.change(|rows| {
                for (text, columns) in new {
                    match columns {
                        Some(columns) => rows.add(text, columns, false),
                        None => drop(rows.exact.remove(text.as_bytes())),
                    }
                }
            });
        });
        Ok(())
    }

    fn __len__(&self) -> usize {
        self.lookup.len()
    }
}

fn row(text: &str, columns: Columns) -> PyResult<Row> {
    let mut row: Vec<Column> = Vec::with_capacity(columns.len());
    for (key, value) in columns {
        if !is_any_value(&value) {
            return Err(value_error(format!("lookup: {key:?} of {text:?} is no AnyValue")));
        }
        if row.iter().any(|column| column.key == key.as_bytes()) {
            return Err(value_error(format!("lookup: {key:?} stands twice in {text:?}")));
        }
        row.push(Column::new(&key, value));
    }
    Ok(row.into())
}
