//! What was made of statements lately: applications say the same few over and over. Bounded, and every byte is compared.

/// Longer statements are not remembered.
pub const LONGEST: usize = 512;
const PLACES: usize = 1024;

#[derive(Default)]
pub struct Memo(Vec<Place>);

/// One remembered text; what comes later with the same hash replaces it.
#[derive(Default, Clone)]
struct Place {
    /// The number of the form, plus one; 0: nothing is remembered.
    form: usize,
    system: Vec<u8>,
    text: Vec<u8>,
    new: Option<Vec<u8>>,
}

impl Memo {
    /// What a form makes of a text, which `make` finds out if it is not known; None: it stays.
    pub fn of(
        &mut self,
        hash: u64,
        (form, system, text): (usize, &[u8], &[u8]),
        make: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<&[u8]> {
        if self.0.is_empty() {
            self.0.resize(PLACES, Place::default());
        }
        let place = self.0.get_mut(hash as usize % PLACES)?;
        if place.form != form + 1 || place.text != text || place.system != system {
            place.form = form + 1;
            place.text.clear();
            place.text.extend_from_slice(text);
            place.system.clear();
            place.system.extend_from_slice(system);
            place.new = make();
        }
        place.new.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_is_known() {
        let mut memo = Memo::default();
        let new = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(memo.of(1, (0, b"a", b"x"), || new("one")), Some(&b"one"[..]));
        assert_eq!(memo.of(1, (0, b"a", b"x"), || new("two")), Some(&b"one"[..]));
        for other in [(1, b"a", b"x"), (0, b"b", b"x"), (0, b"a", b"y")] {
            assert_eq!(memo.of(1, (other.0, other.1, other.2), || None), None);
        }
    }
}
