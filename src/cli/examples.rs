//! Examples of each command, for `--help` and for the man pages.

use std::fmt::Write as _;

/// A command line and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What the lines do, without a colon at the end.
    pub what: &'static str,
    /// One or more lines for a shell.
    pub lines: &'static str,
}

/// Shorthand for the tables below.
const fn example(what: &'static str, lines: &'static str) -> Example {
    Example { what, lines }
}

/// The first steps, from a sample to a mount.
pub const MACHEX: &[Example] = &[
    example(
        "Try everything with synthetic data, without a data use agreement",
        "machex sample demo\n\
         machex check demo/config.yml\n\
         mkdir demo/mnt\n\
         machex mount demo/config.yml demo/mnt\n\
         machex unmount demo/mnt",
    ),
    example(
        "Start with your own data: write a commented config, edit it, and check it",
        "machex config > config.yml\n\
         machex check",
    ),
];

pub const SAMPLE: &[Example] = &[
    example(
        "Write 8 images of each dataset, and a config",
        "machex sample demo",
    ),
    example(
        "Write as many images as the real lists have, from a few drawn files",
        "machex sample large --images real --hard-link",
    ),
];

pub const CHECK: &[Example] = &[
    example(
        "Check the datasets of config.yml in the current folder",
        "machex check",
    ),
    example(
        "Look for every file, and render every image without writing it",
        "machex check /etc/machex.yml --all --decode",
    ),
    example(
        "Find changed files in downloads from PhysioNet",
        "machex check --sums",
    ),
];

pub const PREVIEW: &[Example] = &[
    example(
        "Draw six images of each dataset",
        "machex preview -o sheet.png",
    ),
    example(
        "Draw twelve images of one dataset of a mounted tree",
        "machex preview /mnt/machex --dataset chexpert --images 12 -o sheet.png",
    ),
];

pub const REPORT: &[Example] = &[
    example(
        "Describe the raw datasets of a config",
        "machex report config.yml -o report.html",
    ),
    example(
        "Describe a finished tree",
        "machex report /data/machex -o report.html",
    ),
];

pub const METADATA: &[Example] = &[
    example(
        "Write the table of all datasets of a config",
        "machex metadata config.yml -o metadata.parquet",
    ),
    example(
        "Write the table of one dataset as CSV, without reading the headers of its images",
        "machex metadata config.yml --dataset chexpert --no-headers -o chexpert.csv",
    ),
    example(
        "Join the tables that a mount makes",
        "machex metadata /mnt/machex -o metadata.parquet",
    ),
];

pub const MOUNT: &[Example] = &[
    example(
        "Mount the tree on a folder of yours",
        "mkdir ~/machex\n\
         machex mount config.yml ~/machex",
    ),
    example(
        "Mount on a cluster's node for as long as the job script runs",
        "machex mount -c config.yml /tmp/machex --cache-path /tmp/cache --while $$",
    ),
    example(
        "Replace a mount whose process has gone, and render missing images while it is idle",
        "machex mount config.yml /mnt/machex --replace --warm",
    ),
    example(
        "Mount from /etc/fstab, with a link /sbin/mount.fuse.machex to machex",
        "/etc/machex.yml /mnt/machex fuse.machex noauto,_netdev,allow_other 0 0",
    ),
];

pub const STATUS: &[Example] = &[
    example(
        "Show what a mount does, every second",
        "machex status /mnt/machex --watch",
    ),
    example(
        "Print the status for scripts",
        "machex status /mnt/machex --json",
    ),
];

pub const UNMOUNT: &[Example] = &[
    example(
        "Unmount; wait up to 10 seconds for open files",
        "machex unmount /mnt/machex",
    ),
    example(
        "Detach a mount that is in use or does not answer",
        "machex unmount --lazy /mnt/machex",
    ),
];

pub const MATERIALIZE: &[Example] = &[
    example(
        "See what would be rendered and how much space it takes, then render it",
        "machex materialize config.yml --dry-run\n\
         machex materialize config.yml",
    ),
    example(
        "Render one dataset",
        "machex materialize --dataset chexpert -c config.yml",
    ),
    example(
        "Share the work among the tasks of a Slurm array job, then write the indexes",
        "machex materialize config.yml --part auto\n\
         machex materialize config.yml --finish",
    ),
];

pub const DATASETS: &[Example] = &[
    example("List the datasets and their config keys", "machex datasets"),
    example("List them for scripts", "machex datasets --json"),
];

pub const CONFIG: &[Example] = &[
    example("Start a config file", "machex config > config.yml"),
    example(
        "Read what two keys mean",
        "machex config CACHE_SIZE CACHE_PATH",
    ),
];

pub const COMPLETIONS: &[Example] = &[
    example(
        "For bash, with the package bash-completion",
        "mkdir -p ~/.local/share/bash-completion/completions\n\
         machex completions bash > ~/.local/share/bash-completion/completions/machex",
    ),
    example(
        "For zsh; before compinit, ~/.zshrc has to say fpath+=(~/.zfunc)",
        "mkdir -p ~/.zfunc\n\
         machex completions zsh > ~/.zfunc/_machex",
    ),
    example(
        "For fish",
        "machex completions fish > ~/.config/fish/completions/machex.fish",
    ),
];

pub const MAN: &[Example] = &[example(
    "Write the pages to a new folder, and read one",
    "machex man pages\n\
     man -l pages/machex-mount.1",
)];

/// The end of `--help`.
pub fn help(examples: &[Example]) -> String {
    let mut text = String::from("Examples:");
    for Example { what, lines } in examples {
        let _ = write!(text, "\n  {what}:");
        for line in lines.lines() {
            let _ = write!(text, "\n      {line}");
        }
    }
    text
}

/// The examples of `machex` or of a subcommand.
pub fn of(command: &str) -> &'static [Example] {
    match command {
        "machex" => MACHEX,
        "sample" => SAMPLE,
        "check" => CHECK,
        "preview" => PREVIEW,
        "report" => REPORT,
        "metadata" => METADATA,
        "mount" => MOUNT,
        "status" => STATUS,
        "unmount" => UNMOUNT,
        "materialize" => MATERIALIZE,
        "datasets" => DATASETS,
        "config" => CONFIG,
        "completions" => COMPLETIONS,
        "man" => MAN,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Arguments;

    /// The words of an example up to what only a shell understands.
    fn words(line: &str) -> Vec<&str> {
        let words = line.split_whitespace();
        let words = words.map(|word| if word == "$$" { "1" } else { word });
        words.take_while(|word| *word != ">").collect()
    }

    #[test]
    fn every_command_has_examples_and_all_of_them_are_understood() {
        let machex = Arguments::command();
        let commands = machex.get_subcommands().map(|command| command.get_name());
        for name in commands.chain(["machex"]) {
            let lines = of(name).iter().flat_map(|example| example.lines.lines());
            let calls: Vec<&str> = lines.filter(|line| line.starts_with("machex ")).collect();
            assert!(!calls.is_empty(), "{name}");
            for line in calls {
                let parsed = machex.clone().try_get_matches_from(words(line));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn help_shows_the_examples() {
        for command in Arguments::command().get_subcommands_mut() {
            let text = command.render_long_help().to_string();
            for example in of(command.get_name()) {
                assert!(text.contains(&help(&[*example])[9..]), "{text}");
            }
        }
    }
}
