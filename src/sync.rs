//! Locks whose holder may have panicked.

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`. What it guards is kept whole between statements everywhere in this crate, so a
/// panic elsewhere is no reason to stop serving.
pub fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
