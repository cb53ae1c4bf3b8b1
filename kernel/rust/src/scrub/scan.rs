//! One pass over a text that tells for many things at once where each may begin: things in buckets, a bit for each bucket, and
//! for every place of the first bytes a table of the buckets that may have a byte there (as in Hyperscan's FDR).

use std::ops::Range;

use super::starts::{together, Start, BEFORE, HEAD};
use super::symbols::{probability, Symbols, Window};

/// What stands before and behind the text.
const END: usize = 256;
const BUCKETS: usize = 128;
/// For what stands before first bytes and has several of its own.
const WORDS: usize = 2;

/// A set of buckets.
type Buckets = u128;
/// The same for reading, which goes faster so.
type Halves = [u64; 2];

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
    exact: Exact,
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

/// Which lanes may have a byte at a place of their first bytes, in words of 64.
#[derive(Default)]
struct Exact {
    words: usize,
    /// By byte, then by place, then by word.
    masks: Vec<u64>,
    /// What may stand before that is longer than a byte, the longest first, with the lanes that may begin behind it.
    befores: Vec<(Before, Vec<u64>)>,
    /// By the last byte: which of these end with it.
    ends: Vec<Vec<usize>>,
    /// By the byte before, then by word: the lanes that may begin behind anything, and behind that byte.
    anywhere: Vec<u64>,
    behind: Vec<u64>,
    /// By word: those that may begin at the border of a word.
    border: Vec<u64>,
}

/// One way in which a thing may begin.
struct Lane {
    thing: usize,
    head: Window,
    before: Vec<Before>,
}

/// What may stand before the first bytes: some bytes, perhaps at the start of the text, or the border of a word.
#[derive(Clone, PartialEq)]
struct Before {
    bytes: Window,
    start: bool,
    border: bool,
}

/// Sequences of several bytes before the first ones, looked for together (shift-and).
#[derive(Default)]
struct Longer {
    first: [u64; WORDS],
    last: [u64; WORDS],
    /// By the place of the last byte: the buckets that may begin behind it.
    of: Vec<Buckets>,
}

/// What a thing is: what stands near others, the same in buckets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Plain,
    /// It is not wanted where nothing is near.
    Late,
    /// It is wanted once only.
    Once,
}

/// What is looked for.
pub struct Wanted {
    lanes: Vec<bool>,
    /// The same in words of 64.
    words: Vec<u64>,
    buckets: Buckets,
    /// Whether that is not so any more.
    stale: bool,
}

impl Before {
    fn new(window: &Window) -> Before {
        let has = |of: fn(&Symbols) -> bool| window.first().is_some_and(of);
        let (start, border) = (has(|symbols| symbols.start), has(|symbols| symbols.border));
        Before { bytes: window.get(usize::from(start || border)..).unwrap_or(&[]).to_vec(), start, border }
    }

    /// Whether it may be all that is known of it that it ends with this byte, where it is no longer than that.
    fn may_be(&self, byte: usize, head: &Window) -> bool {
        let word = Symbols::word();
        let is_word = u8::try_from(byte).is_ok_and(|byte| word.has(byte));
        let may_begin =
            |other: bool| head.first().is_none_or(|first| !first.and(if other { word } else { word.not() }).is_empty());
        match self.bytes.last() {
            Some(symbols) => self.bytes.len() == 1 && u8::try_from(byte).is_ok_and(|byte| symbols.has(byte)),
            None if self.start => byte == END,
            None => !self.border || may_begin(!is_word),
        }
    }

    /// Where it begins, if it stands before `at`.
    fn stands(&self, text: &[u8], at: usize) -> Option<usize> {
        let from = at.checked_sub(self.bytes.len()).filter(|&from| !self.start || from == 0)?;
        let word = |at: Option<usize>| {
            at.and_then(|at| text.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let fits = text.get(from..at)?.iter().zip(&self.bytes).all(|(&byte, symbols)| symbols.has(byte));
        (fits && (!self.border || word(at.checked_sub(1)) != word(Some(at)))).then_some(from)
    }
}

impl Scan {
    /// For things, each with how it may begin, and what it is.
    pub fn new(things: &[(Vec<Start>, Kind)]) -> Scan {
        let lane = |thing: usize, start: &Start| {
            let before = start.before.iter().map(Before::new).collect();
            Lane { thing, head: start.head.clone(), before }
        };
        let all = things.iter().enumerate();
        let all: Vec<Lane> =
            all.flat_map(|(thing, (starts, _))| starts.iter().map(move |start| lane(thing, start))).collect();
        let order = in_buckets(&all, |lane| things.get(lane.thing).map_or(Kind::Once, |(_, kind)| *kind));
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
            exact: Exact::new(&lanes),
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

    /// Nothing.
    pub fn wanted(&self) -> Wanted {
        Wanted { lanes: vec![false; self.lanes.len()], words: Vec::new(), buckets: 0, stale: true }
    }

    /// Wants a thing.
    pub fn want(&self, thing: usize, wanted: &mut Wanted) {
        wanted.stale = true;
        for &lane in self.things.get(thing).into_iter().flatten() {
            wanted.lanes.get_mut(lane).into_iter().for_each(|wanted| *wanted = true);
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
        let mut state = State { before: if first == 0 { self.end.before } else { [0; 2] }, ..State::default() };
        for &byte in text.get(first..from).unwrap_or(&[]) {
            self.step(&mut state, &self.rows[usize::from(byte)], [0; 2]);
        }
        for (at, &byte) in text.iter().enumerate().take(to).skip(from) {
            if self.step(&mut state, &self.rows[usize::from(byte)], halves(wanted.buckets)) {
                self.tell((text, at + 1 - HEAD), whole(state.places[HEAD - 1]), wanted, &mut each);
            }
        }
        for at in to.max(from)..to + HEAD - 1 {
            let row = text.get(at).map_or(&self.end, |&byte| &self.rows[usize::from(byte)]);
            if self.step(&mut state, row, [0; 2]) {
                self.tell((text, at + 1 - HEAD), whole(state.places[HEAD - 1]), wanted, &mut each);
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
        state.places[HEAD - 1] != [0; 2]
    }

    /// Calls `each` with what begins at a place, as far as these buckets know.
    #[inline(never)]
    fn tell(
        &self,
        (text, at): (&[u8], usize),
        mut buckets: Buckets,
        wanted: &mut Wanted,
        each: &mut impl FnMut(usize, usize) -> bool,
    ) {
        let (mut less, mut words) = (false, 0u64);
        while buckets != 0 {
            let lanes = self.buckets.get(buckets.trailing_zeros() as usize).cloned().unwrap_or_default();
            buckets &= buckets - 1;
            words |= (lanes.start / 64..=lanes.end.saturating_sub(1) / 64).fold(0, |all, word| all | 1 << (word % 64));
        }
        let (exact, before) = (&self.exact, at.checked_sub(1).and_then(|at| text.get(at)));
        let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let border = is_word(before) != is_word(text.get(at));
        let before = before.map_or(END, |&byte| usize::from(byte));
        let mut tell = |word: usize, mut found: u64, from: usize| {
            while found != 0 {
                let index = word * 64 + found.trailing_zeros() as usize;
                found &= found - 1;
                if self.lanes.get(index).is_some_and(|lane| !each(lane.thing, from)) {
                    wanted.lanes.get_mut(index).into_iter().for_each(|wanted| *wanted = false);
                    less = true;
                }
            }
        };
        let of = |lanes: &[u64], index: usize| lanes.get(index).copied().unwrap_or(0);
        for word in (0..exact.words).filter(|word| words >> (word % 64) & 1 == 1) {
            let found = exact.stands(text, at, word) & of(&wanted.words, word);
            if found == 0 {
                continue;
            }
            for (before, lanes) in
                exact.ends.get(before).into_iter().flatten().filter_map(|&one| exact.befores.get(one))
            {
                let found = found & of(lanes, word);
                if let Some(from) = (found != 0).then(|| before.stands(text, at)).flatten() {
                    tell(word, found, from);
                }
            }
            tell(word, found & of(&exact.behind, before * exact.words + word), at.wrapping_sub(1));
            let here = of(&exact.anywhere, before * exact.words + word);
            tell(word, found & if border { here | of(&exact.border, word) } else { here }, at);
        }
        if less {
            wanted.count(&self.buckets);
        }
    }
}

impl Exact {
    fn new(lanes: &[Lane]) -> Exact {
        let words = lanes.len().div_ceil(64);
        let mut masks = vec![0; HEAD * (END + 1) * words];
        let by_byte = || vec![0; (END + 1) * words];
        let mut exact =
            Exact { words, anywhere: by_byte(), behind: by_byte(), border: vec![0; words], ..Exact::default() };
        for (index, lane) in lanes.iter().enumerate() {
            let bit = 1 << (index % 64);
            for (place, byte) in (0..HEAD).flat_map(|place| (0..=END).map(move |byte| (place, byte))) {
                let has = |symbols: &Symbols| u8::try_from(byte).is_ok_and(|byte| symbols.has(byte));
                let mask = masks.get_mut((byte * HEAD + place) * words + index / 64);
                if let Some(mask) = mask.filter(|_| lane.head.get(place).is_none_or(has)) {
                    *mask |= bit;
                }
            }
            for before in &lane.before {
                exact.add(before, index);
            }
        }
        exact.befores.sort_by_key(|(before, _)| usize::MAX - before.bytes.len());
        let ends = |byte: usize| {
            let has = |symbols: &Symbols| u8::try_from(byte).is_ok_and(|byte| symbols.has(byte));
            let may = exact.befores.iter().enumerate().filter(|(_, (before, _))| before.bytes.last().is_some_and(has));
            may.map(|(index, _)| index).collect()
        };
        let ends = (0..=END).map(ends).collect();
        Exact { ends, masks, ..exact }
    }

    fn add(&mut self, before: &Before, lane: usize) {
        let (word, bit, words) = (lane / 64, 1 << (lane % 64), self.words);
        if before.bytes.is_empty() && before.border {
            self.border.get_mut(word).into_iter().for_each(|word| *word |= bit);
            return;
        }
        if before.bytes.len() > 1 || (before.start && !before.bytes.is_empty()) {
            if !self.befores.iter().any(|(other, _)| other == before) {
                self.befores.push((before.clone(), vec![0; words]));
            }
            let same = self.befores.iter_mut().find(|(other, _)| other == before);
            same.and_then(|(_, of)| of.get_mut(word)).into_iter().for_each(|word| *word |= bit);
            return;
        }
        for byte in 0..=END {
            let (fits, lanes) = match before.bytes.first() {
                Some(symbols) => (u8::try_from(byte).is_ok_and(|byte| symbols.has(byte)), &mut self.behind),
                None => (!before.start || byte == END, &mut self.anywhere),
            };
            let word = lanes.get_mut(byte * words + word).filter(|_| fits);
            word.into_iter().for_each(|word| *word |= bit);
        }
    }

    /// The lanes of a word whose first bytes stand here.
    #[inline(always)]
    fn stands(&self, text: &[u8], at: usize, word: usize) -> u64 {
        let mut found = !0;
        for place in 0..HEAD {
            let byte = text.get(at + place).map_or(END, |&byte| usize::from(byte));
            found &= self.masks.get((byte * HEAD + place) * self.words + word).copied().unwrap_or(0);
            if found == 0 {
                break;
            }
        }
        found
    }
}

/// Those that are alike stand in the same bucket: apart what is wanted once, thing by thing, and what may begin anywhere.
fn in_buckets(lanes: &[Lane], kind: impl Fn(&Lane) -> Kind) -> Vec<Vec<usize>> {
    let open =
        |lane: &Lane| lane.before.iter().any(|before| before.bytes.is_empty() && !before.start && !before.border);
    let mut order: Vec<((Kind, Option<usize>), bool, &Lane, usize)> = Vec::new();
    for (index, lane) in lanes.iter().enumerate() {
        let of = (kind(lane) == Kind::Once).then_some(lane.thing);
        order.push(((kind(lane), of), open(lane), lane, index));
    }
    order.sort_by(|one, two| (one.0, one.1, &one.2.head).cmp(&(two.0, two.1, &two.2.head)));
    let mut buckets: Vec<Bucket> =
        order.iter().map(|&(of, open, lane, index)| Bucket::new((of, open), lane, index)).collect();
    let price = |buckets: &[Bucket], one: usize| match (buckets.get(one), buckets.get(one + 1)) {
        (Some(one), Some(two)) => one.price(two),
        _ => f64::INFINITY,
    };
    let mut prices: Vec<f64> = (0..buckets.len()).map(|one| price(&buckets, one)).collect();
    while buckets.len() > BUCKETS {
        let best = prices.iter().enumerate().min_by(|one, two| one.1.total_cmp(two.1)).map_or(0, |(best, _)| best);
        let two = buckets.remove(best + 1);
        prices.remove(best + 1);
        buckets.get_mut(best).into_iter().for_each(|one| one.join(&two));
        for changed in [best.saturating_sub(1), best] {
            let new = price(&buckets, changed);
            prices.get_mut(changed).into_iter().for_each(|price| *price = new);
        }
    }
    buckets.into_iter().map(|bucket| bucket.lanes).collect()
}

/// Lanes that stand together while it is found out which do.
struct Bucket {
    key: ((Kind, Option<usize>), bool),
    head: Window,
    often: f64,
    lanes: Vec<usize>,
}

/// What is of another kind is put together last.
const APART: f64 = 1.0;

impl Bucket {
    fn new(key: ((Kind, Option<usize>), bool), lane: &Lane, index: usize) -> Bucket {
        Bucket { key, head: lane.head.clone(), often: probability(&lane.head), lanes: vec![index] }
    }

    /// How much more often both together are found.
    fn price(&self, two: &Bucket) -> f64 {
        let both = probability(&together(&[self.head.clone(), two.head.clone()]));
        both - self.often - two.often + if self.key == two.key { 0.0 } else { APART }
    }

    fn join(&mut self, two: &Bucket) {
        self.head = together(&[std::mem::take(&mut self.head), two.head.clone()]);
        self.often = probability(&self.head);
        self.lanes.extend(&two.lanes);
    }
}

fn halves(buckets: Buckets) -> Halves {
    [buckets as u64, (buckets >> 64) as u64]
}

fn whole([low, high]: Halves) -> Buckets {
    Buckets::from(low) | Buckets::from(high) << 64
}

#[inline(always)]
fn and([one, two]: Halves, [three, four]: Halves) -> Halves {
    [one & three, two & four]
}

#[inline(always)]
fn or([one, two]: Halves, [three, four]: Halves) -> Halves {
    [one | three, two | four]
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
    fn count(&mut self, buckets: &[Range<usize>]) {
        let any = |lanes: &Range<usize>| self.lanes.get(lanes.clone()).is_some_and(|lanes| lanes.contains(&true));
        let word = |lanes: &[bool]| lanes.iter().rev().fold(0, |word, &wanted| word << 1 | u64::from(wanted));
        self.words = self.lanes.chunks(64).map(word).collect();
        let wanted = buckets.iter().enumerate().filter(|(_, lanes)| any(lanes));
        self.stale = false;
        self.buckets = wanted.fold(0, |all, (bucket, _)| all | 1 << bucket);
    }
}
