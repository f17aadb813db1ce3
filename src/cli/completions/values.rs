//! The values that arguments can have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, ValueHint};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use crate::config::example;
use crate::datasets::{DatasetInfo, KnownDatasets};
use crate::files::machex_mountpoints;

/// The tag of the candidate that stands for all files. Shells complete files better than clap: with
/// variables, home folders of users, and the user's settings.
pub const FILES: &str = "files";

/// The same for folders.
pub const FOLDERS: &str = "folders";

/// The definition of the command line, with the values of arguments.
pub fn with_values(command: Command, known: KnownDatasets) -> Command {
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        subcommand.mut_args(|arg| with_value(arg, &name, known))
    })
}

fn with_value(arg: Arg, command: &str, known: KnownDatasets) -> Arg {
    let is_folder = |arg: &Arg| {
        let mut names = arg.get_value_names().into_iter().flatten();
        names.any(|name| name.as_str() == "DIR")
    };
    match (command, arg.get_id().as_str()) {
        _ if arg.get_long() == Some("dataset") => {
            arg.add(ArgValueCandidates::new(move || dataset_names(known)))
        }
        ("status" | "unmount", "mountpoint") => arg.add(ArgValueCompleter::new(mount_points)),
        ("config", "keys") => arg.add(ArgValueCandidates::new(move || config_keys(known))),
        _ if is_folder(&arg) => arg.add(ArgValueCompleter::new(|_: &OsStr| vec![all(FOLDERS)])),
        _ if arg.get_value_hint() == ValueHint::AnyPath => {
            arg.add(ArgValueCompleter::new(|_: &OsStr| vec![all(FILES)]))
        }
        _ => arg,
    }
}

fn all(tag: &'static str) -> CompletionCandidate {
    CompletionCandidate::new(tag).tag(Some(tag.into()))
}

fn dataset_names(known: KnownDatasets) -> Vec<CompletionCandidate> {
    let infos = known.iter().map(|dataset| dataset.info());
    let candidate = |info: &DatasetInfo| {
        CompletionCandidate::new(info.folder).help(Some(info.marks.title.into()))
    };
    infos.map(candidate).collect()
}

fn config_keys(known: KnownDatasets) -> Vec<CompletionCandidate> {
    let mut candidates = Vec::new();
    for paragraph in example(known) {
        let help = paragraph.comment.first();
        for key in paragraph.keys {
            let help = help.map(|line| line.clone().into());
            candidates.push(CompletionCandidate::new(key.name).help(help));
        }
    }
    candidates
}

/// Mount points from the kernel's table: a look at the mount itself could block for ever.
fn mount_points(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let start = start(typed);
    let points = machex_mountpoints();
    let texts = points.iter().filter_map(|point| point.to_str());
    let fitting = texts.filter_map(|point| match &start {
        None => Some(point.to_owned()),
        Some(start) => Some(format!("{typed}{}", point.strip_prefix(start.as_str())?)),
    });
    // Shells read one candidate a line.
    let plain = fitting.filter(|point| !point.contains(char::is_control));
    plain.map(CompletionCandidate::new).collect()
}

/// The absolute form of the start of a path; `None` if nothing is typed.
fn start(typed: &str) -> Option<String> {
    let path = match typed.strip_prefix("~/") {
        Some(below) => Path::new(&std::env::var_os("HOME")?).join(below),
        None if typed.is_empty() => return None,
        None => std::env::current_dir().ok()?.join(typed),
    };
    let mut absolute = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(absolute.pop()),
            part => absolute.push(part),
        }
    }
    if typed.ends_with('/') {
        // With a slash at the end.
        absolute.push("");
    }
    absolute.into_os_string().into_string().ok()
}
