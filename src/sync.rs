//! Locks for model checking.
//!
//! Modules whose interleavings are checked (`pipeline::flights`, `pipeline::queue`,
//! `store::cache::lru` and the modules that lock it) take their locks from here. These are the
//! locks of `parking_lot`, or, with the feature `model-check`, those of shuttle, which tries out
//! thread interleavings. All other modules use `parking_lot`.

#[cfg(not(feature = "model-check"))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};

#[cfg(feature = "model-check")]
pub use checked::{Condvar, Mutex, MutexGuard};

/// The locks of shuttle, with the methods of `parking_lot`.
#[cfg(feature = "model-check")]
mod checked {
    use std::ops::{Deref, DerefMut};
    use std::time::Duration;

    #[derive(Debug, Default)]
    pub struct Mutex<T>(shuttle::sync::Mutex<T>);

    /// Empty only while waiting for a [`Condvar`].
    pub struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

    #[derive(Debug, Default)]
    pub struct Condvar(shuttle::sync::Condvar);

    /// The result of a wait.
    pub struct Waited(bool);

    impl Waited {
        pub fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl<T> Mutex<T> {
        pub const fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> MutexGuard<'_, T> {
            let locked = self.0.lock();
            MutexGuard(Some(
                locked.unwrap_or_else(|poisoned| poisoned.into_inner()),
            ))
        }

        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0
                .try_lock()
                .ok()
                .map(|locked| MutexGuard(Some(locked)))
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            match &self.0 {
                Some(locked) => locked,
                None => unreachable!("a guard is used while it waits"),
            }
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            match &mut self.0 {
                Some(locked) => locked,
                None => unreachable!("a guard is used while it waits"),
            }
        }
    }

    impl Condvar {
        pub fn new() -> Self {
            Self::default()
        }

        pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            if let Some(locked) = guard.0.take() {
                let waited = self.0.wait(locked);
                guard.0 = Some(waited.unwrap_or_else(|poisoned| poisoned.into_inner()));
            }
        }

        /// Like `wait`, for at most `limit`.
        pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, limit: Duration) -> Waited {
            let Some(locked) = guard.0.take() else {
                return Waited(false);
            };
            let waited = self.0.wait_timeout(locked, limit);
            let (locked, result) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            guard.0 = Some(locked);
            Waited(result.timed_out())
        }

        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
