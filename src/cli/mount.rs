//! `machex mount`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::colour::{self, FAINT, styled};
use super::log::Target;
use super::pasted::{program, quoted_path};
use super::signals::{self, Asked};
use super::taken::{Taken, keep_out_of};
use super::{CliResult, DEFAULT_CONFIG, Exit, helper, input, job};
use crate::config::{Config, check_memory, parse_size};
use crate::datasets::KnownDatasets;
use crate::files::{raise_open_file_limit, real_path};
use crate::filesystem::{Passthrough, Stop};
use crate::mount::{self, Mount, MountOptions, Process};
use crate::serve::{ServeOptions, Server};
use crate::shown::Show as _;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Config file [default: config.yml] and mount point [default: MACHEX_PATH]; with -c, only the
    /// mount point
    #[arg(value_name = "CONFIG] [MOUNTPOINT", num_args = 0..=2)]
    paths: Vec<PathBuf>,
    /// Config file
    #[arg(short = 'c', long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// Stay in the foreground and log to standard error
    #[arg(long)]
    foreground: bool,
    /// Let other users read the mount (unless you are root, /etc/fuse.conf needs user_allow_other)
    #[arg(long)]
    allow_other: bool,
    /// Folder of the cache (overrides CACHE_PATH)
    #[arg(long, value_name = "DIR")]
    cache_path: Option<PathBuf>,
    /// Maximum size of the cache, such as 50GiB (overrides CACHE_SIZE)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_size: Option<u64>,
    /// Number of threads that render (overrides NUM_WORKERS)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    threads: Option<u16>,
    /// Replace a machex mount at this mount point, even one whose process is gone
    #[arg(long)]
    replace: bool,
    /// File for log lines [default in the background: mount.log in CACHE_PATH]
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Let the kernel read finished images without asking machex (needs Linux 6.9 and root)
    #[arg(long, default_value = "auto", value_name = "MODE", value_parser = passthrough_mode())]
    passthrough: Passthrough,
    /// Render missing images in the background while nothing reads from the mount
    #[arg(long)]
    warm: bool,
    /// Unmount when this process ends, for example $$ in a script
    #[arg(long = "while", value_name = "PID")]
    companion: Option<u32>,
    /// Options in the form of mount(8) and fstab: allow_other,cache_size=50GiB,...
    #[arg(short = 'o', value_name = "OPTIONS")]
    options: Vec<String>,
    /// Print "ready" on standard output (internal: machex passes this to its background process)
    #[arg(long, hide = true)]
    ready: bool,
    /// Only check the options, as `mount -f` does
    #[arg(long, hide = true)]
    fake: bool,
}

fn size(text: &str) -> Result<u64, &'static str> {
    parse_size(text).ok_or("give a size such as 50GiB")
}

/// Everything that the arguments ask for.
struct Request {
    config: Config,
    mountpoint: PathBuf,
    options: MountOptions,
    /// The mount ends when this process ends.
    companion: Option<Process>,
}

impl Arguments {
    fn request(&self, known: KnownDatasets) -> anyhow::Result<Request> {
        let (file, mountpoint) = self.places();
        if let (None, [only]) = (&self.config, self.paths.as_slice())
            && !input::is_folder(only)
            && !only.exists()
            && only.extension().is_none()
        {
            let only = only.shown();
            bail!(
                "{only} is neither a config file nor a folder to mount on; if it is to be the mount \
                 point, make it first: mkdir -p {only}"
            );
        }
        let mut config =
            Config::load(&file, known).with_context(|| format!("config file {}", file.shown()))?;
        let mut options = MountOptions {
            allow_other: self.allow_other,
            cache_path: self.cache_path.clone(),
            cache_size: self.cache_size,
            threads: self.threads.map(usize::from),
            replace: self.replace,
            log_file: self.log_file.clone(),
            passthrough: self.passthrough,
            warm: self.warm,
            labels: Vec::new(),
        };
        for list in &self.options {
            options.add_list(list)?;
        }
        if let Some(path) = &options.cache_path {
            config.set_cache_path(path).context("--cache-path")?;
        }
        let companion = match self.companion {
            None => None,
            Some(number) => {
                let found = Process::find(number).with_context(|| format!("--while {number}"))?;
                Some(found.with_context(|| format!("--while {number}: there is no such process"))?)
            }
        };
        if let Some(bytes) = options.cache_size {
            config.set_cache_size(bytes).context("--cache-size")?;
        }
        let mountpoint = mountpoint.unwrap_or_else(|| config.machex_path.clone());
        if let Some(file) = &options.log_file {
            check_log_file(file, &config, &mountpoint).context("--log-file")?;
        }
        config.workers = options.threads.unwrap_or(config.workers);
        Ok(Request {
            mountpoint,
            config,
            options,
            companion,
        })
    }

    fn places(&self) -> (PathBuf, Option<PathBuf>) {
        let default = || PathBuf::from(DEFAULT_CONFIG);
        match (&self.config, self.paths.as_slice()) {
            (Some(config), paths) => (config.clone(), paths.last().cloned()),
            (None, []) => (default(), None),
            // A folder or a stale mount is not a config file.
            (None, [only]) if input::is_folder(only) => (default(), Some(only.clone())),
            (None, [config]) => (config.clone(), None),
            (None, [config, mountpoint, ..]) => (config.clone(), Some(mountpoint.clone())),
        }
    }

    /// Where the log of this process goes.
    pub fn log_target(&self, known: KnownDatasets) -> Target {
        // `run` reports wrong options.
        let Ok(request) = self.request(known) else {
            return Target::ErrorOutput;
        };
        match request.options.log_file {
            Some(path) if self.foreground || self.ready => Target::File(path),
            None if self.ready => Target::Cache(request.config.cache_path),
            _ if self.foreground => Target::ErrorOutputOfMount,
            _ => Target::ErrorOutput,
        }
    }
}

/// Checks that a log is not written where it would be in the way or out of sight.
fn check_log_file(file: &Path, config: &Config, mountpoint: &Path) -> anyhow::Result<()> {
    config.check_outside_raw(file)?;
    let mut taken = Taken::by_config(config);
    taken.push(Taken::new(
        mountpoint,
        "the mount point, which hides what is below it",
    ));
    keep_out_of(&taken, file, &real_path(file))
}

fn passthrough_mode() -> impl TypedValueParser<Value = Passthrough> {
    PossibleValuesParser::new(Passthrough::NAMES).try_map(|name| name.parse())
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let request = arguments.request(known)?;
    check_memory(request.config.render_params(), request.config.workers)?;
    if let Some(doubt) = request.config.doubt_cache_size() {
        tracing::warn!("{doubt}");
    }
    if arguments.fake {
        return Ok(Exit::Success);
    }
    if arguments.foreground || arguments.ready {
        serve(&request, arguments.ready)
    } else {
        start(&request)
    }
}

/// Mounts in the background.
fn start(request: &Request) -> CliResult {
    // Reports problems with the mount point at once.
    mount::prepare(
        &request.mountpoint,
        &request.config,
        request.options.replace,
    )?;
    let given = helper::translate(std::env::args_os());
    let is_helper = given.is_some();
    let mut arguments = given.unwrap_or_else(|| std::env::args_os().collect());
    arguments.remove(0);
    // Right after the subcommand: words after `--` are not options.
    let subcommand = arguments.iter().position(|word| word == "mount");
    arguments.insert(subcommand.map_or(0, |at| at + 1), "--ready".into());
    let started = mount::start_in_background(&arguments, signals::ignore_until_the_end);
    match started.context("starting in the background")? {
        None => Ok(Exit::Failure),
        Some(started) => {
            // The mount is up even if this cannot be printed.
            let _ = tell_mounted(request, started.pid, is_helper);
            Ok(Exit::Success)
        }
    }
}

/// Says that the mount is up and, unless mount(8) called, what to do with it.
fn tell_mounted(request: &Request, pid: u32, is_helper: bool) -> io::Result<()> {
    let shown = request.mountpoint.shown();
    let mut out = colour::stdout().lock();
    writeln!(out, "{shown} is mounted (process {pid})")?;
    if is_helper {
        return Ok(());
    }
    let (machex, mountpoint) = (program(), quoted_path(&request.mountpoint));
    let remark = styled(FAINT, "# reading an image renders it");
    writeln!(out, "    ls {mountpoint}    {remark}")?;
    writeln!(out, "    {machex} status {mountpoint}")?;
    writeln!(out, "    {machex} unmount {mountpoint}")
}

/// Mounts and serves in this process.
fn serve(request: &Request, in_background: bool) -> CliResult {
    let config = &Config {
        workers: job::start_threads(request.config.workers)?,
        ..request.config.clone()
    };
    if in_background {
        // This process no longer receives the terminal's signals. Until the mount is up, it ends
        // when its parent ends.
        end_with_parent(true);
        mount::check_parent()?;
        rustix::process::setsid().context("leaving the terminal")?;
    }
    let point = mount::prepare(&request.mountpoint, config, request.options.replace)?;
    let options = ServeOptions {
        warm: request.options.warm,
    };
    raise_open_file_limit();
    let server = Server::start(config, &point.path, options)?;
    // Not earlier, since a disk that does not answer may block this thread: as long as nothing is
    // mounted, a signal ends the process as usual.
    let (stop, events) = mpsc::channel();
    stop_on_signal(stop.clone())?;
    if let Some(companion) = request.companion.clone() {
        stop_with(companion, stop.clone()).context("watching the process of --while")?;
    }
    let end = stop.clone();
    let mount = Mount::start(server, config, &point, &request.options, (stop, events))?;
    if in_background {
        end_with_parent(false);
    }
    let told = mount::say_ready(in_background);
    tracing::info!("mounted on {}", point.path.shown());
    // From here on errors must not end the process: it would leave a mount behind.
    let settled = if in_background {
        told.and_then(|()| settle(end.clone()))
    } else {
        told
    };
    if let Err(error) = settled {
        end_unwanted(&error, &end);
    }
    mount.serve();
    Ok(Exit::Success)
}

/// On a separate thread, waits until the parent has accepted the mount, then leaves the terminal.
fn settle(end: mpsc::Sender<Stop>) -> io::Result<()> {
    let settling = thread::Builder::new().spawn(move || {
        if let Err(error) = mount::wait_until_accepted() {
            return end_unwanted(&error, &end);
        }
        if let Err(error) = let_go_of_terminal() {
            tracing::warn!("leaving the terminal: {error:#}");
        }
    });
    settling.map(drop)
}

fn end_unwanted(error: &io::Error, end: &mpsc::Sender<Stop>) {
    tracing::warn!("nobody has accepted the mount ({error}); it ends");
    // The receiver is in the mount.
    let _ = end.send(Stop::Asked);
}

/// The first signal ends the mount cleanly, the second at once.
fn stop_on_signal(stop: mpsc::Sender<Stop>) -> anyhow::Result<()> {
    signals::on_end(move |asked| {
        let what = match asked {
            Asked::Once => Stop::Asked,
            Asked::Again => Stop::AtOnce,
        };
        // The receiver is gone only when the process ends anyway.
        let _ = stop.send(what);
    })
}

/// Ends the mount cleanly when the process ends.
fn stop_with(companion: Process, stop: mpsc::Sender<Stop>) -> io::Result<()> {
    let watching = thread::Builder::new().spawn(move || {
        companion.wait();
        tracing::info!("{companion} has ended; unmounting");
        // The receiver is gone only when the process ends anyway.
        let _ = stop.send(Stop::Asked);
    });
    watching.map(drop)
}

/// Sets whether this process receives SIGTERM when its parent ends.
fn end_with_parent(ends: bool) {
    let signal = ends.then_some(rustix::process::Signal::TERM);
    if let Err(error) = rustix::process::set_parent_process_death_signal(signal) {
        // The process still notices when it reports that it is ready.
        tracing::debug!("watching the process that started this one: {error}");
    }
}

/// Redirects the standard streams to /dev/null, and leaves the current folder so that it is not
/// busy.
fn let_go_of_terminal() -> anyhow::Result<()> {
    let nowhere = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .context("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    std::env::set_current_dir("/").context("/")?;
    Ok(())
}
