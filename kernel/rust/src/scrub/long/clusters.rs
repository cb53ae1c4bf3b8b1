//! Things that mostly begin in the same places have one list of them together.

use super::lanes::Kind;
use super::starts::{few, together, Start, WAYS_AT_MOST};
use crate::scrub::symbols::{probability, Symbols, Window};

/// So large a part of the places of either must be those of both.
const ALIKE: f64 = 0.25;

/// How things begin that have a list together.
struct Cluster {
    starts: Vec<Start>,
    kind: Kind,
    /// All of `starts` in one, for a first look.
    any: Window,
    often: f64,
}

/// For things, each with how it begins, and of what kind it is: the same for fewer, and which of them each one is.
pub fn clusters(things: Vec<(Vec<Start>, Kind)>) -> (Vec<(Vec<Start>, Kind)>, Vec<usize>) {
    let (mut clusters, mut of): (Vec<Cluster>, Vec<usize>) = (Vec::new(), Vec::new());
    for (starts, kind) in things {
        let new = Cluster::new(starts, kind);
        let alike = clusters.iter().map(|one| one.alike(&new)).enumerate();
        let best = alike.filter(|(_, alike)| *alike >= ALIKE).max_by(|one, two| one.1.total_cmp(&two.1));
        match best.and_then(|(index, _)| Some((index, clusters.get_mut(index)?))) {
            Some((index, cluster)) => {
                *cluster = Cluster::new(merged([std::mem::take(&mut cluster.starts), new.starts].concat()), kind);
                of.push(index);
            }
            None => {
                of.push(clusters.len());
                clusters.push(new);
            }
        }
    }
    (clusters.into_iter().map(|one| (one.starts, one.kind)).collect(), of)
}

impl Cluster {
    fn new(starts: Vec<Start>, kind: Kind) -> Cluster {
        let any = together(&starts.iter().map(|start| start.head.clone()).collect::<Vec<_>>());
        let often = starts.iter().map(|start| probability(&start.head)).sum();
        Cluster { starts, kind, any, often }
    }

    /// Of the places where one of both may begin, the part in which both may, roughly.
    fn alike(&self, other: &Cluster) -> f64 {
        if self.kind == Kind::Once || self.kind != other.kind || both(&self.any, &other.any).is_none() {
            return 0.0;
        }
        let pairs = self.starts.iter().flat_map(|one| other.starts.iter().map(move |two| (one, two)));
        let common: f64 =
            pairs.filter_map(|(one, two)| both(&one.head, &two.head)).map(|head| probability(&head)).sum();
        let common = common.min(self.often).min(other.often);
        common / (self.often + other.often - common)
    }
}

/// What is both; none when nothing is.
fn both(one: &Window, two: &Window) -> Option<Window> {
    let any = Symbols::default().not();
    let at = |window: &Window, place: usize| window.get(place).copied().unwrap_or(any);
    let places = (0..one.len().max(two.len())).map(|place| at(one, place).and(at(two, place)));
    let head: Window = places.collect();
    (!head.iter().any(Symbols::is_empty)).then_some(head)
}

/// The same ways to begin, without those that others stand for.
fn merged(starts: Vec<Start>) -> Vec<Start> {
    let mut all: Vec<Start> = Vec::new();
    for start in starts {
        match all.iter_mut().find(|one| one.head == start.head) {
            Some(one) => {
                let new: Vec<Window> = start.before.into_iter().filter(|before| !one.before.contains(before)).collect();
                one.before.extend(new);
            }
            None => all.push(start),
        }
    }
    let within = |small: usize, (index, large): (usize, &Start)| {
        small != index && all.get(small).is_some_and(|small| stands_for(large, small))
    };
    let kept = (0..all.len()).filter(|&one| !all.iter().enumerate().any(|large| within(one, large)));
    few(&kept.filter_map(|one| all.get(one).cloned()).collect::<Vec<_>>(), WAYS_AT_MOST)
}

/// Whether all that begins like `small` begins like `large`, and they are not equal.
fn stands_for(large: &Start, small: &Start) -> bool {
    let fits = |(large, small): (&Symbols, &Symbols)| small.and(*large) == *small;
    let longer = large.head.len() <= small.head.len() && large.head.iter().zip(&small.head).all(fits);
    let anywhere = large.before.contains(&Vec::new());
    longer && (anywhere || small.before.iter().all(|before| large.before.contains(before)))
}
