//! Which requests go wrong, and how. A test switches faults on and off while the mount is in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use rustix::io::Errno;

use super::space::{Space, Told};

/// The requests that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Lookup,
    Getattr,
    Setattr,
    Open,
    Create,
    Read,
    Write,
    /// FLUSH: what close(2) waits for.
    Close,
    Fsync,
    Rename,
    Unlink,
    Link,
    Mkdir,
    Rmdir,
    Readdir,
    Statfs,
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    Fail(Errno),
    Delay(Duration),
    Hang,
    Short,
    Lose(Errno, Told),
}

#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    Next(u64),
    Every(u64),
}

type PathTest = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Something that goes wrong: all requests, all paths, always, unless it is told otherwise.
pub struct Fault {
    effect: Effect,
    ops: Vec<Op>,
    path: PathTest,
    when: When,
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self {
            effect,
            ops: Vec::new(),
            path: Box::new(|_| true),
            when: When::Always,
        }
    }

    /// The request fails, and nothing is done.
    pub fn fail(errno: Errno) -> Self {
        Self::new(Effect::Fail(errno))
    }

    /// The request is answered later.
    pub fn delay(by: Duration) -> Self {
        Self::new(Effect::Delay(by))
    }

    /// The request is answered once the fault is over.
    pub fn hang() -> Self {
        Self::new(Effect::Hang)
    }

    /// A read or a write does half of what it was asked for. Files that are opened meanwhile are read
    /// without the page cache, which would take a short answer for the end of the file.
    pub fn short() -> Self {
        Self::new(Effect::Short)
    }

    /// A write says that it was done, and zeros are what becomes of its bytes; the error comes later,
    /// as on NFS, with quotas and when a disk fails.
    pub fn lose(errno: Errno, told: Told) -> Self {
        Self::new(Effect::Lose(errno, told)).on(&[Op::Write])
    }

    /// Only these requests.
    pub fn on(mut self, ops: &[Op]) -> Self {
        self.ops = ops.to_vec();
        self
    }

    /// Only paths, relative to the root, for which `test` holds. A renaming has two.
    pub fn at(mut self, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.path = Box::new(test);
        self
    }

    /// Only the next `count` requests that match.
    pub fn times(mut self, count: u64) -> Self {
        self.when = When::Next(count);
        self
    }

    /// Only every `nth` request that matches.
    pub fn every(mut self, nth: u64) -> Self {
        self.when = When::Every(nth);
        self
    }

    fn matches(&self, op: Op, paths: &[String]) -> bool {
        let is_of_kind = match self.effect {
            Effect::Short => matches!(op, Op::Read | Op::Write),
            _ => true,
        };
        is_of_kind
            && (self.ops.is_empty() || self.ops.contains(&op))
            && paths.iter().any(|path| (self.path)(path))
    }
}

struct Rule {
    id: u64,
    fault: Fault,
    matched: u64,
    hits: Arc<AtomicU64>,
}

/// What is to become of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict {
    pub(super) delay: Option<Duration>,
    /// Hangs until the rule of this number has gone.
    pub(super) hang: Option<u64>,
    pub(super) error: Option<Errno>,
    pub(super) is_short: bool,
    pub(super) lost: Option<(Errno, Told)>,
}

/// The faults of one mount.
#[derive(Default)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
    changed: Condvar,
    next_id: AtomicU64,
    hanging: AtomicU64,
    /// How much can be written.
    pub space: Space,
}

impl Faults {
    /// Switches a fault on until what is returned is dropped.
    #[must_use = "the fault is over when this is dropped"]
    pub fn add(self: &Arc<Self>, fault: Fault) -> ActiveFault {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let hits = Arc::default();
        let active = ActiveFault {
            faults: Arc::clone(self),
            id,
            hits: Arc::clone(&hits),
        };
        self.rules().push(Rule {
            id,
            fault,
            matched: 0,
            hits,
        });
        active
    }

    /// Switches everything off and answers all that hangs.
    pub fn clear(&self) {
        self.rules().clear();
        self.changed.notify_all();
        self.space.unlimit();
    }

    /// How many requests hang now.
    pub fn hanging(&self) -> u64 {
        self.hanging.load(Ordering::SeqCst)
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn remove(&self, id: u64) {
        self.rules().retain(|rule| rule.id != id);
        self.changed.notify_all();
    }

    /// Every fault that matches counts the request; the first of each kind has its effect.
    pub(super) fn judge(&self, op: Op, paths: impl FnOnce() -> Vec<String>) -> Verdict {
        let mut verdict = Verdict::default();
        let mut rules = self.rules();
        if rules.is_empty() {
            return verdict;
        }
        let paths = paths();
        for rule in rules.iter_mut() {
            if !rule.fault.matches(op, &paths) {
                continue;
            }
            rule.matched += 1;
            let applies = match rule.fault.when {
                When::Always => true,
                When::Next(count) => rule.matched <= count,
                When::Every(nth) => rule.matched % nth == 0,
            };
            if !applies {
                continue;
            }
            rule.hits.fetch_add(1, Ordering::SeqCst);
            match rule.fault.effect {
                Effect::Fail(errno) => verdict.error = verdict.error.or(Some(errno)),
                Effect::Delay(by) => verdict.delay = verdict.delay.or(Some(by)),
                Effect::Hang => verdict.hang = verdict.hang.or(Some(rule.id)),
                Effect::Short => verdict.is_short = true,
                Effect::Lose(errno, told) => verdict.lost = verdict.lost.or(Some((errno, told))),
            }
        }
        verdict
    }

    /// Whether reads or writes of a file may be short, so that it must be opened for that.
    pub(super) fn may_be_short(&self, path: &str) -> bool {
        self.rules()
            .iter()
            .any(|rule| matches!(rule.fault.effect, Effect::Short) && (rule.fault.path)(path))
    }

    /// Waits as long as the verdict says.
    pub(super) fn wait(&self, verdict: Verdict) {
        if let Some(delay) = verdict.delay {
            std::thread::sleep(delay);
        }
        let Some(id) = verdict.hang else { return };
        self.hanging.fetch_add(1, Ordering::SeqCst);
        let mut rules = self.rules();
        while rules.iter().any(|rule| rule.id == id) {
            rules = self
                .changed
                .wait(rules)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        drop(rules);
        self.hanging.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A fault that is switched on. Dropped, it is over: requests that hang by it are answered then.
pub struct ActiveFault {
    faults: Arc<Faults>,
    id: u64,
    hits: Arc<AtomicU64>,
}

impl ActiveFault {
    /// How many requests it has had an effect on.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for ActiveFault {
    fn drop(&mut self) {
        self.faults.remove(self.id);
    }
}
