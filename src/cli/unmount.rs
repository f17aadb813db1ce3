//! `machex unmount`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use super::exit::in_safe_lines;
use super::{CliResult, Exit, job, tell};
use crate::files::real_path;
use crate::mount::{Remark, UnmountError, UnmountHow, unmount};
use crate::shown::Show as _;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The mount point
    mountpoint: PathBuf,
    /// Detach the mount at once; it ends when its last open file is closed
    #[arg(long)]
    lazy: bool,
    /// Seconds to wait for open files to be closed
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

pub fn run(arguments: &Arguments) -> CliResult {
    let path = std::path::absolute(&arguments.mountpoint)
        .with_context(|| arguments.mountpoint.shown().to_string())?;
    let how = if arguments.lazy {
        UnmountHow::Lazy
    } else {
        UnmountHow::Wait(Duration::from_secs(arguments.timeout))
    };
    let mut say = |remark: Remark| {
        tell::remark(&in_safe_lines(&remark.to_string()));
    };
    let shown = arguments.mountpoint.shown();
    match unmount(&real_path(&path), how, &mut say) {
        Err(UnmountError::NotMounted(_)) => {
            bail!("{shown} is not a mount; {}", job::other_mounts())
        }
        ended => ended?,
    }
    // The mount is gone even if this cannot be printed.
    let _ = if arguments.lazy {
        writeln!(
            io::stdout(),
            "{shown} is detached; the mount ends when its last open file is closed"
        )
    } else {
        writeln!(io::stdout(), "{shown} is unmounted")
    };
    Ok(Exit::Success)
}
