//! Work for threads: items that a reader waits for go before those that may be requested next.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// The order in which items are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A reader waits for it.
    Demand,
    /// A reader may request it soon.
    Ahead,
}

/// A queue with two priorities.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    demand: VecDeque<T>,
    ahead: VecDeque<T>,
    /// Number of threads at work.
    busy: usize,
    /// Number of threads that wait for work.
    idle: usize,
    closed: bool,
}

impl<T> State<T> {
    fn len(&self) -> usize {
        self.demand.len() + self.ahead.len()
    }

    /// Takes the next item, and counts the caller as busy.
    fn take(&mut self) -> Option<(T, Priority)> {
        let demand = self.demand.pop_front().map(|item| (item, Priority::Demand));
        let next = demand.or_else(|| Some((self.ahead.pop_front()?, Priority::Ahead)));
        self.busy += usize::from(next.is_some());
        next
    }
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                demand: VecDeque::new(),
                ahead: VecDeque::new(),
                busy: 0,
                idle: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds an item. True if more items than threads are waiting, so that another thread would
    /// help.
    pub fn push(&self, item: T, priority: Priority) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            // Drop the item without the lock: if it is a closure, its waiter gets an error.
            drop(state);
            return false;
        }
        match priority {
            Priority::Demand => state.demand.push_back(item),
            Priority::Ahead => state.ahead.push_back(item),
        }
        let lacks_threads = state.len() > state.idle;
        drop(state);
        self.changed.notify_one();
        lacks_threads
    }

    /// Waits for the next item; `None` if the queue is closed or nothing arrived within `limit`.
    /// The caller counts as busy until it calls [`Self::done`].
    pub fn next(&self, limit: Option<Duration>) -> Option<(T, Priority)> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(next) = state.take() {
                return Some(next);
            }
            // Counted under the lock that `push` holds when it checks, so that an item is never
            // left to a thread that has given up.
            state.idle += 1;
            let is_over = match limit {
                None => {
                    self.changed.wait(&mut state);
                    false
                }
                Some(limit) => self.changed.wait_for(&mut state, limit).timed_out(),
            };
            state.idle -= 1;
            if is_over && !state.closed && state.len() == 0 {
                return None;
            }
        }
    }

    pub fn done(&self) {
        self.state.lock().busy -= 1;
    }

    /// The number of waiting items, and of busy threads.
    pub fn load(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.len(), state.busy)
    }

    /// Makes every thread end; waiting items are dropped.
    pub fn close(&self) {
        let dropped = {
            let mut state = self.state.lock();
            state.closed = true;
            (
                std::mem::take(&mut state.demand),
                std::mem::take(&mut state.ahead),
            )
        };
        drop(dropped);
        self.changed.notify_all();
    }

    /// Raises an item from [`Priority::Ahead`], because a reader waits for it now.
    pub fn promote(&self, is_wanted: impl Fn(&T) -> bool) {
        let mut state = self.state.lock();
        if let Some(at) = state.ahead.iter().position(is_wanted) {
            let item = state.ahead.remove(at);
            state.demand.extend(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(queue: &Queue<char>) -> Option<(char, Priority)> {
        queue.next(Some(Duration::ZERO))
    }

    #[test]
    fn what_a_reader_waits_for_goes_first() {
        let queue = Queue::new();
        queue.push('a', Priority::Ahead);
        queue.push('b', Priority::Ahead);
        queue.push('c', Priority::Demand);
        queue.promote(|item| *item == 'b');
        let order: Vec<_> = (0..3).filter_map(|_| take(&queue)).collect();
        let expected = [
            ('c', Priority::Demand),
            ('b', Priority::Demand),
            ('a', Priority::Ahead),
        ];
        assert_eq!(order, expected);
        assert_eq!(queue.load(), (0, 3));
        queue.done();
        assert_eq!(take(&queue), None, "nothing to do");
        queue.push('d', Priority::Demand);
        queue.close();
        assert_eq!((take(&queue), queue.load().1), (None, 2));
    }

    #[test]
    fn threads_are_lacking_when_more_items_wait_than_threads() {
        let queue = Queue::new();
        assert!(queue.push(1, Priority::Demand));
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let first = queue.next(None);
                queue.done();
                (first, queue.next(None))
            });
            while queue.state.lock().idle == 0 {
                std::thread::yield_now();
            }
            assert!(!queue.push(2, Priority::Ahead));
            assert_eq!(taker.join().unwrap().1, Some((2, Priority::Ahead)));
        });
    }
}
