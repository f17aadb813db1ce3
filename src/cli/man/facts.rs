//! Exit statuses, files and environment variables, and which commands they concern.

/// A term and its explanation.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    pub term: &'static str,
    pub text: &'static str,
    /// The commands whose pages have it; none for all. `machex(1)` has everything.
    on: &'static [&'static str],
}

const fn fact(term: &'static str, text: &'static str, on: &'static [&'static str]) -> Fact {
    Fact { term, text, on }
}

impl Fact {
    /// Whether the page of `machex` or of this subcommand has it.
    pub fn is_on(&self, command: &str) -> bool {
        self.on.is_empty() || command == "machex" || self.on.contains(&command)
    }
}

/// Commands that read a config file.
const WITH_CONFIG: &[&str] = &["check", "preview", "report", "mount", "materialize"];

pub const STATUSES: &[Fact] = &[
    fact("0", "done", &[]),
    fact("1", "could not run, or could not be completed", &[]),
    fact("2", "wrong usage", &[]),
    fact(
        "3",
        "done, but some images failed, or the check found something wrong",
        &["check", "preview", "report", "materialize"],
    ),
    fact("130", "interrupted", &["sample", "check", "materialize"]),
];

pub const FILES: &[Fact] = &[
    fact(
        "config.yml",
        "In the current folder: the config file that is read if you name none. See machex.yml(5).",
        WITH_CONFIG,
    ),
    fact(
        "/etc/machex.yml",
        "The usual place for a config of the whole machine. machex reads it only if you name it.",
        WITH_CONFIG,
    ),
    fact(
        "MACHEX_PATH/DATASET/index.json",
        "The list of a dataset's images, which are beside it as NN/NNNNNN.jpg.",
        &["mount", "materialize"],
    ),
    fact(
        "MACHEX_PATH.state/",
        "Records of the materialized tree: finished.jsonl for each dataset, and failures.jsonl and \
         damaged.jsonl, which name images that could not be rendered or whose source is damaged.",
        &["mount", "materialize", "report"],
    ),
    fact(
        "CACHE_PATH",
        "The cache of rendered images and of lists that have been read: by default \
         $XDG_CACHE_HOME/machex or ~/.cache/machex. You can delete it while nothing is mounted.",
        WITH_CONFIG,
    ),
    fact(
        "CACHE_PATH/mount.log",
        "The log of mounts in the background.",
        &["mount"],
    ),
    fact(
        "MOUNTPOINT/.machex/status.json, MOUNTPOINT/.machex/metrics",
        "The status of a mount as JSON, and its counters for Prometheus. No listing shows the \
         folder, and only the user who mounted the tree can read it.",
        &["mount", "status"],
    ),
    fact(
        "/etc/fuse.conf",
        "Needs the line user_allow_other before users other than root can give --allow-other.",
        &["mount"],
    ),
    fact(
        "/sbin/mount.fuse.machex",
        "A link to machex, by which mount(8) and fstab mount a tree.",
        &["mount"],
    ),
];

pub const VARIABLES: &[Fact] = &[
    fact(
        "RUST_LOG",
        "What is logged, instead of -v: error, warn, info, debug or trace, or a filter such as \
         warn,machex::store=debug.",
        &[],
    ),
    fact(
        "NO_COLOR",
        "If set and not empty, nothing is coloured.",
        &[],
    ),
    fact(
        "HOME, XDG_CACHE_HOME",
        "Where the cache is if the config has no CACHE_PATH. HOME is also what ~ means in a config.",
        WITH_CONFIG,
    ),
    fact(
        "SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MIN, SLURM_ARRAY_TASK_MAX, SLURM_ARRAY_TASK_COUNT, \
         SLURM_ARRAY_TASK_STEP",
        "The share of --part auto in a Slurm array job. Slurm sets them.",
        &["materialize"],
    ),
    fact(
        "JOB_COMPLETION_INDEX, JOB_COMPLETIONS",
        "The share of --part auto in an indexed job of Kubernetes. Kubernetes sets the first; set \
         the second in the job's template to the number of completions.",
        &["materialize"],
    ),
    fact(
        "NOTIFY_SOCKET, JOURNAL_STREAM",
        "Set by systemd: where a mount reports that it is ready, and whether log lines go to the \
         journal with their priority.",
        &["mount"],
    ),
    fact(
        "PATH",
        "Where fusermount3 is looked for, which mounts and unmounts for users other than root.",
        &["mount", "unmount"],
    ),
];
