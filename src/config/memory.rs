//! Checks, before anything is rendered, that this machine has the memory that a config needs.

use std::fmt;
use std::fs;
use std::path::{Component, Path};

use indicatif::HumanBytes;
use rustix::process::{Resource, getrlimit};

use crate::render::RenderParams;

/// Where control groups are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Not enough memory for every worker to hold an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "IMAGE_SIZE: {size} needs {} of memory for each of {workers} workers and {limit}: \
     lower IMAGE_SIZE or NUM_WORKERS",
    HumanBytes(*.each)
)]
pub struct NotEnoughMemory {
    pub size: u32,
    /// Bytes that one worker needs.
    pub each: u64,
    pub workers: usize,
    pub limit: MemoryLimit,
}

/// How many bytes this process can use, and what limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The machine's memory.
    Machine(u64),
    /// A control group, such as that of a container, a batch job or a service.
    ControlGroup(u64),
    /// `RLIMIT_AS`, which the shell's `ulimit -v` sets.
    AddressSpace(u64),
}

impl MemoryLimit {
    fn bytes(self) -> u64 {
        match self {
            Self::Machine(bytes) | Self::ControlGroup(bytes) | Self::AddressSpace(bytes) => bytes,
        }
    }

    /// The lowest limit of this process; `None` if none can be determined.
    fn lowest() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let limits = [
            total(&read("/proc/meminfo")).map(Self::Machine),
            control_group(&read("/proc/self/cgroup"), Path::new(CGROUPS)).map(Self::ControlGroup),
            getrlimit(Resource::As).current.map(Self::AddressSpace),
        ];
        limits
            .into_iter()
            .flatten()
            .min_by_key(|limit| limit.bytes())
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = HumanBytes(self.bytes());
        match self {
            Self::Machine(_) => write!(f, "this machine has {amount}"),
            Self::ControlGroup(_) => {
                write!(
                    f,
                    "the control group of this job or container allows {amount}"
                )
            }
            Self::AddressSpace(_) => write!(f, "ulimit -v allows {amount}"),
        }
    }
}

/// Checks that each of `workers` can hold an image. Ignores how much memory is free at the moment,
/// since that changes all the time.
///
/// # Errors
/// If even all memory of the machine is not enough.
pub fn check_memory(params: RenderParams, workers: usize) -> Result<(), NotEnoughMemory> {
    match MemoryLimit::lowest() {
        Some(limit) => check_within(params, workers, limit),
        None => Ok(()),
    }
}

fn check_within(
    params: RenderParams,
    workers: usize,
    limit: MemoryLimit,
) -> Result<(), NotEnoughMemory> {
    let each = params.memory();
    if each.saturating_mul(workers as u64) <= limit.bytes() {
        return Ok(());
    }
    Err(NotEnoughMemory {
        size: params.size,
        each,
        workers,
        limit,
    })
}

/// The machine's memory, from `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The lowest limit of the control groups in `/proc/self/cgroup` and their parents, for both
/// versions. In a container, the names may be those of the host; then the group mounted at the top
/// is the container's own.
fn control_group(cgroups: &str, mounted: &Path) -> Option<u64> {
    let limits = cgroups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, name) = (fields.next()?, fields.next()?);
        let name = Path::new(name.trim_start_matches('/'));
        let limit = |root: &Path, file: &str| {
            let is_plain = |part| matches!(part, Component::Normal(_));
            let name = if name.components().all(is_plain) {
                name
            } else {
                Path::new("")
            };
            let folders = name.ancestors().map(|above| root.join(above));
            folders
                .filter_map(|folder| fs::read_to_string(folder.join(file)).ok())
                // "max" means no limit.
                .filter_map(|text| text.trim().parse::<u64>().ok())
                .min()
        };
        if controllers.is_empty() {
            let roots = [mounted.to_owned(), mounted.join("unified")];
            roots
                .iter()
                .filter_map(|root| limit(root, "memory.max"))
                .min()
        } else if controllers.split(',').any(|name| name == "memory") {
            limit(&mounted.join("memory"), "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn params(size: u32) -> RenderParams {
        RenderParams { size, quality: 95 }
    }

    #[test]
    fn usual_configs_are_never_refused() {
        let container = MemoryLimit::ControlGroup(2 * GIB);
        assert_eq!(check_within(params(1024), 64, container), Ok(()));
        assert_eq!(check_within(params(2048), 64, container), Ok(()));
        assert_eq!(check_within(params(224), 4096, container), Ok(()));
        assert_eq!(check_memory(params(1024), 2), Ok(()));
    }

    #[test]
    fn what_no_machine_holds_is_refused_with_both_keys_and_both_numbers() {
        let machine = MemoryLimit::Machine(24 * GIB);
        let refused = check_within(params(65_500), 2, machine).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "IMAGE_SIZE: 65500 needs 17.18 GiB of memory for each of 2 workers and this machine \
             has 24.00 GiB: lower IMAGE_SIZE or NUM_WORKERS"
        );
        assert_eq!(check_within(params(65_500), 1, machine), Ok(()));
    }

    #[test]
    fn the_machines_memory_is_read() {
        let meminfo = "MemTotal:       24672924 kB\nMemFree:         4401828 kB\n";
        assert_eq!(total(meminfo), Some(24_672_924 << 10));
        assert_eq!(total(""), None);
        assert_eq!(total("MemTotal: much\n"), None);
    }

    #[test]
    fn the_lowest_limit_of_a_group_and_those_above_counts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let limit = |cgroups: &str| control_group(cgroups, folder.path());
        write("slurm/memory.max", "4294967296\n");
        write("slurm/job_1/memory.max", "max\n");
        assert_eq!(limit("0::/slurm/job_1\n"), Some(4 * GIB));
        write("slurm/job_1/memory.max", "1073741824\n");
        assert_eq!(limit("0::/slurm/job_1\n"), Some(GIB));
        assert_eq!(limit("0::/other\n"), None);
        // Version 1, in a container that only knows the host's names.
        write("memory/memory.limit_in_bytes", "2147483648\n");
        let first = "5:cpu,cpuacct:/x\n4:memory:/docker/0123\n0::/\n";
        assert_eq!(limit(first), Some(2 * GIB));
        assert_eq!(limit("4:memory:/../../etc\n"), Some(2 * GIB));
        for nonsense in ["", "::", "0", "4:memory", "\0:\0:\0"] {
            assert_eq!(limit(nonsense), None, "{nonsense:?}");
        }
    }
}
