//! Many threads at one piece of work, as many as the system gives.

use std::io;
use std::thread;

use parking_lot::{Condvar, Mutex};

/// What came of threads that were wanted.
#[derive(Debug)]
pub struct Worked {
    /// How many were at work.
    pub threads: usize,
    /// Why there were no more.
    pub refused: Option<io::Error>,
}

/// Has `wanted` threads do `work`, and waits for them. Where the system starts no more, half of those
/// that it started go on: where there is no room for a stack, there is little for the work of the others. If
/// there are none, the thread that calls does it.
///
/// None begins before it is known how many there are, and those that are too many have ended: meanwhile,
/// their stacks may leave no memory to work with.
///
/// # Panics
/// When `work` does, once all have ended.
pub fn run(name: &str, wanted: usize, work: impl Fn() + Sync) -> Worked {
    let gate = Gate::default();
    thread::scope(|scope| {
        let (mut threads, mut refused) = (Vec::new(), None);
        for number in 0..wanted {
            let (gate, work) = (&gate, &work);
            let begin = move || {
                if gate.admits(number) {
                    work();
                }
            };
            let thread = thread::Builder::new().name(format!("{name}-{number}"));
            match thread.spawn_scoped(scope, begin) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let kept = if refused.is_some() {
            threads.len() / 2
        } else {
            threads.len()
        };
        gate.set(State::Dismissing(kept));
        for dismissed in threads.drain(kept..) {
            // It has done nothing, and so nothing that could panic.
            let _ = dismissed.join();
        }
        gate.set(State::Open(kept));
        if kept == 0 {
            work();
        }
        // The end of the scope waits for all, and passes a panic on.
        Worked {
            threads: kept.max(1),
            refused,
        }
    })
}

/// Where threads wait until it is known who works.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Closed,
    /// The threads from this number on end; the others still wait.
    Dismissing(usize),
    /// The threads below this number work.
    Open(usize),
}

impl Gate {
    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }

    /// Waits, and says whether the thread `number` is to work.
    fn admits(&self, number: usize) -> bool {
        let mut state = self.state.lock();
        loop {
            match *state {
                State::Dismissing(kept) | State::Open(kept) if number >= kept => return false,
                State::Open(_) => return true,
                State::Closed | State::Dismissing(_) => {}
            }
            self.changed.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn each_thread_works_once_and_a_panic_is_passed_on() {
        for wanted in [0, 1, 7] {
            let runs = AtomicUsize::new(0);
            let worked = run("test", wanted, || {
                runs.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(runs.into_inner(), wanted.max(1));
            assert_eq!(worked.threads, wanted.max(1));
            assert!(worked.refused.is_none());
        }
        let panics = || run("test", 3, || panic!("on purpose"));
        assert!(std::panic::catch_unwind(panics).is_err());
    }

    #[test]
    fn those_that_are_too_many_end_first() {
        let gate = Gate::default();
        gate.set(State::Dismissing(2));
        assert!(!gate.admits(2) && !gate.admits(3));
        gate.set(State::Open(2));
        assert!(gate.admits(0) && gate.admits(1) && !gate.admits(2));
    }
}
