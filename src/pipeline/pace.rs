//! Whether what is looked up without waiting is found so fast that it is cheaper than to wake another
//! thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a look may take: a metadata call, a look into the book, a file read from memory.
const FAST: Duration = Duration::from_millis(2);

/// After a slow one, so many are left to other threads.
const PAUSE: u32 = 256;

/// Watches how long looks take.
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

    /// Whether the next look may be done on the thread that asks.
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
