//! Ways to begin, and which of them are looked for together.

use super::starts::{together, Start};
use crate::scrub::symbols::{probability, Symbols, Window};

/// What stands before and behind the text.
pub const END: usize = 256;

/// What a thing is: what stands near others, the same in buckets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Plain,
    /// It is not wanted where nothing is near.
    Late,
    /// It is wanted once only.
    Once,
}

/// One way in which a thing may begin.
pub struct Lane {
    pub thing: usize,
    pub head: Window,
    pub before: Vec<Before>,
}

/// What may stand before the first bytes: some bytes, perhaps at the start of the text, or the border of a word.
#[derive(Clone, PartialEq)]
pub struct Before {
    pub bytes: Window,
    pub start: bool,
    pub border: bool,
}

impl Lane {
    /// All of them, thing by thing: of those that are wanted late, or of the others.
    pub fn all(things: &[(Vec<Start>, Kind)], late: bool) -> Vec<Lane> {
        let lane = |thing: usize, start: &Start| {
            let before = start.before.iter().map(Before::new).collect();
            Lane { thing, head: start.head.clone(), before }
        };
        let things = things.iter().enumerate().filter(|(_, (_, kind))| (*kind == Kind::Late) == late);
        things.flat_map(|(thing, (starts, _))| starts.iter().map(move |start| lane(thing, start))).collect()
    }
}

impl Before {
    pub fn new(window: &Window) -> Before {
        let has = |of: fn(&Symbols) -> bool| window.first().is_some_and(of);
        let (start, border) = (has(|symbols| symbols.start), has(|symbols| symbols.border));
        Before { bytes: window.get(usize::from(start || border)..).unwrap_or(&[]).to_vec(), start, border }
    }

    /// Whether more must be looked at than the byte before.
    pub fn is_long(&self) -> bool {
        self.bytes.len() > 1 || (self.start && !self.bytes.is_empty())
    }

    /// Whether it may be all that is known of it that it ends with this byte, where it is no longer than that.
    pub fn may_be(&self, byte: usize, head: &Window) -> bool {
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
    pub fn stands(&self, text: &[u8], at: usize) -> Option<usize> {
        let from = at.checked_sub(self.bytes.len()).filter(|&from| !self.start || from == 0)?;
        let word = |at: Option<usize>| is_word(at.and_then(|at| text.get(at)));
        let fits = text.get(from..at)?.iter().zip(&self.bytes).all(|(&byte, symbols)| symbols.has(byte));
        (fits && (!self.border || word(at.checked_sub(1)) != word(Some(at)))).then_some(from)
    }
}

/// Whether there is a letter, a digit or `_`, all of ASCII.
pub fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Those that are alike stand in the same bucket: apart what is wanted once, thing by thing, and what may begin anywhere.
pub fn in_buckets(lanes: &[Lane], most: usize, kind: impl Fn(&Lane) -> Kind) -> Vec<Vec<usize>> {
    let open =
        |lane: &Lane| lane.before.iter().any(|before| before.bytes.is_empty() && !before.start && !before.border);
    let mut order: Vec<(Key, &Lane, usize)> = Vec::new();
    for (index, lane) in lanes.iter().enumerate() {
        let of = (kind(lane) == Kind::Once).then_some(lane.thing);
        order.push(((kind(lane), of, open(lane)), lane, index));
    }
    order.sort_by(|one, two| (one.0, &one.1.head).cmp(&(two.0, &two.1.head)));
    let mut buckets: Vec<Bucket> = order.iter().map(|&(key, lane, index)| Bucket::new(key, lane, index)).collect();
    let price = |buckets: &[Bucket], one: usize| match (buckets.get(one), buckets.get(one + 1)) {
        (Some(one), Some(two)) => one.price(two),
        _ => f64::INFINITY,
    };
    let mut prices: Vec<f64> = (0..buckets.len()).map(|one| price(&buckets, one)).collect();
    while buckets.len() > most {
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

/// Lanes with equal keys are put together first.
type Key = (Kind, Option<usize>, bool);

/// Lanes that stand together while it is found out which do.
struct Bucket {
    key: Key,
    head: Window,
    often: f64,
    lanes: Vec<usize>,
}

/// What is of another kind is put together last.
const APART: f64 = 1.0;

impl Bucket {
    fn new(key: Key, lane: &Lane, index: usize) -> Bucket {
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
