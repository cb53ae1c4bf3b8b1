//! The exceptions of the contract.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::walk::{Limits, Refusal};

const CONTRACT: &str = "tailgate.kernel.contract";

/// A class of the contract's modules, looked up once.
pub struct Class {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyType>>,
}

impl Class {
    pub const fn new(name: &'static str) -> Class {
        Class::of(CONTRACT, name)
    }

    pub const fn of(module: &'static str, name: &'static str) -> Class {
        Class { module, name, found: PyOnceLock::new() }
    }

    pub fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyType>> {
        self.found.import(py, self.module, self.name)
    }

    fn error(&self, py: Python<'_>, message: String) -> PyErr {
        match self.get(py) {
            Ok(class) => PyErr::from_type(class.clone(), message),
            Err(error) => error,
        }
    }
}

static MALFORMED: Class = Class::new("Malformed");
static OVER_LIMIT: Class = Class::new("OverLimit");
static BAD_PROGRAM: Class = Class::new("BadProgram");

pub fn bad_program(py: Python<'_>, message: String) -> PyErr {
    BAD_PROGRAM.error(py, message)
}

pub fn value_error(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

/// The exception for a refused request.
pub fn refused(py: Python<'_>, refusal: Refusal, limits: &Limits) -> PyErr {
    match refusal {
        Refusal::Malformed(bad) => MALFORMED.error(py, format!("{} at byte {}", bad.what.text(), bad.at)),
        Refusal::OverLimit(limit) => {
            let (name, value) = limit.of(limits);
            OVER_LIMIT.error(py, format!("the request is over {name} = {value}"))
        }
    }
}
