//! Busy-polls for the next request.
//!
//! Waking a sleeping thread on another processor takes 50 to 100 microseconds on virtual machines,
//! longer than answering most requests, and a reader's requests follow each other quickly: OPEN,
//! IOCTL, RELEASE, the next OPEN. So the thread that takes requests polls for the next one for a
//! moment before it sleeps, as hypervisors and network drivers do. It learns after which requests
//! that pays off. It does not poll while images are being rendered, which need the processors more.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long to poll: longer than waking a reader takes on a busy host. A reader that decodes what
/// it has read stays away for longer.
const LIMIT: Duration = Duration::from_millis(1);

/// Highest score of a [`Habit`]. Each failure takes one away; below zero, only every [`PROBE`]th
/// time is tried.
const CONFIDENCE: i32 = 8;
const PROBE: i32 = 16;

/// The request that was just answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Lookup,
    Getattr,
    Open,
    Read,
    Ioctl,
    Release,
}

/// Whether polling has paid off after one kind of request.
#[derive(Debug, Default)]
struct Habit {
    score: AtomicI32,
    skipped: AtomicI32,
}

/// Polls for requests. Only one thread may take requests: a second one would sleep, and each
/// request would wake it.
#[derive(Debug, Default)]
pub(super) struct BusyPoll {
    device: OnceLock<OwnedFd>,
    habits: [Habit; 6],
}

impl BusyPoll {
    /// Call this once, with the device that requests are read from. With one processor this has no
    /// effect, since polling would keep the reader from running.
    pub(super) fn begin(&self, device: OwnedFd) {
        if thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
            // A second call has no effect.
            let _ = self.device.set(device);
        }
    }

    /// Returns when there is a request, or when none is expected soon.
    pub(super) fn wait(&self, after: After) {
        let Some(device) = self.device.get() else {
            return;
        };
        let habit = &self.habits[after as usize];
        if !habit.is_worth_trying() {
            return;
        }
        let started = Instant::now();
        loop {
            let mut devices = [PollFd::new(device, PollFlags::IN)];
            match poll(&mut devices, Some(&Timespec::default())) {
                Ok(0) if started.elapsed() < LIMIT => std::hint::spin_loop(),
                Ok(0) => return habit.learn(false),
                _ => return habit.learn(true),
            }
        }
    }
}

impl Habit {
    fn is_worth_trying(&self) -> bool {
        self.score.load(Ordering::Relaxed) >= 0
            || self.skipped.fetch_add(1, Ordering::Relaxed) % PROBE == 0
    }

    fn learn(&self, paid: bool) {
        let score = self.score.load(Ordering::Relaxed);
        let score = if paid {
            (score + 1).clamp(CONFIDENCE / 2, CONFIDENCE)
        } else {
            (score - 1).max(-1)
        };
        self.score.store(score, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_pays_is_tried_seldom_and_learnt_again() {
        let habit = Habit::default();
        let tries = |paid: bool| {
            let tried = (0..640).filter(|_| {
                let tried = habit.is_worth_trying();
                if tried {
                    habit.learn(paid);
                }
                tried
            });
            tried.count()
        };
        assert!(tries(false) < 50);
        assert!(tries(true) > 600);
        assert_eq!(tries(true), 640);
    }
}
