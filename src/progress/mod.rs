//! Shows the progress of a command: bars on a terminal, otherwise a plain line now and then (for a
//! log file).

mod bars;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget};
use parking_lot::Mutex;

use bars::Bars;

pub use bars::above_bars;

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

/// Progress over several datasets: a line for all of them above one for each.
pub struct Overall {
    group: Arc<Group>,
    unit: Unit,
}

impl Overall {
    /// Progress over `total` images in this number of datasets.
    pub fn of_images(total: u64, datasets: usize) -> Self {
        let (unit, display) = (Unit::Images, Display::choose(total));
        // A line for all of one would only repeat it.
        let whole = (datasets > 1).then(|| display.meter("all", total, unit));
        let group = Arc::new(Group { display, whole });
        Self { group, unit }
    }

    /// Adds a dataset.
    pub fn dataset(&self, name: &'static str, total: u32) -> Progress {
        Progress::in_group(Arc::clone(&self.group), name, total.into(), self.unit)
    }
}

/// Removes the bars from the screen: the summary that follows says more.
impl Drop for Overall {
    fn drop(&mut self) {
        if let Display::Bars(bars) = &self.group.display {
            bars.clear();
        }
    }
}

/// Progress of one dataset on standard error.
pub struct Progress {
    group: Arc<Group>,
    meter: Meter,
}

impl Progress {
    /// Progress over `total` items of this unit.
    pub fn of(name: &'static str, total: impl Into<u64>, unit: Unit) -> Self {
        let total = total.into();
        let (display, whole) = (Display::choose(total), None);
        Self::in_group(Arc::new(Group { display, whole }), name, total, unit)
    }

    fn in_group(group: Arc<Group>, name: &'static str, total: u64, unit: Unit) -> Self {
        let meter = group.display.meter(name, total, unit);
        Self { group, meter }
    }

    /// Counts one more image; `rendered` is false for one that was skipped or failed.
    pub fn advance(&self, rendered: bool) {
        self.meter.advance(rendered);
        if let Some(whole) = &self.group.whole {
            whole.advance(rendered);
        }
        if let Display::Lines { last } = &self.group.display {
            // If another thread has the lock, it prints the line.
            let Some(mut last) = last.try_lock() else {
                return;
            };
            if last.elapsed() >= PLAIN_INTERVAL {
                *last = Instant::now();
                say(&line(&self.meter, self.group.whole.as_ref()));
            }
        }
    }

    /// Ends the display: the dataset is done, or the run ended.
    pub fn finish(&self) {
        match &self.group.display {
            Display::Bars(_) => self.meter.done.abandon(),
            Display::Lines { last } => {
                // Waits for a line that is being printed, so that nothing follows the last one.
                let _last = last.lock();
                say(&self.meter.counted(self.meter.average()));
            }
        }
    }
}

/// What is displayed together.
struct Group {
    display: Display,
    whole: Option<Meter>,
}

enum Display {
    Bars(Bars),
    Lines { last: Mutex<Instant> },
}

impl Display {
    /// How counts of up to `largest` are displayed.
    fn choose(largest: u64) -> Self {
        if bars::can_be_drawn() {
            return Self::Bars(Bars::new(largest));
        }
        Self::Lines {
            last: Mutex::new(Instant::now()),
        }
    }

    fn meter(&self, name: &'static str, total: u64, unit: Unit) -> Meter {
        let rendered = ProgressBar::hidden();
        let done = match self {
            Self::Bars(bars) => bars.add(name, total, unit.words(), rendered.clone()),
            Self::Lines { .. } => {
                ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            }
        };
        Meter {
            name,
            unit: unit.words(),
            done,
            rendered,
        }
    }
}

/// Counts what is done, and estimates rates and the time left from the last seconds.
struct Meter {
    name: &'static str,
    unit: &'static str,
    done: ProgressBar,
    /// Never drawn: most images of a run that goes on are skipped, which is many times faster.
    rendered: ProgressBar,
}

impl Meter {
    fn advance(&self, rendered: bool) {
        // First, since the other bar may be drawn with this number.
        if rendered {
            self.rendered.inc(1);
        }
        self.done.inc(1);
    }

    /// Rendered images per second since the beginning; `None` if there are none.
    fn average(&self) -> Option<f64> {
        let rendered = self.rendered.position();
        (rendered > 0).then(|| rendered as f64 / self.rendered.elapsed().as_secs_f64().max(1e-3))
    }

    /// Rendered images per second lately.
    fn rate(&self) -> Option<f64> {
        (self.rendered.position() > 0).then(|| self.rendered.per_sec())
    }

    fn counted(&self, rate: Option<f64>) -> String {
        let (name, unit) = (self.name, self.unit);
        let (done, total) = (
            HumanCount(self.done.position()),
            HumanCount(self.done.length().unwrap_or_default()),
        );
        let rate = rate.map_or_else(String::new, |rate| format!(", {rate:.1} {unit}/s"));
        format!("{name}: {done} of {total} {unit}{rate}")
    }
}

/// The line about a dataset in a log, and about the whole that it is a part of.
fn line(dataset: &Meter, whole: Option<&Meter>) -> String {
    let (start, meter) = match whole {
        None => (String::new(), dataset),
        Some(whole) => (format!("{}; ", dataset.counted(None)), whole),
    };
    let counted = meter.counted(meter.rate());
    match meter.done.eta() {
        Duration::ZERO => format!("{start}{counted}"),
        left => format!("{start}{counted}, about {} left", HumanDuration(left)),
    }
}

/// Ignores errors: a closed standard error is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(name: &'static str, total: u64) -> Meter {
        let last = Mutex::new(Instant::now());
        Display::Lines { last }.meter(name, total, Unit::Images)
    }

    #[test]
    fn skipped_images_have_no_rate() {
        let skipped = meter("brax", 2000);
        skipped.advance(false);
        assert_eq!(skipped.average(), None);
        assert_eq!(skipped.counted(skipped.rate()), "brax: 1 of 2,000 images");
        skipped.advance(true);
        assert!(skipped.counted(skipped.average()).ends_with(" images/s"));
    }

    #[test]
    fn a_line_in_a_log_tells_of_the_dataset_and_of_the_whole() {
        let (dataset, whole) = (meter("brax", 20), meter("all", 1000));
        for meter in [&dataset, &whole] {
            meter.advance(true);
        }
        let both = line(&dataset, Some(&whole));
        let start = "brax: 1 of 20 images; all: 1 of 1,000 images, ";
        assert!(both.starts_with(start), "{both}");
        let alone = line(&dataset, None);
        assert!(alone.starts_with("brax: 1 of 20 images, "), "{alone}");
    }
}
