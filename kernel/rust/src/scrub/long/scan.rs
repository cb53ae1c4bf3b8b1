//! One pass over a text that tells for many things at once where each may begin: things in buckets, a bit for each bucket, and
//! for every place of the first bytes a table of the buckets that may have a byte there (as in Hyperscan's FDR).

use std::ops::Range;

use super::heads::{Heads, Lanes, LANES};
use super::lanes::{in_buckets, Before, Kind, Lane, END};
use super::starts::{Start, BEFORE, HEAD};
use crate::scrub::symbols::{Symbols, Window};

const BUCKETS: usize = 64;
/// For what stands before first bytes and has several of its own.
const WORDS: usize = 2;

/// A set of buckets.
type Buckets = u128;
/// The same for reading, which goes faster so.
type Halves = [u64; 1];

pub struct Scan {
    /// By byte.
    rows: Box<[Row; END]>,
    /// Of what stands behind the text, and before it.
    end: Row,
    longer: Longer,
    /// Bucket by bucket.
    lanes: Vec<Lane>,
    /// By bucket: the lanes.
    buckets: Vec<Range<usize>>,
    /// By thing: the lanes.
    things: Vec<Vec<usize>>,
    heads: Heads,
    /// By the part of `heads`: the buckets with lanes in it.
    parts: Vec<Halves>,
}

/// What there is to know of a byte.
#[derive(Clone, Copy, Default)]
struct Row {
    /// By place: the buckets that may have it there.
    places: [Halves; HEAD],
    /// Those that may begin behind it.
    before: Halves,
    /// Where it may stand in what stands before first bytes.
    longer: [u64; WORDS],
}

/// What is known while a text is read.
#[derive(Default)]
struct State {
    places: [Halves; HEAD],
    before: Halves,
    longer: [u64; WORDS],
}

/// Sequences of several bytes before the first ones, looked for together (shift-and).
#[derive(Default)]
struct Longer {
    first: [u64; WORDS],
    last: [u64; WORDS],
    /// By the place of the last byte: the buckets that may begin behind it.
    of: Vec<Buckets>,
}

/// What is looked for; nothing by default.
#[derive(Default)]
pub struct Wanted {
    lanes: Lanes,
    buckets: Buckets,
    /// Whether that is not so any more.
    stale: bool,
    /// Things that are not wanted any more.
    enough: Vec<usize>,
}

impl Scan {
    /// For things, each with how it may begin, and what it is: those that are wanted late, or the others.
    pub fn new(things: &[(Vec<Start>, Kind)], late: bool) -> Scan {
        let all = Lane::all(things, late);
        let order = in_buckets(&all, BUCKETS, |lane| things.get(lane.thing).map_or(Kind::Once, |(_, kind)| *kind));
        let (mut all, mut lanes, mut buckets) = (all.into_iter().map(Some).collect::<Vec<_>>(), Vec::new(), Vec::new());
        for bucket in order {
            let first = lanes.len();
            lanes.extend(bucket.into_iter().filter_map(|index| all.get_mut(index)?.take()));
            buckets.push(first..lanes.len());
        }
        let mut of_things = vec![Vec::new(); things.len()];
        for (index, lane) in lanes.iter().enumerate() {
            of_things.get_mut(lane.thing).into_iter().for_each(|all: &mut Vec<usize>| all.push(index));
        }
        let mut scan = Scan {
            rows: Box::new([Row::default(); END]),
            end: Row::default(),
            longer: Longer::default(),
            heads: Heads::new(&lanes),
            parts: parts(&buckets, lanes.len()),
            lanes,
            buckets,
            things: of_things,
        };
        scan.fill();
        scan
    }

    fn fill(&mut self) {
        let Scan { rows, end, longer, lanes, buckets, .. } = self;
        longer.of = vec![0; 64 * WORDS];
        let mut sequences: Vec<(&Before, Buckets)> = Vec::new();
        for (bucket, members) in buckets.iter().enumerate() {
            let bit = 1 << bucket;
            for Lane { head, before: befores, .. } in lanes.get(members.clone()).unwrap_or(&[]) {
                for (byte, row) in rows.iter_mut().chain([&mut *end]).enumerate() {
                    let has = |symbols: &Symbols| u8::try_from(byte).is_ok_and(|byte| symbols.has(byte));
                    let fitting =
                        row.places.iter_mut().enumerate().filter(|(place, _)| head.get(*place).is_none_or(has));
                    fitting.for_each(|(_, mask)| *mask = or(*mask, halves(bit)));
                    if befores.iter().any(|one| one.may_be(byte, head)) {
                        row.before = or(row.before, halves(bit));
                    }
                }
                for one in befores.iter().filter(|one| one.bytes.len() > 1) {
                    match sequences.iter_mut().find(|(other, _)| *other == one) {
                        Some((_, of)) => *of |= bit,
                        None => sequences.push((one, bit)),
                    }
                }
            }
        }
        for (one, of) in sequences {
            if !longer.add(rows, &one.bytes, of) {
                let last = one.bytes.last().copied().unwrap_or_default();
                let behind = (0..=u8::MAX).zip(rows.iter_mut()).filter(|(byte, _)| last.has(*byte));
                behind.for_each(|(_, row)| row.before = or(row.before, halves(of)));
            }
        }
    }

    /// Wants a thing, if it is one of these.
    pub fn want(&self, thing: usize, wanted: &mut Wanted) {
        wanted.stale = true;
        for &lane in self.things.get(thing).into_iter().flatten() {
            wanted.lanes.put(lane, true);
        }
    }

    /// Calls `each` with the wanted things of which the first bytes may stand in `from..to`, and with where they begin; it says
    /// whether more is wanted of it.
    pub fn search(
        &self,
        text: &[u8],
        (from, to): (usize, usize),
        wanted: &mut Wanted,
        mut each: impl FnMut(usize, usize) -> bool,
    ) {
        if wanted.stale {
            wanted.count(&self.buckets);
        }
        let (first, to) = (from.saturating_sub(BEFORE), to.min(text.len()));
        let mut state = State { before: if first == 0 { self.end.before } else { [0; 1] }, ..State::default() };
        for &byte in text.get(first..from).unwrap_or(&[]) {
            self.step(&mut state, &self.rows[usize::from(byte)], [0; 1]);
        }
        for (at, &byte) in text.iter().enumerate().take(to).skip(from) {
            if self.step(&mut state, &self.rows[usize::from(byte)], halves(wanted.buckets)) {
                self.tell((text, at + 1 - HEAD), state.places[HEAD - 1], wanted, &mut each);
            }
        }
        for at in to.max(from)..to + HEAD - 1 {
            let row = text.get(at).map_or(&self.end, |&byte| &self.rows[usize::from(byte)]);
            if self.step(&mut state, row, [0; 1]) {
                self.tell((text, at + 1 - HEAD), state.places[HEAD - 1], wanted, &mut each);
            }
        }
    }

    /// Reads a byte; whether the first bytes of something end with it.
    #[inline(always)]
    fn step(&self, state: &mut State, row: &Row, wanted: Halves) -> bool {
        for place in (1..HEAD).rev() {
            state.places[place] = and(state.places[place - 1], row.places[place]);
        }
        state.places[0] = and(and(state.before, wanted), row.places[0]);
        state.before = row.before;
        let mut ended = 0;
        for word in 0..WORDS {
            state.longer[word] = (state.longer[word] << 1 | self.longer.first[word]) & row.longer[word];
            ended |= state.longer[word] & self.longer.last[word];
        }
        if ended != 0 {
            state.before = or(state.before, halves(self.longer.ended(state.longer)));
        }
        state.places[HEAD - 1] != [0; 1]
    }

    /// Calls `each` with what begins at a place, as far as these buckets know.
    #[inline(never)]
    fn tell(
        &self,
        (text, at): (&[u8], usize),
        ended: Halves,
        wanted: &mut Wanted,
        each: &mut impl FnMut(usize, usize) -> bool,
    ) {
        let mut less = false;
        let Wanted { lanes, enough, .. } = wanted;
        let looks = |part: usize| self.parts.get(part).is_some_and(|buckets| and(*buckets, ended) != [0; 1]);
        self.heads.find((text, at), lanes, looks, |lane, from| {
            if let Some(lane) = self.lanes.get(lane).filter(|lane| !each(lane.thing, from)) {
                enough.push(lane.thing);
                less = true;
            }
        });
        if less {
            wanted.leave(self);
        }
    }
}

/// By the part: the buckets with lanes in it.
fn parts(buckets: &[Range<usize>], lanes: usize) -> Vec<Halves> {
    let within = |part: usize, lanes: &Range<usize>| lanes.start / LANES <= part && part * LANES < lanes.end;
    let of = |part: usize| buckets.iter().enumerate().filter(move |(_, lanes)| within(part, lanes));
    (0..lanes.div_ceil(LANES)).map(|part| halves(of(part).fold(0, |all, (bucket, _)| all | 1 << bucket))).collect()
}

fn halves(buckets: Buckets) -> Halves {
    [buckets as u64]
}

#[inline(always)]
fn and([one]: Halves, [three]: Halves) -> Halves {
    [one & three]
}

#[inline(always)]
fn or([one]: Halves, [three]: Halves) -> Halves {
    [one | three]
}

impl Longer {
    /// Whether there is a place for it.
    fn add(&mut self, rows: &mut [Row; END], bytes: &Window, of: Buckets) -> bool {
        let used = |word: &u64| 64 - word.leading_zeros() as usize;
        let Some(word) = self.last.iter().position(|last| used(last) + bytes.len() <= 64) else { return false };
        let from = used(&self.last[word]);
        for (place, symbols) in bytes.iter().enumerate() {
            let rows = (0..=u8::MAX).zip(rows.iter_mut()).filter(|(byte, _)| symbols.has(*byte));
            rows.for_each(|(_, row)| row.longer[word] |= 1 << (from + place));
        }
        self.first[word] |= 1 << from;
        self.last[word] |= 1 << (from + bytes.len() - 1);
        if let Some(mask) = self.of.get_mut(word * 64 + from + bytes.len() - 1) {
            *mask = of;
        }
        true
    }

    /// The buckets that may begin behind what has ended.
    #[inline(never)]
    fn ended(&self, state: [u64; WORDS]) -> Buckets {
        let mut all = 0;
        for (word, (state, last)) in state.iter().zip(&self.last).enumerate() {
            let mut left = state & last;
            while left != 0 {
                all |= self.of.get(word * 64 + left.trailing_zeros() as usize).copied().unwrap_or(0);
                left &= left - 1;
            }
        }
        all
    }
}

impl Wanted {
    pub fn is_nothing(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Leaves out the things of which there is enough.
    fn leave(&mut self, scan: &Scan) {
        for thing in std::mem::take(&mut self.enough) {
            for &lane in scan.things.get(thing).into_iter().flatten() {
                self.lanes.put(lane, false);
            }
        }
        self.count(&scan.buckets);
    }

    fn count(&mut self, buckets: &[Range<usize>]) {
        let wanted = buckets.iter().enumerate().filter(|(_, lanes)| (*lanes).clone().any(|lane| self.lanes.has(lane)));
        self.buckets = wanted.fold(0, |all, (bucket, _)| all | 1 << bucket);
        self.stale = false;
    }
}
