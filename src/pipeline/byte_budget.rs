//! Limits how many bytes of sources may wait in memory for a worker.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// A number of bytes that all roots share. Each root may always use its part of it, and one source
/// of any size: a root that does not answer must not block the others, whatever it holds.
#[derive(Debug)]
pub struct ByteBudget {
    limit: u64,
    /// Bytes in use, by root.
    used: Mutex<Vec<u64>>,
    freed: Condvar,
}

/// Bytes in use until this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<ByteBudget>,
    root: usize,
    bytes: u64,
}

impl ByteBudget {
    pub fn new(limit: u64, roots: usize) -> Self {
        Self {
            limit,
            used: Mutex::new(vec![0; roots]),
            freed: Condvar::new(),
        }
    }

    /// Waits until `root` may use `bytes`: until that many are left in total or of its own part, or
    /// until it uses none.
    pub fn take(self: &Arc<Self>, root: usize, bytes: u64) -> Share {
        let mut used = self.used.lock();
        loop {
            let all = used
                .iter()
                .fold(bytes, |sum, used| sum.saturating_add(*used));
            let of_root = used.get(root).copied().unwrap_or(0);
            let own = self.limit / used.len().max(1) as u64;
            if of_root == 0 || all <= self.limit || of_root.saturating_add(bytes) <= own {
                break;
            }
            self.freed.wait(&mut used);
        }
        // An empty source counts as one byte.
        let bytes = bytes.max(1);
        if let Some(used) = used.get_mut(root) {
            *used = used.saturating_add(bytes);
        }
        Share {
            budget: Arc::clone(self),
            root,
            bytes,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(used) = self.budget.used.lock().get_mut(self.root) {
            *used = used.saturating_sub(self.bytes);
        }
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_root_may_always_use_some_and_more_only_within_the_limit() {
        let budget = Arc::new(ByteBudget::new(10, 2));
        let large = budget.take(0, 1000);
        // Another root has its own part.
        drop(budget.take(1, 5));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(budget.take(0, 1)));
            thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(large);
            waiting.join().unwrap();
        });
        let all = (budget.take(0, 4), budget.take(1, 4), budget.take(0, 2));
        assert_eq!(*budget.used.lock(), [6, 4]);
        drop(all);
        assert_eq!(*budget.used.lock(), [0, 0]);
    }
}
