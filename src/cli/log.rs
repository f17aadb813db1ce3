//! Where log lines go and what they look like.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::panic;
use std::path::{Path, PathBuf};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A log file above this size is set aside when a mount begins.
const LARGE: u64 = 16 << 20;

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    ErrorOutput,
    /// Appended to, with the time of each line.
    File(PathBuf),
}

/// Starts the log. `RUST_LOG` has the last word over `verbose`.
pub fn start(verbose: u8, target: &Target) -> io::Result<()> {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match target {
        Target::File(path) => builder
            .with_ansi(false)
            .with_target(false)
            .with_writer(open(path)?)
            .init(),
        Target::ErrorOutput if std::env::var_os("JOURNAL_STREAM").is_some() => builder
            .with_ansi(false)
            .event_format(ForJournald(
                Format::default()
                    .without_time()
                    .with_level(false)
                    .with_target(false),
            ))
            .with_writer(io::stderr)
            .init(),
        Target::ErrorOutput => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .without_time()
            .with_writer(io::stderr)
            .init(),
    }
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // The error output of a mount in the background goes nowhere.
        tracing::error!("{info}");
        default(info);
    }));
    Ok(())
}

/// Opens a log file, which only its owner can read: keys and paths are in it.
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LARGE) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".old");
        fs::rename(path, aside)?;
    }
    File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Lines with the priorities of sd-daemon(3), which journald takes off; it adds the time itself.
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
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_log_file_is_private_and_a_large_one_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/machex.log");
        open(&path).unwrap().set_len(LARGE + 1).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert!(folder.path().join("new/machex.log.old").exists());
    }
}
