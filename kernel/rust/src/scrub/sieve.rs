//! A pass over a text that tells most clean ones at a few instructions a byte, without a table that misses the caches: all
//! windows of all patterns are looked for at once, a bit for each pair of neighbours in a bucket of windows (the
//! shift-and algorithm of Baeza-Yates and Gonnet over pairs, with the buckets of Hyperscan's FDR).

use std::collections::BTreeSet;

use super::buckets::{Bucket, Buckets, Owned};
use super::classes::{Classes, CLASSES};
use super::exact::Exact;
use super::sets::{needed, within, LONGEST};
use super::symbols::Window;

/// Places of buckets in one word.
const WORD: usize = 64;
/// Texts are scanned more closely for nothing when buckets are found more often than this.
const OFTEN: f64 = 0.0005;

pub enum Sieve {
    One(Box<Places<1>>),
    Two(Box<Places<2>>),
}

pub struct Places<const N: usize> {
    /// Of bytes; 0 is the place before the first one.
    classes: [u8; 256],
    /// By the class of a byte and that of the one before: the places where they may stand.
    masks: [[u64; N]; CLASSES * CLASSES],
    /// The first places of buckets, and the last ones.
    first: [u64; N],
    last: [u64; N],
    /// By the last place of a bucket: what tells its windows apart.
    exact: Vec<Vec<Exact>>,
}

impl Sieve {
    /// A sieve for windows, each with the number of the rule that it belongs to.
    pub fn new(windows: &[(Window, usize)]) -> Sieve {
        let kept = needed(windows.iter().map(|(window, _)| window.clone()).collect());
        let classes = Classes::of(&kept);
        let mut owned: Vec<Owned> = kept.into_iter().map(|window| (window, BTreeSet::new())).collect();
        for (window, rule) in windows {
            if let Some((_, rules)) = owned.iter_mut().find(|(small, _)| within(small, window)) {
                rules.insert(*rule);
            }
        }
        let mut buckets = Buckets::of(owned, &classes);
        // A bucket that does not fit into what is left of a word goes to the next.
        buckets.fit(2 * WORD - LONGEST, f64::INFINITY);
        let wide = buckets.buckets();
        buckets.fit(WORD, OFTEN);
        if buckets.found() <= OFTEN {
            return Sieve::One(Box::new(Places::new(&buckets.buckets(), &classes)));
        }
        Sieve::Two(Box::new(Places::new(&wide, &classes)))
    }

    /// Calls `each` with the numbers of the rules of which windows may stand in the text; whether there are any.
    #[inline]
    pub fn catches(&self, text: &[u8], each: impl FnMut(usize)) -> bool {
        match self {
            Sieve::One(places) => places.catches(text, each),
            Sieve::Two(places) => places.catches(text, each),
        }
    }

    /// How often `catches` would read the text again, to look more closely at the buckets that stand in it.
    pub fn looks(&self, text: &[u8]) -> usize {
        match self {
            Sieve::One(places) => places.looks(text),
            Sieve::Two(places) => places.looks(text),
        }
    }
}

impl<const N: usize> Places<N> {
    /// The buckets must have place: at most `N * WORD - (N - 1) * LONGEST` places.
    fn new(buckets: &[Bucket], classes: &Classes) -> Places<N> {
        let mut all = Places {
            classes: classes.table(),
            masks: [[0; N]; CLASSES * CLASSES],
            first: [0; N],
            last: [0; N],
            exact: std::iter::repeat_with(Vec::new).take(N * WORD).collect(),
        };
        let (mut word, mut from) = (0, 0);
        for Bucket { chain, windows, .. } in buckets {
            if from + chain.len() > WORD {
                (word, from) = (word + 1, 0);
            }
            for (index, pairs) in chain.iter().enumerate() {
                let bit = 1 << (from + index);
                for (cell, mask) in all.masks.iter_mut().enumerate() {
                    let may = pairs.follows[cell / CLASSES] >> (cell % CLASSES) & 1 == 1;
                    if let Some(mask) = mask.get_mut(word).filter(|_| may) {
                        *mask |= bit;
                    }
                }
                for (places, holds) in [(&mut all.first, index == 0), (&mut all.last, index + 1 == chain.len())] {
                    if let Some(place) = places.get_mut(word).filter(|_| holds) {
                        *place |= bit;
                    }
                }
            }
            from += chain.len();
            if let Some(exact) = all.exact.get_mut(word * WORD + from - 1) {
                *exact = Exact::all(windows);
            }
        }
        all
    }

    fn looks(&self, text: &[u8]) -> usize {
        self.hits(text).filter_map(|place| self.exact.get(place)).map(Vec::len).sum()
    }

    /// The last places of the buckets that stand in the text.
    #[inline(always)]
    fn hits(&self, text: &[u8]) -> Hits<N> {
        let (mut state, mut seen, mut before) = ([0; N], [0; N], 0);
        for &byte in text {
            let class = usize::from(self.classes[usize::from(byte)]);
            let mask = &self.masks[(before * CLASSES + class) % (CLASSES * CLASSES)];
            for index in 0..N {
                state[index] = (state[index] << 1 | self.first[index]) & mask[index];
                seen[index] |= state[index];
            }
            before = class;
        }
        Hits { word: 0, left: std::array::from_fn(|index| seen[index] & self.last[index]) }
    }

    #[inline]
    fn catches(&self, text: &[u8], mut each: impl FnMut(usize)) -> bool {
        let mut any = false;
        let mut note = |rule| {
            any = true;
            each(rule);
        };
        let mut exacts = self.hits(text).filter_map(|place| self.exact.get(place)).flatten();
        while let Some(one) = exacts.next() {
            match exacts.next() {
                Some(two) => one.told_with(two, text, &mut note),
                None => one.told(text, &mut note),
            }
        }
        any
    }
}

/// The last places of the buckets that were found.
struct Hits<const N: usize> {
    word: usize,
    left: [u64; N],
}

impl<const N: usize> Iterator for Hits<N> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while *self.left.get(self.word)? == 0 {
            self.word += 1;
        }
        let left = self.left.get_mut(self.word)?;
        let place = self.word * WORD + left.trailing_zeros() as usize;
        *left &= *left - 1;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::Windows;
    use super::*;

    fn catches(patterns: &[&str], text: &str) -> bool {
        let sets = patterns.iter().map(|one| Windows::default().of(&crate::regex::hir(one).unwrap()).expect(one));
        let sets = sets.enumerate().flat_map(|(rule, set)| set.into_iter().map(move |window| (window, rule)));
        Sieve::new(&sets.collect::<Vec<_>>()).catches(text.as_bytes(), |_| {})
    }

    #[test]
    fn what_matches_is_caught() {
        let cases = [
            ("ghp_[A-Za-z0-9]{16,}", "x ghp_0123456789abcdef"),
            (r"(?:^|[^0-9])[0-9]{3}-[0-9]{2}-[0-9]{4}", "123-45-6789"),
            (r"(?:^|[^0-9])[0-9]{3}-[0-9]{2}-[0-9]{4}", "a 123-45-6789"),
            (r"(?:^|[^0-9])[0-9]{3}-[0-9]{2}-[0-9]{4}", "é123-45-6789"),
            ("(?i)secret[-_. ]?key=", "A SECRET_Key=x"),
            ("(?i)secret[-_. ]?key=", "A ſecret\u{212a}ey="),
            (r"[a-z]+@(?:[a-z]+\.)+com", "mail me@a.b.com"),
            (r"^^xyz@", "xyz@"),
            (r"(?:q?^|@)xyz-", "xyz-"),
            (r"(?:[0-9][ -]?){12,18}[0-9]", "4111 1111 1111 1111"),
        ];
        for (pattern, text) in cases {
            assert!(catches(&[pattern], text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_clean_mostly_passes() {
        let patterns = ["ghp_[A-Za-z0-9]{16,}", r"[a-z]+@(?:[a-z]+\.)+com", r"(?:[0-9][ -]?){12,18}[0-9]"];
        for text in ["", "GET /cart/12345?page=7", "0123456", "gh_p", "0aef31bc99887cde51"] {
            assert!(!catches(&patterns, text), "{text}");
        }
    }

    #[test]
    fn many_windows_become_coarse() {
        let pattern = |n: usize| format!("{}{n:03}@[a-z]{{2}}x{n:03}", if n < 200 { "k" } else { "" });
        let patterns: Vec<String> = (0..400).map(pattern).collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        for number in 0..400 {
            assert!(catches(&patterns, &format!("k{number:03}@abx{number:03}")), "{number}");
        }
        assert!(Windows::default().of(&crate::regex::hir("[a-z ]+").unwrap()).is_none());
    }
}
