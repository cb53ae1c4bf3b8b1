//! Stage `sample`: keeps spans by the probability of their trace.

use serde_json::Value as Json;

use crate::convert::to_double;
use crate::env::SpanFields;
use crate::index::trace_id;
use crate::keys::add;
use crate::keys::{KeyId, Keys};
use crate::scrub::reread;
use crate::spec::{natural, need, only, shown, Outcome};
use crate::tracestate::{sampling, with_sampling, Sampling};
use crate::value::{read, Value};
use crate::work::{State, Work};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    HashSeed,
    Proportional,
    Equalizing,
}

/// A compiled sampler.
pub struct Sample {
    mode: Mode,
    seed: u32,
    /// Of 16384, how many are kept.
    buckets: u64,
    ratio: f64,
    precision: u32,
    fail_closed: bool,
    priority: KeyId,
}

const NEVER: u64 = 1 << 56;

impl Sample {
    pub fn compile(spec: &Json, keys: &mut Keys) -> Outcome<Sample> {
        let known = ["kind", "mode", "seed", "buckets", "ratio", "precision", "fail_closed"];
        let stage = only(Some(spec), &known, "sample")?;
        let mode = match stage.get("mode").and_then(Json::as_str) {
            Some("hash_seed") => Mode::HashSeed,
            Some("proportional") => Mode::Proportional,
            Some("equalizing") => Mode::Equalizing,
            _ => return Err(format!("sample: mode {}", shown(stage.get("mode")))),
        };
        let number = |name: &str| natural(stage.get(name), name);
        let seed = u32::try_from(number("seed")?).map_err(|_| "sample: seed is over 32 bits")?;
        let (buckets, precision) = (number("buckets")?, number("precision")?);
        need(buckets <= 16384, || "sample: buckets is over 16384".into())?;
        need((1..=14).contains(&precision), || "sample: precision is not between 1 and 14".into())?;
        let ratio = stage.get("ratio").and_then(Json::as_f64).filter(|ratio| (0.0..=1.0).contains(ratio));
        let ratio = ratio.ok_or_else(|| format!("sample: ratio {}", shown(stage.get("ratio"))))?;
        let fail_closed = stage.get("fail_closed").and_then(Json::as_bool);
        Ok(Sample {
            mode,
            seed,
            buckets: buckets as u64,
            ratio,
            precision: precision as u32,
            fail_closed: fail_closed.ok_or("sample: fail_closed is no boolean")?,
            priority: add("sampling.priority", keys)?,
        })
    }

    /// Whether a span is kept; what was decided is written on it.
    pub fn keeps(&self, work: &mut Work, base: &[u8], fields: &mut SpanFields) -> bool {
        let priority = work.attr(base, self.priority).and_then(|payload| priority(read(payload)));
        if priority == Some(false) {
            return false;
        }
        let id = trace_id(work.bytes(base, fields.trace_id));
        let state = sampling(work.bytes(base, fields.trace_state));
        let randomness = self.randomness(id, state);
        let known = randomness.is_some();
        let consistent = randomness.filter(|randomness| state.threshold.is_none_or(|least| *randomness >= least));
        let threshold = match (priority, consistent) {
            (Some(_), _) => 0,
            (None, None) if self.fail_closed => NEVER,
            (None, None) => 0,
            (None, Some(_)) => self.threshold(state),
        };
        if threshold == NEVER || consistent.is_some_and(|randomness| randomness < threshold) {
            return false;
        }
        if state.valid {
            let rv = randomness.filter(|_| self.hashes());
            write(work, base, rv, Some(threshold).filter(|_| !known || consistent.is_some()));
            if work.changed {
                reread(work, base, fields);
            }
        }
        true
    }

    fn hashes(&self) -> bool {
        self.mode == Mode::HashSeed && self.buckets > 0
    }

    /// The randomness of a trace; None where it may not be relied upon.
    fn randomness(&self, id: [u8; 16], state: Sampling) -> Option<u64> {
        if self.hashes() {
            let unused = state.valid && state.rv.is_none() && state.threshold.is_none();
            return unused.then(|| hashed(id, self.seed));
        }
        if !state.valid {
            return None;
        }
        state.rv.or_else(|| {
            let last = id.iter().skip(9).fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            id.iter().any(|&byte| byte != 0).then_some(last)
        })
    }

    fn threshold(&self, state: Sampling) -> u64 {
        match self.mode {
            Mode::HashSeed => (16384 - self.buckets) << 42,
            _ if self.ratio == 0.0 => NEVER,
            Mode::Equalizing => threshold_of(self.ratio, self.precision),
            Mode::Proportional => {
                let before = (NEVER - state.threshold.unwrap_or(0)) as f64 / NEVER as f64;
                threshold_of(before * self.ratio, self.precision)
            }
        }
    }
}

/// Writes what was decided in every trace state, or in a new one.
fn write(work: &mut Work, base: &[u8], rv: Option<u64>, threshold: Option<u64>) {
    let mut found = false;
    for index in 0..work.items.len() {
        let state = work.items.get(index).filter(|item| item.number == 3 && !item.attribute);
        let Some(state) = state.filter(|item| item.state != State::Gone) else { continue };
        found = true;
        if let Some(new) = with_sampling(work.bytes(base, state.body), rv, threshold) {
            work.replace(index, &new);
        }
    }
    if let Some(new) = with_sampling(&[], rv, threshold).filter(|_| !found && threshold.is_some()) {
        work.append_field(3, &new);
    }
}

/// What `sampling.priority` says: to keep, to let go, or nothing.
fn priority(value: Value<'_>) -> Option<bool> {
    let number = match value {
        Value::Int(number) => return (number >= 0).then_some(number > 0),
        Value::Double(number) => number,
        Value::Str(_) => to_double(value)?,
        _ => return None,
    };
    (number >= 0.0).then_some(number > 0.0)
}

/// 56 bits of which the first 14 decide as the collector's hash does, and the others make it random.
fn hashed(id: [u8; 16], seed: u32) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(id);
    let state = bytes.fold(0x811c_9dc5_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let (bucket, rest) = (u64::from(state & 0x3fff), u64::from(state >> 18));
    (0x3fff - bucket) << 42 | (rest ^ rest << 10) << 14 | bucket
}

/// The 56-bit threshold of a probability in so many hex digits, more where it is near 0 or 1.
fn threshold_of(probability: f64, precision: u32) -> u64 {
    if probability < 1.0 / NEVER as f64 {
        return NEVER;
    }
    if probability >= 1.0 {
        return 0;
    }
    let zeros = |part: f64| (1022 - (part.to_bits() >> 52) as i64).max(0) as u32 / 4;
    let digits = (precision + zeros(probability).max(zeros(1.0 - probability))).min(14);
    let scaled = probability * NEVER as f64;
    let whole = scaled as u64;
    let threshold = NEVER - (whole + u64::from(scaled - whole as f64 >= 0.5));
    let shift = 4 * (14 - digits);
    (threshold + (1 << shift >> 1)) >> shift << shift
}
