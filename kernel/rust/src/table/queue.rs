//! Traces in the order in which they (or their roots) came. Those that left are skipped and swept away in time.

use std::collections::VecDeque;

/// A place in the table; the generation tells a trace from later ones in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub slot: u32,
    pub generation: u32,
}

#[derive(Default)]
pub struct Queue {
    waiting: VecDeque<Ticket>,
    gone: usize,
}

/// So many may be gone before the queue is swept, whatever its length.
const SWEEP: usize = 64;

impl Queue {
    pub fn push(&mut self, ticket: Ticket) {
        self.waiting.push_back(ticket);
    }

    pub fn iter(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.waiting.iter().copied()
    }

    /// One of those waiting has left.
    pub fn left(&mut self) {
        self.gone += 1;
    }

    /// Takes away those that left, as far as that is cheap.
    pub fn sweep(&mut self, is_there: impl Fn(Ticket) -> bool) {
        while let Some(&first) = self.waiting.front() {
            if is_there(first) {
                break;
            }
            self.waiting.pop_front();
            self.gone = self.gone.saturating_sub(1);
        }
        if self.gone > SWEEP && self.gone * 2 > self.waiting.len() {
            self.waiting.retain(|&ticket| is_there(ticket));
            self.waiting.shrink_to(self.waiting.len() * 2);
            self.gone = 0;
        }
    }
}
