//! `contract.Table`.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arrays::numbers;
use super::columns::PyColumns;
use super::errors::{refused, value_error, Class};
use super::program::PyProgram;
use super::records::PyRecords;
use crate::labels::{Book, LabelId};
use crate::program::Program;
use crate::records::Records;
use crate::table::{Condition, Table};
use crate::walk::{Limits, Refusal};

static FILED: Class = Class::new("Filed");
static FOLLOWED: Class = Class::new("Followed");
static SETTLED: Class = Class::new("Settled");
static STATS: Class = Class::new("TableStats");
static TALLY: Class = Class::new("Tally");

/// A bound that may have been computed below 0.
fn at_least_0(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(0)
}

/// What is held was walked before and has no limits: this is raised when a walk anew makes it too deep.
fn walked(py: Python<'_>, refusal: Refusal) -> PyErr {
    refused(py, refusal, &Limits::NONE)
}

/// Thresholds are 56 bits.
const THRESHOLDS: u64 = 1 << 56;

/// `contract.Early`: bits of the mask, (salt, most) of hashes, and the least randomness.
pub type Early = (Vec<usize>, Vec<(Vec<u8>, u64)>, u64);

/// Reads a sequence of `contract.Early`.
pub fn conditions(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Early>> {
    given
        .map_or_else(|| Ok(Vec::new()), |given| given.extract().map_err(|error| value_error(format!("early: {error}"))))
}

fn condition((bits, hashes, randomness): Early, size: usize) -> PyResult<Condition> {
    if let Some(bit) = bits.iter().max().filter(|bit| **bit >= size) {
        return Err(value_error(format!("early: masks have {size} bits, not {bit}")));
    }
    if randomness >= THRESHOLDS {
        return Err(value_error("early: the randomness is not below 2**56"));
    }
    Ok(Condition { bits, hashes, randomness })
}

fn checked(early: Vec<Early>, program: &Program) -> PyResult<Vec<Condition>> {
    let size = program.facts.bits();
    early.into_iter().map(|one| condition(one, size)).collect()
}

/// Counts by label.
fn counts(py: Python<'_>, counts: BTreeMap<LabelId, u64>) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    counts.into_iter().try_for_each(|(label, count)| out.set_item(label, count))?;
    Ok(out)
}

fn by_follower(py: Python<'_>, logs: BTreeMap<u32, Records>) -> PyResult<Bound<'_, PyDict>> {
    let out = PyDict::new(py);
    logs.into_iter().try_for_each(|(follower, records)| out.set_item(follower, PyRecords::new(records)))?;
    Ok(out)
}

fn traces(program: &Program) -> PyResult<()> {
    if program.keys.signal.is_traces() {
        return Ok(());
    }
    Err(value_error("a table holds traces, not logs and metrics"))
}

/// See `contract.Table`.
#[pyclass(frozen, name = "Table", module = "tailgate.kernel.rust._native")]
pub struct PyTable {
    table: Arc<Table>,
}

impl PyTable {
    /// The two numbers bound the decision cache.
    pub fn new(
        program: Arc<Program>,
        book: Arc<Book>,
        kept: usize,
        dropped: usize,
        early: Vec<Early>,
    ) -> PyResult<PyTable> {
        traces(&program)?;
        let early = checked(early, &program)?;
        Ok(PyTable { table: Arc::new(Table::new(program, book, kept, dropped, early)) })
    }
}

#[pymethods]
impl PyTable {
    /// Hold the records of `digest` of the table's program; `now` in ns, never less than before.
    fn file<'py>(&self, py: Python<'py>, records: &PyRecords, now: i64) -> PyResult<Bound<'py, PyAny>> {
        let records = &records.records;
        let filed = py.detach(|| self.table.file(records, now)).map_err(|refusal| walked(py, refusal))?;
        let filed = filed.ok_or_else(|| value_error("these records are not those of the table's program"))?;
        let late = counts(py, filed.late)?;
        let ages = PyDict::new(py);
        for (seconds, traces) in filed.late_ages {
            ages.set_item(seconds, traces)?;
        }
        let kept = filed.late_kept.map(PyRecords::new);
        FILED.get(py)?.call1((filed.held_spans, filed.new_traces, kept, late, ages))
    }

    /// The oldest traces that are due, at most `limit`; the table keeps them until `settle`.
    fn due(&self, py: Python<'_>, first_seen: i64, root_seen: Option<i64>, limit: i64) -> PyResult<PyColumns> {
        let columns = py.detach(|| self.table.due(first_seen, root_seen, at_least_0(limit)));
        columns.map(PyColumns::new).map_err(|refusal| walked(py, refusal))
    }

    /// The traces that satisfy an early condition, at most `limit`; the table keeps them until `settle`.
    fn early(&self, py: Python<'_>, limit: i64) -> PyResult<PyColumns> {
        let columns = py.detach(|| self.table.early(at_least_0(limit)));
        columns.map(PyColumns::new).map_err(|refusal| walked(py, refusal))
    }

    /// The traces with the most held bytes times age whose held bytes reach `bytes_wanted`.
    fn heaviest(&self, py: Python<'_>, now: i64, bytes_wanted: i64, limit: i64) -> PyResult<PyColumns> {
        let wanted = u64::try_from(bytes_wanted).unwrap_or(0);
        let columns = py.detach(|| self.table.heaviest(now, wanted, at_least_0(limit)));
        columns.map(PyColumns::new).map_err(|refusal| walked(py, refusal))
    }

    /// Let go of the rows' traces; those whose label keeps come back, label 0 puts back.
    #[pyo3(signature = (columns, verdicts, thresholds, now=0))]
    fn settle<'py>(
        &self,
        py: Python<'py>,
        columns: &PyColumns,
        verdicts: &Bound<'_, PyAny>,
        thresholds: Option<&Bound<'_, PyAny>>,
        now: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let given: Vec<u32> = numbers(verdicts)?;
        let thresholds: Option<Vec<u64>> = thresholds.map(numbers).transpose()?;
        let count = columns.columns.ids.len();
        if given.len() != count || thresholds.as_ref().is_some_and(|all| all.len() != count) {
            return Err(value_error(format!("{count} traces need as many verdicts and thresholds")));
        }
        let thresholds = thresholds.unwrap_or_default();
        if thresholds.iter().any(|&threshold| threshold >= THRESHOLDS) {
            return Err(value_error("a threshold is not below 2**56"));
        }
        let book = &self.table.book;
        let known = |number: u32| book.check(number).ok_or_else(|| value_error(format!("there is no label {number}")));
        let verdicts = given.into_iter().map(known).collect::<PyResult<Vec<_>>>()?;
        let settled = py.detach(|| self.table.settle(&mut columns.out(), &verdicts, &thresholds, now));
        let settled = settled.map_err(value_error)?;
        let tally = PyDict::new(py);
        for (label, sums) in settled.tally {
            tally.set_item(label, TALLY.get(py)?.call1(sums)?)?;
        }
        let (logs, followed) = (by_follower(py, settled.logs)?, counts(py, settled.followed)?);
        SETTLED.get(py)?.call1((settled.kept.map(PyRecords::new), tally, logs, followed))
    }

    /// Hold log records with their traces.
    #[pyo3(signature = (records, now, follower=0))]
    fn follow<'py>(
        &self,
        py: Python<'py>,
        records: &PyRecords,
        now: i64,
        follower: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let followed = py.detach(|| self.table.follow(&records.records, now, follower));
        let followed = followed.ok_or_else(|| value_error("only log records follow"))?;
        let (passed, late) = (followed.passed.map(PyRecords::new), counts(py, followed.late)?);
        FOLLOWED.get(py)?.call1((followed.held, passed, followed.untraced, late))
    }

    /// Let go of log records, by follower, whose traces have not come.
    fn unmatched<'py>(&self, py: Python<'py>, first_seen: i64, limit: i64) -> PyResult<Bound<'py, PyDict>> {
        by_follower(py, py.detach(|| self.table.unmatched(first_seen, at_least_0(limit))))
    }

    /// When the oldest trace came of which there are only log records.
    fn next_unmatched(&self, py: Python<'_>) -> Option<i64> {
        py.detach(|| self.table.next_unmatched())
    }

    /// Replace the labels remembered for the traces of these records by those they have now.
    fn remember(&self, py: Python<'_>, records: &PyRecords) {
        py.detach(|| self.table.remember(&records.records));
    }

    /// `first_seen` of the oldest trace that waits, and the earliest `now` at which a root came.
    fn next_due(&self, py: Python<'_>) -> (Option<i64>, Option<i64>) {
        py.detach(|| self.table.next_due())
    }

    #[getter]
    fn held_bytes(&self) -> u64 {
        self.table.held_bytes()
    }

    /// Hold records of this program from now on; the new epoch.
    #[pyo3(signature = (program, upgrades, kept_decisions, dropped_decisions, early=None))]
    fn adopt(
        &self,
        py: Python<'_>,
        program: &PyProgram,
        upgrades: BTreeMap<u32, Py<PyProgram>>,
        kept_decisions: i64,
        dropped_decisions: i64,
        early: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u32> {
        let mut programs = upgrades.values().map(Py::get).chain([program]);
        programs.try_for_each(|one| traces(&one.program))?;
        let early = checked(conditions(early)?, &program.program)?;
        let (kept, dropped) = (at_least_0(kept_decisions), at_least_0(dropped_decisions));
        let programs = |program: &Py<PyProgram>| Arc::clone(&program.get().program);
        let upgrades = upgrades.iter().map(|(&epoch, program)| (epoch, programs(program))).collect();
        let program = Arc::clone(&program.program);
        py.detach(|| self.table.adopt(program, upgrades, (kept, dropped), early)).map_err(value_error)
    }

    /// The epochs under which spans are held, and the present one.
    fn epochs(&self, py: Python<'_>) -> Vec<u32> {
        py.detach(|| self.table.epochs()).into_iter().collect()
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stats = py.detach(|| self.table.stats());
        let decisions = (stats.kept_decisions, stats.dropped_decisions);
        let held = (stats.traces, stats.spans, stats.held_bytes, stats.headers);
        let logs = (stats.logs, stats.log_traces);
        STATS.get(py)?.call1((held.0, held.1, held.2, held.3, decisions.0, decisions.1, stats.early, logs.0, logs.1))
    }
}
