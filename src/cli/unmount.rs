//! `machex unmount`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::exit::in_safe_lines;
use super::{CliResult, Exit};
use crate::files::real_path;
use crate::mount::{Remark, UnmountHow, unmount};
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
    // Unmounts even if the remark cannot be printed.
    let mut say = |remark: Remark| {
        let _ = writeln!(
            io::stderr(),
            "machex: {}",
            in_safe_lines(&remark.to_string())
        );
    };
    unmount(&real_path(&path), how, &mut say)?;
    Ok(Exit::Success)
}
