//! `machex status`.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use super::redraw::Redraw;
use super::status_page::{page, summary};
use super::wrap::width;
use super::{CliResult, Exit, colour, job, signals, tell};
use crate::files::{Answer, ask_status};
use crate::shown::Show as _;
use crate::status::Status;

/// How often `--watch` asks.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a mount that is being taken away may be there without its process.
const ENDING: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The mount point
    mountpoint: PathBuf,
    /// Print the status as JSON; with --watch, one line every second
    #[arg(long)]
    json: bool,
    /// Update every second until the mount ends; without a terminal, print a line for each change
    #[arg(long)]
    watch: bool,
}

pub fn run(arguments: &Arguments) -> CliResult {
    let text = read(&arguments.mountpoint)?;
    if arguments.watch {
        return watch(arguments, text);
    }
    let mut out = colour::stdout().lock();
    if arguments.json {
        write!(out, "{text}")?;
    } else {
        write!(out, "{}", page(&parse(&text)?, width()))?;
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn parse(text: &str) -> anyhow::Result<Status> {
    serde_json::from_str(text).context("the mount is of another version of machex; try --json")
}

/// Shows the status until the mount ends or the user ends it; neither is an error.
fn watch(arguments: &Arguments, mut text: String) -> CliResult {
    let (stop, stopped) = mpsc::channel();
    signals::on_end(move |_| {
        // The receiver is gone only when the process ends anyway.
        let _ = stop.send(());
    })?;
    let mut view = View::of(arguments);
    loop {
        view.show(&text)?;
        match stopped.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Success),
        }
        text = match read_again(&arguments.mountpoint) {
            Ok(Some(text)) => text,
            Ok(None) => {
                let shown = arguments.mountpoint.shown();
                tell::remark(&format!("{shown} is not mounted any more"));
                return Ok(Exit::Success);
            }
            // The signal may have ended the question.
            Err(_) if stopped.try_recv().is_ok() => return Ok(Exit::Success),
            Err(error) => return Err(error),
        };
    }
}

/// How `--watch` shows a status.
enum View {
    /// In place of the last one.
    Terminal(Redraw),
    /// In a line of its own, if it has changed.
    Lines {
        last: String,
    },
    Json,
}

impl View {
    fn of(arguments: &Arguments) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if arguments.json {
            Self::Json
        } else if io::stdout().is_terminal() && !is_dumb {
            Self::Terminal(Redraw::default())
        } else {
            let last = String::new();
            Self::Lines { last }
        }
    }

    fn show(&mut self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Terminal(redraw) => {
                let page = colour::as_shown(page(&parse(text)?, width()));
                redraw.draw(&mut out, &page)?;
            }
            Self::Lines { last } => {
                let line = summary(&parse(text)?);
                if line != *last {
                    writeln!(out, "{line}")?;
                    *last = line;
                }
            }
            Self::Json => {
                let status: serde_json::Value = serde_json::from_str(text)?;
                writeln!(out, "{status}")?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// The status of a mount that was there; `None` if it was unmounted.
fn read_again(mountpoint: &Path) -> anyhow::Result<Option<String>> {
    let answer = match ask_status(mountpoint) {
        // Just between the end of its process and the end of the mount, perhaps.
        Answer::Gone => {
            thread::sleep(ENDING);
            ask_status(mountpoint)
        }
        answer => answer,
    };
    match answer {
        Answer::NotMachex => Ok(None),
        answer => text_of(mountpoint, answer).map(Some),
    }
}

fn read(mountpoint: &Path) -> anyhow::Result<String> {
    text_of(mountpoint, ask_status(mountpoint))
}

fn text_of(mountpoint: &Path, answer: Answer) -> anyhow::Result<String> {
    let shown = mountpoint.shown();
    match answer {
        Answer::Status(text) => String::from_utf8(text).context("the status is not text"),
        Answer::Gone => bail!(
            "{shown}: its process has gone; mount again with --replace, or: machex unmount {shown}"
        ),
        Answer::Silent => bail!(
            "{shown} does not answer: its process is stopped, or waits for a server; mount again with \
             --replace, or: machex unmount --lazy {shown}"
        ),
        Answer::NotMachex => bail!("{shown} is not a machex mount; {}", job::other_mounts()),
        Answer::Failed(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            bail!("{shown}: only the user who mounted it, and root, can see its status")
        }
        Answer::Failed(error) => Err(error).with_context(|| shown.to_string()),
    }
}
