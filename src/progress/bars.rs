//! Bars on a terminal, and lines that other parts of the program print while bars are shown.

use std::fmt;
use std::io::{self, IsTerminal};

use indicatif::{
    HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState,
    ProgressStyle,
};
use parking_lot::Mutex;

/// How often bars are drawn, per second.
const DRAWN_PER_SECOND: u8 = 8;

/// The bars that are on the terminal now.
static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Runs `write`, which prints lines to the error output, while no bar is in the way: the lines stay
/// above the bars. Whatever may print while bars are shown has to go through this, since a line in
/// the middle of a bar would leave remains of both on the screen.
pub fn above_bars<T>(write: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().clone();
    match shown {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// Whether bars can be drawn: not into files and pipes, nor on terminals that cannot move the
/// cursor.
pub(super) fn can_be_drawn() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !is_dumb
}

/// A group of bars, each below the one before.
pub(super) struct Bars {
    bars: MultiProgress,
    /// Keeps finished bars on the screen while others go on.
    added: Mutex<Vec<ProgressBar>>,
    /// Width of the columns of counts.
    width: usize,
}

impl Bars {
    /// A group for counts of up to `largest`.
    pub fn new(largest: u64) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWN_PER_SECOND);
        let bars = MultiProgress::with_draw_target(target);
        *SHOWN.lock() = Some(bars.clone());
        Self {
            bars,
            added: Mutex::default(),
            width: HumanCount(largest).to_string().len(),
        }
    }

    /// Adds a bar and shows it at once. `rendered` counts the images of which the rate is shown.
    pub fn add(
        &self,
        name: &'static str,
        total: u64,
        unit: &'static str,
        rendered: ProgressBar,
    ) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(total));
        if let Ok(style) = ProgressStyle::with_template(&self.template()) {
            let rate = move |state: &ProgressState, out: &mut dyn fmt::Write| {
                let rate = match rendered.position() {
                    0 => return,
                    all if state.is_finished() => {
                        all as f64 / state.elapsed().as_secs_f64().max(1e-3)
                    }
                    _ => rendered.per_sec(),
                };
                let _ = write!(out, "{rate:.1} {unit}/s");
            };
            let left = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let left = state.eta();
                if !left.is_zero() {
                    let _ = write!(out, "{:#} left", HumanDuration(left));
                }
            };
            let style = style.progress_chars("━╸─");
            bar.set_style(style.with_key("rate", rate).with_key("left", left));
        }
        bar.set_prefix(name);
        bar.tick();
        self.added.lock().push(bar.clone());
        bar
    }

    fn template(&self) -> String {
        let width = self.width;
        format!(
            "{{prefix:>11}} {{wide_bar:.cyan/dim}} {{human_pos:>{width}}}/{{human_len:<{width}}} \
             {{rate:>14}} {{left:>8}}"
        )
    }

    /// Removes all bars from the screen.
    pub fn clear(&self) {
        // If the terminal is gone, there is nothing to clear.
        let _ = self.bars.clear();
        // The bars that end from now on would draw all others again.
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        *SHOWN.lock() = None;
    }
}
