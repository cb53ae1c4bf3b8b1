//! `contract.Digesters`.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::errors::{refused, value_error};
use super::program::{request_bytes, PyProgram};
use super::records::PyRecords;
use crate::digest::digest;
use crate::pool::{Finished, Pool};
use crate::program::Program;
use crate::records::Records;
use crate::walk::Refusal;

/// Beside a refusal stands what it was of: the request is let go of where the GIL is held, the program has the limits.
type Answer = Result<Records, (Refusal, Arc<Program>, PyBackedBytes)>;

/// See `contract.Digesters`.
#[pyclass(frozen, name = "Digesters", module = "tailgate.kernel.rust._native")]
pub struct PyDigesters {
    pool: Pool<Answer>,
}

impl PyDigesters {
    /// Starts the threads, which never take the GIL.
    pub fn new(threads: usize) -> PyResult<PyDigesters> {
        if threads == 0 {
            return Err(value_error("digesters need a thread"));
        }
        Ok(PyDigesters { pool: Pool::new(threads, "digest")? })
    }
}

fn work(program: Arc<Program>, request: PyBackedBytes, context: &[Option<String>]) -> Answer {
    match digest(&program, &request, context) {
        Ok(digested) => Ok(Records::of_request(program, request, digested)),
        Err(refusal) => Err((refusal, program, request)),
    }
}

#[pymethods]
impl PyDigesters {
    /// The file descriptor that can be read while there is something to fetch.
    fn fileno(&self) -> i32 {
        self.pool.heard(AsRawFd::as_raw_fd)
    }

    /// Let a thread digest a request; ValueError after `close`.
    #[pyo3(signature = (program, request, context=None))]
    fn submit(
        &self,
        program: &PyProgram,
        request: &Bound<'_, PyAny>,
        context: Option<Vec<Option<String>>>,
    ) -> PyResult<u64> {
        let (program, request) = (Arc::clone(&program.program), request_bytes(request)?);
        let context = context.unwrap_or_default();
        let ticket = self.pool.submit(move || work(program, request, &context));
        ticket.ok_or_else(|| value_error("the digesters are closed"))
    }

    /// What has been digested since the last call: tickets with records, or with the exception.
    fn finished<'py>(&self, py: Python<'py>) -> PyResult<Vec<(u64, Bound<'py, PyAny>)>> {
        let answer = |(ticket, answer): Finished<Answer>| -> PyResult<_> {
            let failed = |error: PyErr| error.into_value(py).into_bound(py).into_any();
            let given = match answer {
                Some(Ok(records)) => PyRecords::new(records).into_pyobject(py)?.into_any(),
                Some(Err((refusal, program, _request))) => failed(refused(py, refusal, &program.limits)),
                None => failed(PyRuntimeError::new_err("the kernel failed")),
            };
            Ok((ticket, given))
        };
        self.pool.finished().into_iter().map(answer).collect()
    }

    /// End the threads and wait for them; what has not been begun is given up.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.pool.close());
    }
}
