//! How much the disk takes, and when it says that it is full.

use std::sync::{Mutex, MutexGuard};

use rustix::io::Errno;

/// Which call gets the error of bytes that were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The write itself.
    Write,
    /// The first fsync or close after it, as on NFS.
    Close,
    /// The first fsync after it; a close says that all is well, as on a local disk.
    Fsync,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    bytes: u64,
    errno: Errno,
    told: Told,
}

/// A budget of bytes for everything that is written.
#[derive(Debug, Default)]
pub struct Space {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was written less what was removed. Below zero where files of before were removed.
    used: i64,
    limit: Option<Limit>,
    /// Total and free bytes as statfs tells them.
    told: Option<(u64, u64)>,
}

impl Space {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// From now on `bytes` more can be written, and as many as are freed meanwhile.
    pub fn limit(&self, bytes: u64, errno: Errno, told: Told) {
        let mut state = self.state();
        state.used = 0;
        state.limit = Some(Limit { bytes, errno, told });
    }

    pub fn unlimit(&self) {
        let mut state = self.state();
        state.limit = None;
        state.told = None;
    }

    /// What statfs says from now on, in bytes. Otherwise it tells the limit, or else the truth.
    pub fn tell(&self, total: u64, free: u64) {
        self.state().told = Some((total, free));
    }

    /// Total and free bytes for statfs, if they are not those of the folder below.
    pub(super) fn told(&self) -> Option<(u64, u64)> {
        let state = self.state();
        state.told.or_else(|| {
            let limit = state.limit?;
            let used = u64::try_from(state.used).unwrap_or(0);
            Some((limit.bytes, limit.bytes.saturating_sub(used)))
        })
    }

    /// Takes room for `bytes` more.
    pub(super) fn take(&self, bytes: u64) -> Result<(), (Errno, Told)> {
        let mut state = self.state();
        let used = state.used.saturating_add_unsigned(bytes);
        match state.limit {
            Some(limit) if bytes > 0 && used > limit.bytes.cast_signed() => {
                Err((limit.errno, limit.told))
            }
            _ => {
                state.used = used;
                Ok(())
            }
        }
    }

    pub(super) fn give_back(&self, bytes: u64) {
        let mut state = self.state();
        state.used = state.used.saturating_sub_unsigned(bytes);
    }
}
