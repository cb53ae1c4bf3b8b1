//! A pass over a text that tells most clean ones at a few instructions a byte, without a table that misses the caches: all
//! windows of all patterns are looked for at once, a bit for each place in a window (the shift-and algorithm of
//! Baeza-Yates and Gonnet).

use super::coarse::coarser;
use super::sets::{needed, LONGEST};
use super::symbols::Window;

/// Places of windows in one word.
const WORD: usize = 64;
/// Texts are scanned more closely for nothing when windows are found more often than this.
const OFTEN: f64 = 0.004;

pub enum Sieve {
    Two(Box<Places<2>>),
    Four(Box<Places<4>>),
}

pub struct Places<const N: usize> {
    /// By byte: the places where it may stand.
    masks: [[u64; N]; 256],
    /// The first places of windows, and the last ones.
    first: [u64; N],
    last: [u64; N],
    /// The first places that the start of a text takes.
    start: [u64; N],
}

impl Sieve {
    /// A sieve for windows.
    pub fn new(windows: Vec<Window>) -> Sieve {
        let windows = needed(windows);
        // A window that does not fit into what is left of a word goes to the next.
        let (few, found) = coarser(&windows, 2 * WORD - LONGEST);
        if found <= OFTEN {
            return Sieve::Two(Box::new(Places::new(&few)));
        }
        Sieve::Four(Box::new(Places::new(&coarser(&windows, 4 * (WORD - LONGEST)).0)))
    }

    /// Whether a window stands anywhere in the text.
    #[inline]
    pub fn catches(&self, text: &[u8]) -> bool {
        match self {
            Sieve::Two(places) => places.catches(text),
            Sieve::Four(places) => places.catches(text),
        }
    }
}

impl<const N: usize> Places<N> {
    /// The windows must have place: at most `N * (WORD - LONGEST)` symbols.
    fn new(windows: &[Window]) -> Places<N> {
        let mut all = Places { masks: [[0; N]; 256], first: [0; N], last: [0; N], start: [0; N] };
        let (mut word, mut from) = (0, 0);
        for window in windows {
            if from + window.len() > WORD {
                (word, from) = (word + 1, 0);
            }
            for (index, symbols) in window.iter().enumerate() {
                let bit = 1 << (from + index);
                for (byte, mask) in (0..=u8::MAX).zip(all.masks.iter_mut()) {
                    if let Some(mask) = mask.get_mut(word).filter(|_| symbols.has(byte)) {
                        *mask |= bit;
                    }
                }
                let mark = |places: &mut [u64; N], holds: bool| {
                    if let Some(place) = places.get_mut(word).filter(|_| holds) {
                        *place |= bit;
                    }
                };
                mark(&mut all.first, index == 0);
                mark(&mut all.last, index + 1 == window.len());
                mark(&mut all.start, index == 0 && symbols.start);
            }
            from += window.len();
        }
        all
    }

    #[inline]
    fn catches(&self, text: &[u8]) -> bool {
        let (mut state, mut seen) = (self.start, self.start);
        for &byte in text {
            let mask = &self.masks[usize::from(byte)];
            for index in 0..N {
                state[index] = (state[index] << 1 | self.first[index]) & mask[index];
                seen[index] |= state[index];
            }
        }
        seen.iter().zip(&self.last).any(|(seen, last)| seen & last != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::windows;
    use super::*;

    fn catches(patterns: &[&str], text: &str) -> bool {
        let sets = patterns.iter().map(|one| windows(&crate::regex::hir(one).unwrap()).expect(one));
        Sieve::new(sets.flatten().collect()).catches(text.as_bytes())
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
        assert!(windows(&crate::regex::hir("[a-z ]+").unwrap()).is_none());
    }
}
