//! Recognises programs that only list folders: these must not cause ten thousand renders.

use std::collections::HashSet;
use std::fs;

/// Bytes of a process name that the kernel keeps (TASK_COMM_LEN - 1).
const COMM_LENGTH: usize = 15;

/// The programs of `LISTING_PROGRAMS`.
#[derive(Debug)]
pub(super) struct ListingPrograms {
    names: HashSet<String>,
}

impl ListingPrograms {
    pub(super) fn new(names: &[String]) -> Self {
        let short = |name: &String| name[..name.floor_char_boundary(COMM_LENGTH)].to_owned();
        Self {
            names: names.iter().map(short).collect(),
        }
    }

    /// Whether the process is one of them. A process that cannot be looked up is not: it gets exact
    /// sizes.
    pub(super) fn has(&self, pid: u32) -> bool {
        if pid == 0 || self.names.is_empty() {
            return false;
        }
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| self.names.contains(name.trim_end_matches('\n')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_the_name_that_the_kernel_keeps() {
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        let mine = vec![name.trim_end().to_owned()];
        let thread = rustix::thread::gettid()
            .as_raw_nonzero()
            .get()
            .cast_unsigned();
        let comm = fs::read_to_string(format!("/proc/{thread}/comm")).unwrap();
        let of_thread = ListingPrograms::new(&[comm.trim_end().to_owned() + "xxxxxxxxxxxxxxxx"]);
        assert_eq!(of_thread.has(thread), comm.trim_end().len() == COMM_LENGTH);
        assert!(ListingPrograms::new(&mine).has(std::process::id()));
        assert!(!ListingPrograms::new(&[]).has(std::process::id()));
        assert!(!ListingPrograms::new(&mine).has(0));
        assert!(!ListingPrograms::new(&mine).has(u32::MAX));
    }
}
