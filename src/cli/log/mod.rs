//! Where log lines go and what they look like.

mod file;
mod queue;

use std::fmt;
use std::io;
use std::panic;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use file::LogFile;
use queue::{Limit, Output, Queue};

/// How much a mount may log: a fault that recurs for every opened file must not fill the disk.
const LIMIT: Limit = Limit {
    lines: 100,
    window: Duration::from_secs(10),
};

/// How long the program waits at its end for the last lines to be written.
const FLUSHING: Duration = Duration::from_secs(1);

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    ErrorOutput,
    /// The error output of a mount, which may run for days.
    ErrorOutputOfMount,
    /// A file that the user named; each line starts with the time.
    File(PathBuf),
    /// `mount.log` in this CACHE_PATH; a mount also works without it.
    Cache(PathBuf),
}

/// The format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    /// Starts with the time.
    Timed,
    /// Starts with the priorities of sd-daemon(3).
    Journald,
}

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Starts the log. `RUST_LOG` overrides `verbose`.
///
/// # Errors
/// If a file that the user named cannot be used.
pub fn start(verbose: u8, target: &Target) -> io::Result<()> {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let is_debugging = filter
        .max_level_hint()
        .is_none_or(|most| most >= LevelFilter::DEBUG);
    let limit = (!is_debugging && *target != Target::ErrorOutput).then_some(LIMIT);
    let doing = match target {
        Target::ErrorOutput | Target::ErrorOutputOfMount => "opening the log".to_owned(),
        Target::File(path) => format!("opening the log, {}", path.shown()),
        Target::Cache(folder) => format!("opening the log in CACHE_PATH, {}", folder.shown()),
    };
    let (output, warning) = announce_if_slow(doing, || open(target))?;
    let style = match &output {
        Output::File(_) => Style::Timed,
        Output::ErrorOutput if std::env::var_os("JOURNAL_STREAM").is_some() => Style::Journald,
        Output::ErrorOutput => Style::Plain,
    };
    let queue = Queue::start(output, style, limit)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // They would go to the error output, and panic if that fails.
        .log_internal_errors(false)
        .with_writer(queue.clone());
    match style {
        Style::Timed => builder.with_ansi(false).with_target(false).init(),
        Style::Journald => builder
            .with_ansi(false)
            .event_format(ForJournald(
                Format::default()
                    .without_time()
                    .with_level(false)
                    .with_target(false),
            ))
            .init(),
        // Colours are escape sequences, and a log contains none.
        Style::Plain => builder
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .init(),
    }
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    let panicking = queue.clone();
    panic::set_hook(Box::new(move |info| {
        // Not through `tracing`, since the panic may have happened inside it.
        let text = info.to_string().replace(":\n", ": ");
        panicking.urgent(style_line(style, Level::ERROR, &text));
        panicking.flush(FLUSHING);
    }));
    // A process has one log.
    let _ = QUEUE.set(queue);
    Ok(())
}

/// Waits until all logged lines are written, unless the output blocks.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSHING);
    }
}

/// Opens the output. Also returns a warning that is to be logged, if there is one.
fn open(target: &Target) -> io::Result<(Output, Option<String>)> {
    match target {
        Target::ErrorOutput | Target::ErrorOutputOfMount => Ok((Output::ErrorOutput, None)),
        Target::File(path) => Ok((Output::File(LogFile::named(path)?), None)),
        Target::Cache(folder) => Ok(match LogFile::in_cache(folder) {
            Ok(file) => (Output::File(file), None),
            Err(error) => {
                let folder = folder.shown();
                let warning = format!(
                    "this mount has no log file: mount.log in {folder} cannot be used: {error}"
                );
                (Output::ErrorOutput, Some(warning))
            }
        }),
    }
}

/// Formats a line that does not come from `tracing`.
fn style_line(style: Style, level: Level, text: &str) -> Vec<u8> {
    let text = text.shown();
    let line = match style {
        Style::Plain => format!("{level:>5} {text}\n"),
        Style::Timed => {
            let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
            format!("{time} {level:>5} {text}\n")
        }
        Style::Journald => format!("<{}>{text}\n", priority(level)),
    };
    line.into_bytes()
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Starts lines with the priorities of sd-daemon(3). journald removes them and adds the time.
struct ForJournald(Format<tracing_subscriber::fmt::format::Full, ()>);

impl<S, N> FormatEvent<S, N> for ForJournald
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = priority(*event.metadata().level());
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}
