//! A number for each two of some things, worked out once as long as neither of them changes.

/// With more things than this they are worked out each time: it would take too much memory.
const MOST: usize = 1024;

pub struct Pairwise {
    size: usize,
    /// By the two, the lower one first; NaN: not known.
    known: Vec<f64>,
}

impl Pairwise {
    pub fn of(size: usize) -> Pairwise {
        let size = if size > MOST { 0 } else { size };
        Pairwise { size, known: vec![f64::NAN; size * size] }
    }

    /// The number of two things, of which the first one stands before the other.
    pub fn get(&mut self, one: usize, two: usize, make: impl FnOnce() -> f64) -> f64 {
        match self.known.get_mut(one * self.size + two) {
            Some(known) if self.size > 0 => {
                if known.is_nan() {
                    *known = make();
                }
                *known
            }
            _ => make(),
        }
    }

    /// The thing has changed.
    pub fn forget(&mut self, one: usize) {
        for other in 0..self.size {
            for at in [one * self.size + other, other * self.size + one] {
                if let Some(known) = self.known.get_mut(at) {
                    *known = f64::NAN;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_worked_out_again_for_what_has_changed() {
        let mut pairs = Pairwise::of(3);
        assert_eq!((pairs.get(0, 1, || 1.0), pairs.get(0, 1, || 2.0), pairs.get(1, 2, || 3.0)), (1.0, 1.0, 3.0));
        pairs.forget(0);
        assert_eq!((pairs.get(0, 1, || 4.0), pairs.get(1, 2, || 5.0)), (4.0, 3.0));
        let mut many = Pairwise::of(MOST + 1);
        assert_eq!((many.get(0, 0, || 1.0), many.get(0, 0, || 2.0)), (1.0, 2.0));
    }
}
