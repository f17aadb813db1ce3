//! Runs many threads on one task, as many as the system allows.

use std::io;
use std::thread;

use memmap2::MmapMut;
use parking_lot::{Condvar, Mutex};

/// The result of running threads.
#[derive(Debug)]
pub struct Worked {
    /// How many threads worked.
    pub threads: usize,
    /// Why there were not more.
    pub refused: Option<io::Error>,
}

/// Runs `work` on `wanted` threads, and waits for them. If the system cannot start that many, half
/// of the started threads work: if there is no memory for a stack, there is little for the work of
/// the others. If none can be started, the calling thread does the work.
///
/// No thread starts its work before the number of threads is final and the surplus ones have ended,
/// since their stacks may leave no memory to work with.
///
/// # Panics
/// If `work` panics, once all threads have ended.
pub fn run(name: &str, wanted: usize, work: impl Fn(usize) + Sync) -> Worked {
    let gate = Gate::default();
    thread::scope(|scope| {
        let (mut threads, mut refused) = (Vec::new(), None);
        for number in 0..wanted {
            let (gate, work) = (&gate, &work);
            let begin = move || {
                if let Some(threads) = gate.admits(number) {
                    work(threads);
                }
            };
            let thread = thread::Builder::new().name(format!("{name}-{number}"));
            let started = look_for_room().and_then(|()| thread.spawn_scoped(scope, begin));
            match started {
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
            // It has done nothing that could panic.
            let _ = dismissed.join();
        }
        gate.set(State::Open(kept));
        if kept == 0 {
            work(1);
        }
        // The end of the scope waits for all threads, and passes on a panic.
        Worked {
            threads: kept.max(1),
            refused,
        }
    })
}

/// Address space that must stay free when a thread starts.
const RESERVE: usize = 64 << 20;

/// Checks that there is address space for more than the stack of another thread. If threads take the
/// last of it, the next allocation that fails ends the process.
///
/// # Errors
/// If there is not.
pub fn look_for_room() -> io::Result<()> {
    MmapMut::map_anon(RESERVE).map(drop)
}

/// Holds threads until it is known which of them work.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Closed,
    /// Threads from this number on end; the others still wait.
    Dismissing(usize),
    /// Threads below this number work.
    Open(usize),
}

impl Gate {
    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }

    /// Waits until it is known whether the thread `number` works; if it does, returns how many do.
    fn admits(&self, number: usize) -> Option<usize> {
        let mut state = self.state.lock();
        loop {
            match *state {
                State::Dismissing(kept) | State::Open(kept) if number >= kept => return None,
                State::Open(kept) => return Some(kept),
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
            let worked = run("test", wanted, |threads| {
                assert_eq!(threads, wanted.max(1));
                runs.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(runs.into_inner(), wanted.max(1));
            assert_eq!(worked.threads, wanted.max(1));
            assert!(worked.refused.is_none());
        }
        let panics = || run("test", 3, |_| panic!("on purpose"));
        assert!(std::panic::catch_unwind(panics).is_err());
    }

    #[test]
    fn those_that_are_too_many_end_first() {
        let gate = Gate::default();
        gate.set(State::Dismissing(2));
        assert!(gate.admits(2).is_none() && gate.admits(3).is_none());
        gate.set(State::Open(2));
        assert_eq!(
            [0, 1, 2].map(|number| gate.admits(number)),
            [Some(2), Some(2), None]
        );
    }
}
