//! What Python sees. The GIL is released wherever bytes are walked or a table is locked.

mod arrays;
mod columns;
mod digesters;
mod errors;
mod labels;
mod lookup;
mod meter;
mod program;
mod records;
mod table;

use std::sync::Arc;

use pyo3::prelude::*;

/// The extension module.
#[pymodule]
pub fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RustKernel>()?;
    module.add_class::<program::PyProgram>()?;
    module.add_class::<records::PyRecords>()?;
    module.add_class::<columns::PyColumns>()?;
    module.add_class::<table::PyTable>()?;
    module.add_class::<lookup::PyLookup>()?;
    module.add_class::<meter::PyMeter>()?;
    module.add_class::<digesters::PyDigesters>()?;
    module.add_class::<labels::PyLabelBook>()
}

/// See `contract.Kernel`.
#[pyclass(frozen, module = "tailgate.kernel.rust._native")]
struct RustKernel;

#[pymethods]
impl RustKernel {
    #[new]
    fn new() -> Self {
        RustKernel
    }

    #[getter]
    fn name(&self) -> &'static str {
        "rust"
    }

    /// Compile a program that looks up in these tables and counts in these meters. Raises BadProgram.
    #[pyo3(signature = (spec, lookups=None, meters=None))]
    fn compile(
        &self,
        spec: &Bound<'_, PyAny>,
        lookups: Option<Vec<PyRef<'_, lookup::PyLookup>>>,
        meters: Option<Vec<PyRef<'_, meter::PyMeter>>>,
    ) -> PyResult<program::PyProgram> {
        let lookups = lookups.unwrap_or_default().iter().map(|one| Arc::clone(&one.lookup)).collect();
        let meters = meters.unwrap_or_default().iter().map(|one| Arc::clone(&one.meter)).collect();
        program::compile(spec, lookups, meters)
    }

    /// Return a new, empty table to look up in.
    fn lookup(&self) -> lookup::PyLookup {
        lookup::PyLookup::default()
    }

    /// Return a new meter without series. Raises BadProgram.
    fn meter(&self, spec: &Bound<'_, PyAny>) -> PyResult<meter::PyMeter> {
        meter::compile(spec)
    }

    /// Return new threads that digest. ValueError for none, OSError when there are no more.
    fn digesters(&self, threads: usize) -> PyResult<digesters::PyDigesters> {
        digesters::PyDigesters::new(threads)
    }

    /// Return a new book of labels.
    fn labels(&self) -> labels::PyLabelBook {
        labels::PyLabelBook::new()
    }

    /// Return a table for records of the program; ValueError when an early condition cannot be.
    #[pyo3(signature = (program, labels, kept_decisions, dropped_decisions, early=None))]
    fn table(
        &self,
        program: &program::PyProgram,
        labels: &labels::PyLabelBook,
        kept_decisions: usize,
        dropped_decisions: usize,
        early: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<table::PyTable> {
        let (program, book) = (Arc::clone(&program.program), Arc::clone(&labels.book));
        table::PyTable::new(program, book, kept_decisions, dropped_decisions, table::conditions(early)?)
    }
}
