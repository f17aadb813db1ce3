//! How many bytes of sources may be in memory at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::sync::held;

/// Gives out a number of bytes.
#[derive(Debug)]
pub(super) struct ByteBudget {
    limit: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

/// Bytes that are in use until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl ByteBudget {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Waits until `bytes` may be used. More than there are at all may be used alone.
    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Share {
        let mut used = held(&self.used);
        while *used > 0 && used.saturating_add(bytes) > self.limit {
            used = self
                .freed
                .wait(used)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *used = used.saturating_add(bytes);
        Share {
            budget: Arc::clone(self),
            bytes,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = held(&self.budget.used);
        *used = used.saturating_sub(self.bytes);
        drop(used);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn one_always_fits_and_more_only_within_the_limit() {
        let budget = Arc::new(ByteBudget::new(10));
        let large = budget.take(1000);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(budget.take(1)));
            thread::sleep(std::time::Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(large);
            waiting.join().unwrap();
        });
        let both = (budget.take(4), budget.take(6));
        assert_eq!(*held(&budget.used), 10);
        drop(both);
        assert_eq!(*held(&budget.used), 0);
    }
}
