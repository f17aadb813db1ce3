//! Decides whether lookups that do not wait are fast enough to be cheaper than waking another
//! thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a lookup may take: a metadata call, a query of the record database, a file read from
/// memory.
const FAST: Duration = Duration::from_millis(2);

/// After a slow lookup, leave this many to other threads.
const PAUSE: u32 = 256;

/// Measures how long lookups take.
#[derive(Debug)]
pub struct Pace {
    pause: AtomicU32,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            pause: AtomicU32::new(0),
        }
    }

    /// Whether the calling thread may do the next lookup.
    pub fn is_fast(&self) -> bool {
        let left = self.pause.load(Ordering::Relaxed);
        if left > 0 {
            self.pause.store(left - 1, Ordering::Relaxed);
        }
        left == 0
    }

    pub fn measure(&self, look: impl FnOnce()) {
        let started = Instant::now();
        look();
        if started.elapsed() > FAST {
            self.pause.store(PAUSE, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_look_makes_the_next_ones_go_aside() {
        let pace = Pace::new();
        assert!(pace.is_fast());
        pace.measure(|| {});
        assert!(pace.is_fast());
        pace.measure(|| std::thread::sleep(FAST));
        let aside = (0..1000).filter(|_| !pace.is_fast()).count();
        assert_eq!(aside, PAUSE as usize);
    }
}
