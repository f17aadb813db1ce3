//! Work for threads: what is asked for goes before what may be asked for next.

use std::collections::VecDeque;

use crate::sync::{Condvar, Mutex, held};

/// What is done first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for it.
    Demand,
    /// Somebody may ask for it soon.
    Ahead,
}

/// A queue with two priorities.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    demand: VecDeque<T>,
    ahead: VecDeque<T>,
    /// Threads that are at work.
    busy: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                demand: VecDeque::new(),
                ahead: VecDeque::new(),
                busy: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn push(&self, item: T, priority: Priority) {
        let mut state = held(&self.state);
        match priority {
            Priority::Demand => state.demand.push_back(item),
            Priority::Ahead => state.ahead.push_back(item),
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for the next item; `None` when the queue is closed. The caller is taken to be busy with
    /// it until it says [`Self::done`].
    pub(super) fn next(&self) -> Option<T> {
        let mut state = held(&self.state);
        loop {
            if state.closed {
                return None;
            }
            let demand = state.demand.pop_front();
            let next = demand.or_else(|| state.ahead.pop_front());
            if next.is_some() {
                state.busy += 1;
                return next;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    pub(super) fn done(&self) {
        held(&self.state).busy -= 1;
    }

    /// Items that wait, and threads that are at work.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = held(&self.state);
        (state.demand.len() + state.ahead.len(), state.busy)
    }

    /// Lets every thread end.
    pub(super) fn close(&self) {
        held(&self.state).closed = true;
        self.changed.notify_all();
    }
}

impl<T: PartialEq> Queue<T> {
    /// Somebody waits now for what was only [`Priority::Ahead`].
    pub(super) fn promote(&self, item: &T) {
        let mut state = held(&self.state);
        if let Some(at) = state.ahead.iter().position(|waiting| waiting == item) {
            let item = state.ahead.remove(at);
            state.demand.extend(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Item;

    #[test]
    fn what_is_asked_for_goes_first() {
        let queue = Queue::new();
        let [a, b, c] = [0, 1, 2].map(|number| Item::image(0, number));
        queue.push(a, Priority::Ahead);
        queue.push(b, Priority::Ahead);
        queue.push(c, Priority::Demand);
        queue.promote(&b);
        let order: Vec<Item> = (0..3).filter_map(|_| queue.next()).collect();
        assert_eq!(order, [c, b, a]);
        assert_eq!(queue.load(), (0, 3));
        queue.done();
        queue.close();
        assert_eq!((queue.next(), queue.load().1), (None, 2));
    }
}
