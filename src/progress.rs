//! Shows the progress of a dataset: a bar on a terminal, otherwise a plain line now and then (for a
//! log file).

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

/// Time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Images,
    Files,
}

impl Unit {
    fn words(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Files => "files",
        }
    }
}

/// Progress of one dataset on standard error.
pub struct Progress {
    name: &'static str,
    unit: &'static str,
    total: u32,
    started: Instant,
    done: AtomicU32,
    rendered: AtomicU32,
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    Lines { last: Mutex<Instant> },
}

impl Progress {
    /// Progress over `total` images of the dataset `name`.
    pub fn new(name: &'static str, total: u32) -> Self {
        Self::of(name, total, Unit::Images)
    }

    /// Progress over `total` items of this unit.
    pub fn of(name: &'static str, total: u32, unit: Unit) -> Self {
        let display = if std::io::stderr().is_terminal() {
            Display::Bar(bar(name, total))
        } else {
            Display::Lines {
                last: Mutex::new(Instant::now()),
            }
        };
        let started = Instant::now();
        let (done, rendered) = Default::default();
        Self {
            name,
            unit: unit.words(),
            total,
            started,
            done,
            rendered,
            display,
        }
    }

    /// Counts one more image; `rendered` is false for one that was skipped or failed.
    pub fn advance(&self, rendered: bool) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let rendered = self
            .rendered
            .fetch_add(u32::from(rendered), Ordering::Relaxed)
            + u32::from(rendered);
        match &self.display {
            Display::Bar(bar) => {
                bar.inc(1);
                let unit = self.unit;
                bar.set_message(format!("{:.1} {unit}/s", self.rate(rendered)));
            }
            Display::Lines { last } => {
                // If another thread has the lock, it prints the line.
                let Some(mut last) = last.try_lock() else {
                    return;
                };
                if last.elapsed() >= PLAIN_INTERVAL {
                    *last = Instant::now();
                    say(&self.line(done, rendered));
                }
            }
        }
    }

    fn rate(&self, images: u32) -> f64 {
        f64::from(images) / self.started.elapsed().as_secs_f64().max(1e-3)
    }

    fn line(&self, done: u32, rendered: u32) -> String {
        let left = f64::from(self.total.saturating_sub(done)) / self.rate(done).max(1e-9);
        let eta = HumanDuration(Duration::try_from_secs_f64(left).unwrap_or_default());
        let counted = self.counted(done, rendered);
        format!("{counted}, about {eta} left")
    }

    fn counted(&self, done: u32, rendered: u32) -> String {
        let (name, total, rate) = (self.name, self.total, self.rate(rendered));
        let unit = self.unit;
        format!("{name}: {done} of {total} {unit}, {rate:.1} {unit}/s")
    }

    /// Ends the display: the dataset is done, or the run ended.
    pub fn finish(&self) {
        match &self.display {
            Display::Bar(bar) => bar.abandon(),
            Display::Lines { last } => {
                // Waits for a line that is being printed, so that nothing follows the last one.
                let _last = last.lock();
                let (done, rendered) = (
                    self.done.load(Ordering::Relaxed),
                    self.rendered.load(Ordering::Relaxed),
                );
                say(&self.counted(done, rendered));
            }
        }
    }
}

/// Ignores errors: a closed standard error is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn bar(name: &'static str, total: u32) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(8);
    let bar = ProgressBar::with_draw_target(Some(u64::from(total)), target).with_prefix(name);
    let template = "{prefix:>11} {wide_bar:.cyan/dim} {pos}/{len}  {msg}  {eta}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━╸─")),
        Err(_) => bar,
    }
}
