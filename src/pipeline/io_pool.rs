//! Threads that may wait for a disk or a network, however long.
//!
//! Every root has its own pool, so that a server that is down delays only the readers of its own
//! files. Threads start on demand, up to a limit, and end after some time without work; the first
//! one stays.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::queue::{Priority, Queue};

/// How long a thread other than the first waits for work.
const IDLE: Duration = Duration::from_secs(20);

type Run<T> = Box<dyn Fn(T) + Send + Sync>;

/// A queue and the threads that process it.
pub struct IoPool<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    name: String,
    /// Maximum number of threads.
    most: usize,
    queue: Queue<T>,
    run: OnceLock<Run<T>>,
    threads: Mutex<usize>,
    ended: Condvar,
}

impl<T: Send + 'static> IoPool<T> {
    /// A pool without threads yet; `name` is the name of its threads.
    pub fn new(name: impl Into<String>, most: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                most,
                queue: Queue::new(),
                run: OnceLock::new(),
                threads: Mutex::new(0),
                ended: Condvar::new(),
            }),
        }
    }

    /// Starts the first thread. `run` processes one item; if it panics, its item is dropped.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(&self, run: impl Fn(T) + Send + Sync + 'static) -> io::Result<()> {
        // A second call has no effect.
        let _ = self.shared.run.set(Box::new(run));
        *self.shared.threads.lock() += 1;
        self.shared.spawn(None)
    }

    pub fn push(&self, item: T, priority: Priority) {
        if self.shared.queue.push(item, priority) {
            self.shared.add_thread();
        }
    }

    /// Raises an item from [`Priority::Ahead`], because a reader waits for it now.
    pub fn promote(&self, is_wanted: impl Fn(&T) -> bool) {
        self.shared.queue.promote(is_wanted);
    }

    /// The number of waiting items, and of busy threads.
    pub fn load(&self) -> (usize, usize) {
        self.shared.queue.load()
    }

    /// Makes every thread end after its current item.
    pub fn close(&self) {
        self.shared.queue.close();
    }

    /// Waits until all threads have ended; false if one has not by `deadline`.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let mut threads = self.shared.threads.lock();
        while *threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.shared.ended.wait_for(&mut threads, left);
        }
        true
    }
}

impl<T: Send + 'static> Shared<T> {
    /// Starts another thread if the limit allows it.
    fn add_thread(self: &Arc<Self>) {
        {
            let mut threads = self.threads.lock();
            if *threads >= self.most {
                return;
            }
            *threads += 1;
        }
        if let Err(error) = self.spawn(Some(IDLE)) {
            // The existing threads will do it.
            tracing::debug!("no further thread {}: {error}", self.name);
        }
    }

    /// Starts a thread that is counted already.
    fn spawn(self: &Arc<Self>, idle: Option<Duration>) -> io::Result<()> {
        let shared = Arc::clone(self);
        let started = thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                while let Some((item, _)) = shared.queue.next(idle) {
                    shared.run(item);
                    shared.queue.done();
                }
                shared.leave();
                // An item pushed before this thread left may have found the limit reached.
                if shared.queue.load().0 > 0 {
                    shared.add_thread();
                }
            });
        if started.is_err() {
            self.leave();
        }
        started.map(drop)
    }

    fn run(&self, item: T) {
        let Some(run) = self.run.get() else { return };
        // A panic has been logged; whoever waits for the item gets an error when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| run(item)));
    }

    fn leave(&self) {
        *self.threads.lock() -= 1;
        self.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::mpsc;

    #[test]
    fn threads_come_as_they_are_needed_up_to_the_limit() {
        let pool = IoPool::new("test", 3);
        let (sender, receiver) = mpsc::channel();
        // All three must exist at the same time.
        let barrier = Arc::new(Barrier::new(3));
        pool.start(move |number: u32| {
            if number < 3 {
                barrier.wait();
            }
            sender.send(number).unwrap();
        })
        .unwrap();
        for number in 0..10 {
            pool.push(number, Priority::Demand);
        }
        let mut done: Vec<u32> = (0..10).map(|_| receiver.recv().unwrap()).collect();
        done.sort_unstable();
        assert_eq!(done, (0..10).collect::<Vec<_>>());
        assert!(*pool.shared.threads.lock() <= 3);
        pool.close();
        assert!(pool.wait_until(Instant::now() + Duration::from_secs(60)));
    }

    #[test]
    fn a_thread_that_hangs_is_not_waited_for_longer_than_wanted() {
        let pool = IoPool::new("test", 1);
        let (release, hangs) = mpsc::channel::<()>();
        let hangs = Mutex::new(hangs);
        pool.start(move |()| {
            let _ = hangs.lock().recv();
        })
        .unwrap();
        pool.push((), Priority::Demand);
        while pool.load() != (0, 1) {
            thread::yield_now();
        }
        pool.close();
        assert!(!pool.wait_until(Instant::now() + Duration::from_millis(20)));
        drop(release);
        assert!(pool.wait_until(Instant::now() + Duration::from_secs(60)));
    }
}
