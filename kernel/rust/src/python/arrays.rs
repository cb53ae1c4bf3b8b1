//! `array.array`s: numbers by the thousand, to Python and back.

use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

use super::errors::value_error;

static ARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A number as it stands in an array.
pub trait Number: Copy {
    const TYPECODE: &'static str;
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! number {
    ($type:ty, $code:literal) => {
        impl Number for $type {
            const TYPECODE: &'static str = $code;
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_ne_bytes());
            }
        }
    };
}

number!(u32, "I");
number!(u64, "Q");
number!(i64, "q");

/// A new `array.array` of these numbers.
pub fn array<'py, T: Number>(py: Python<'py>, numbers: &[T]) -> PyResult<Bound<'py, PyAny>> {
    let mut bytes = Vec::with_capacity(std::mem::size_of_val(numbers));
    for &number in numbers {
        number.put(&mut bytes);
    }
    let class = ARRAY.import(py, "array", "array")?;
    class.call1((T::TYPECODE, PyBytes::new(py, &bytes)))
}

/// The numbers of an array (or of any sequence of integers). Raises ValueError.
pub fn numbers<T>(value: &Bound<'_, PyAny>) -> PyResult<Vec<T>>
where
    T: Element + for<'a, 'py> FromPyObject<'a, 'py>,
{
    if let Ok(buffer) = PyBuffer::<T>::get(value) {
        return buffer.to_vec(value.py());
    }
    value.extract::<Vec<T>>().map_err(|error| value_error(format!("expected an array of numbers: {error}")))
}
