//! Locks whose holder may have panicked, and the seam of model checking.
//!
//! Modules whose interleavings are checked (`serve::flights`, `serve::queue`, `store::cache::order` and
//! what locks it) take their locks from here. They are those of std, but with the feature `model-check`
//! those of shuttle, which tries out the orders in which threads can meet. All other modules use
//! `std::sync`.

#[cfg(not(feature = "model-check"))]
pub use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(feature = "model-check")]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard};

/// Locks `mutex`. What it guards is kept whole between statements everywhere in this crate, so a
/// panic elsewhere is no reason to stop serving.
#[cfg(not(feature = "model-check"))]
pub fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// As without the feature, for locks of either kind.
#[cfg(feature = "model-check")]
pub fn held<L: Lock + ?Sized>(mutex: &L) -> L::Guard<'_> {
    mutex.locked()
}

/// A lock of std or of shuttle.
#[cfg(feature = "model-check")]
pub trait Lock {
    type Guard<'a>
    where
        Self: 'a;

    fn locked(&self) -> Self::Guard<'_>;
}

#[cfg(feature = "model-check")]
impl<T: ?Sized> Lock for std::sync::Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn locked(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(feature = "model-check")]
impl<T: ?Sized> Lock for Mutex<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn locked(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(feature = "model-check")]
impl<L: Lock + ?Sized> Lock for std::sync::Arc<L> {
    type Guard<'a>
        = L::Guard<'a>
    where
        L: 'a;

    fn locked(&self) -> Self::Guard<'_> {
        L::locked(self)
    }
}

#[cfg(feature = "model-check")]
impl<L: Lock + ?Sized> Lock for &L {
    type Guard<'a>
        = L::Guard<'a>
    where
        Self: 'a;

    fn locked(&self) -> Self::Guard<'_> {
        L::locked(self)
    }
}
