//! Traces in the order in which they (or their roots) came. Those that left are skipped and swept away in time.

use std::collections::VecDeque;

/// A place in the table; the generation tells a trace from later ones in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub slot: u32,
    pub generation: u32,
}

/// The place of a trace, and when its root came.
#[derive(Debug, Clone, Copy)]
pub struct Rooted {
    pub ticket: Ticket,
    pub at: i64,
}

pub struct Queue<T> {
    waiting: VecDeque<T>,
    gone: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { waiting: VecDeque::new(), gone: 0 }
    }
}

/// So many may be gone before the queue is swept, whatever its length.
const SWEEP: usize = 64;

impl<T: Copy> Queue<T> {
    pub fn push(&mut self, entry: T) {
        self.waiting.push_back(entry);
    }

    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.waiting.iter().copied()
    }

    /// One of those waiting has left.
    pub fn left(&mut self) {
        self.gone += 1;
    }

    /// Takes away those that left, as far as that is cheap.
    pub fn sweep(&mut self, is_there: impl Fn(T) -> bool) {
        while let Some(&first) = self.waiting.front() {
            if is_there(first) {
                break;
            }
            self.waiting.pop_front();
            self.gone = self.gone.saturating_sub(1);
        }
        if self.gone > SWEEP && self.gone * 2 > self.waiting.len() {
            self.waiting.retain(|&entry| is_there(entry));
            self.waiting.shrink_to(self.waiting.len() * 2);
            self.gone = 0;
        }
    }
}
