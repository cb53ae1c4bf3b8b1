//! Windows that differ in one place, taken together.

use hashbrown::HashTable;

use super::symbols::{Symbols, Window};

/// The same windows, those that differ in one place taken together; in order.
pub fn merged(windows: Vec<Window>) -> Vec<Window> {
    let places = windows.iter().map(Vec::len).max().unwrap_or(0);
    let mut all: Vec<Hashed> = windows.into_iter().map(Hashed::new).collect();
    let mut groups = HashTable::new();
    loop {
        let before = all.len();
        for place in 0..places.max(1) {
            all = joined_at(place, all, &mut groups);
        }
        if all.len() == before {
            break;
        }
    }
    all.sort_unstable_by(|one, two| one.window.cmp(&two.window));
    all.into_iter().map(|one| one.window).collect()
}

/// A window, and the sum of the hashes of what stands in its places: one that is left out is taken off.
struct Hashed {
    window: Window,
    sum: u64,
}

impl Hashed {
    fn new(window: Window) -> Hashed {
        let sum = window.iter().enumerate().fold(0, |sum: u64, (place, one)| sum.wrapping_add(hash(one, place)));
        Hashed { window, sum }
    }

    /// The hash without that place.
    fn rest(&self, place: usize) -> u64 {
        self.window.get(place).map_or(self.sum, |one| self.sum.wrapping_sub(hash(one, place)))
    }

    /// Whether there is no difference apart from that place.
    fn is_like(&self, other: &Hashed, place: usize) -> bool {
        let (mine, its) = (&self.window, &other.window);
        mine.len() == its.len() && mine.iter().zip(its).enumerate().all(|(at, (one, two))| at == place || one == two)
    }

    fn widen(&mut self, place: usize, more: Symbols) {
        let rest = self.rest(place);
        if let Some(symbols) = self.window.get_mut(place) {
            *symbols = symbols.or(more);
            self.sum = rest.wrapping_add(hash(symbols, place));
        }
    }
}

fn hash(symbols: &Symbols, place: usize) -> u64 {
    symbols.code().rotate_left(place as u32 * 5)
}

/// One window for all that are alike but for that place; those that are too short for it are only told apart.
fn joined_at(place: usize, windows: Vec<Hashed>, groups: &mut HashTable<(u64, usize)>) -> Vec<Hashed> {
    groups.clear();
    let mut out: Vec<Hashed> = Vec::with_capacity(windows.len());
    for window in windows {
        let rest = window.rest(place);
        let alike = |&(_, at): &(u64, usize)| out.get(at).is_some_and(|other| other.is_like(&window, place));
        match groups.find(rest, alike).map(|&(_, at)| at) {
            Some(at) => {
                let more = window.window.get(place).copied();
                if let Some((first, more)) = out.get_mut(at).zip(more) {
                    first.widen(place, more);
                }
            }
            None => {
                groups.insert_unique(rest, (rest, out.len()), |one| one.0);
                out.push(window);
            }
        }
    }
    out
}
