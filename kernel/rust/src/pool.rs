//! Threads that do work, and a pipe that can be read as long as there is finished work to fetch.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::program::lock;

type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// What became of work: its ticket and its result; None when it panicked.
pub type Finished<T> = (u64, Option<T>);

/// A fixed number of threads that work in the order of submission.
pub struct Pool<T> {
    shared: Arc<Shared<T>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared<T> {
    waiting: Mutex<Waiting<T>>,
    come: Condvar,
    done: Mutex<Done<T>>,
}

struct Waiting<T> {
    work: VecDeque<(u64, Work<T>)>,
    tickets: u64,
    closed: bool,
}

struct Done<T> {
    finished: Vec<Finished<T>>,
    /// There is one byte in the pipe exactly when `finished` is not empty, so neither end ever blocks.
    bell: PipeWriter,
    heard: PipeReader,
}

impl<T: Send + 'static> Pool<T> {
    /// Starts the threads; the error is that of the system, which has no more of them or no pipe.
    pub fn new(threads: usize, name: &str) -> io::Result<Pool<T>> {
        let (heard, bell) = io::pipe()?;
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting { work: VecDeque::new(), tickets: 0, closed: false }),
            come: Condvar::new(),
            done: Mutex::new(Done { finished: Vec::new(), bell, heard }),
        });
        let pool = Pool { shared, threads: Mutex::default() };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("{name}-{number}")).spawn(move || shared.serve())?;
            lock(&pool.threads).push(thread);
        }
        Ok(pool)
    }

    /// Takes work and returns its ticket, one more than the last; None after `close`.
    pub fn submit(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<u64> {
        let mut waiting = lock(&self.shared.waiting);
        if waiting.closed {
            return None;
        }
        let ticket = waiting.tickets;
        waiting.tickets += 1;
        waiting.work.push_back((ticket, Box::new(work)));
        drop(waiting);
        self.shared.come.notify_one();
        Some(ticket)
    }

    /// What has been finished since the last call, in the order in which it was.
    pub fn finished(&self) -> Vec<Finished<T>> {
        let mut done = lock(&self.shared.done);
        let finished = std::mem::take(&mut done.finished);
        if !finished.is_empty() {
            let _ = done.heard.read(&mut [0]);
        }
        finished
    }

    /// Looks at the end of the pipe that can be read while there is something to fetch.
    pub fn heard<R>(&self, look: impl FnOnce(&PipeReader) -> R) -> R {
        look(&lock(&self.shared.done).heard)
    }
}

impl<T> Pool<T> {
    /// Ends the threads and waits for them; what has not been begun is given up.
    pub fn close(&self) {
        let mut waiting = lock(&self.shared.waiting);
        waiting.closed = true;
        let given_up = std::mem::take(&mut waiting.work);
        drop(waiting);
        drop(given_up);
        self.shared.come.notify_all();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            let _ = thread.join();
        }
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> Shared<T> {
    fn serve(&self) {
        while let Some((ticket, work)) = self.next() {
            // What a walk shares with others is left whole by a panic: see `program::lock`.
            let result = catch_unwind(AssertUnwindSafe(work)).ok();
            self.finish(ticket, result);
        }
    }

    fn next(&self) -> Option<(u64, Work<T>)> {
        let mut waiting = lock(&self.waiting);
        loop {
            if let Some(next) = waiting.work.pop_front() {
                return Some(next);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.come.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, ticket: u64, result: Option<T>) {
        let mut done = lock(&self.done);
        done.finished.push((ticket, result));
        if done.finished.len() == 1 {
            let _ = done.bell.write(&[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn all<T: Send + 'static>(pool: &Pool<T>, count: usize) -> Vec<Finished<T>> {
        let mut found = Vec::new();
        while found.len() < count {
            found.append(&mut pool.finished());
            thread::yield_now();
        }
        found
    }

    #[test]
    fn everything_comes_back_once() {
        let pool = Pool::new(3, "test").unwrap();
        let tickets: Vec<_> = (0..500_u64).filter_map(|number| pool.submit(move || number * 2)).collect();
        let mut found = all(&pool, 500);
        found.sort_unstable();
        assert_eq!(tickets, (0..500).collect::<Vec<_>>());
        assert_eq!(found, (0..500).map(|number| (number, Some(number * 2))).collect::<Vec<_>>());
        assert!(pool.finished().is_empty());
    }

    #[test]
    fn a_panic_is_told_and_the_thread_goes_on() {
        let pool = Pool::new(1, "test").unwrap();
        pool.submit(|| -> u8 { panic!("on purpose") });
        pool.submit(|| 7);
        assert_eq!(all(&pool, 2), [(0, None), (1, Some(7))]);
    }

    #[test]
    fn closing_waits_for_what_runs_and_gives_up_the_rest() {
        let pool = Pool::new(1, "test").unwrap();
        let (begun, wait) = channel();
        let (go_on, until) = channel::<()>();
        pool.submit(move || {
            begun.send(()).unwrap();
            until.recv().is_ok()
        });
        pool.submit(|| true);
        wait.recv().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| pool.close());
            while pool.submit(|| true).is_some() {
                thread::yield_now();
            }
            go_on.send(()).unwrap();
        });
        assert_eq!(pool.finished(), [(0, Some(true))]);
    }
}
