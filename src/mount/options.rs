//! What a user chooses about a mount, and the `-o` form of it that mount(8) and fstab have.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::config::parse_size;
use crate::filesystem::Passthrough;

/// The choices that can be given as options and with `-o`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    pub allow_other: bool,
    pub cache_path: Option<PathBuf>,
    /// In bytes.
    pub cache_size: Option<u64>,
    pub threads: Option<usize>,
    pub replace: bool,
    pub log_file: Option<PathBuf>,
    pub passthrough: Passthrough,
    pub warm: bool,
}

/// Why an `-o` list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error(
        "-o {0}: unknown option; known are allow_other, cache_path=, cache_size=, threads=, replace, \
         log_file=, passthrough=auto|on|off, warm"
    )]
    Unknown(String),
    #[error("-o {name}={value}: give {wanted}")]
    Value {
        name: String,
        value: String,
        wanted: &'static str,
    },
}

/// Options of mount(8), fstab and systemd that mean nothing to a file system, or what a machex
/// mount is anyway.
const IGNORED: &[&str] = &[
    "defaults",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "owner",
    "group",
    "_netdev",
    "nofail",
    "ro",
    "rw",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "noatime",
    "atime",
    "nodiratime",
    "diratime",
    "relatime",
    "norelatime",
    "async",
    "sync",
    "dirsync",
    "default_permissions",
    "loud",
    "silent",
];

/// Such options with values.
const IGNORED_PREFIXES: &[&str] = &[
    "x-", "comment=", "fsname=", "subtype=", "X-", "uhelper=", "helper=",
];

impl MountOptions {
    /// Adds what an `-o` list says, such as `allow_other,cache_size=50GiB`.
    pub fn add_list(&mut self, list: &str) -> Result<(), OptionError> {
        for option in list.split(',').map(str::trim) {
            let is_ignored = option.is_empty()
                || IGNORED.contains(&option)
                || IGNORED_PREFIXES
                    .iter()
                    .any(|prefix| option.starts_with(prefix));
            if !is_ignored {
                self.add(option)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, option: &str) -> Result<(), OptionError> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        let wrong = |value: &str, wanted| OptionError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            wanted,
        };
        match (name, value) {
            ("allow_other", None) => self.allow_other = true,
            ("replace", None) => self.replace = true,
            ("warm", None) => self.warm = true,
            ("cache_path", Some(path)) => self.cache_path = Some(PathBuf::from(path)),
            ("log_file", Some(path)) => self.log_file = Some(PathBuf::from(path)),
            ("cache_size", Some(size)) => {
                let bytes = parse_size(size).ok_or_else(|| wrong(size, "a size such as 50GiB"))?;
                self.cache_size = Some(bytes);
            }
            ("threads", Some(count)) => {
                let number = count
                    .parse()
                    .ok()
                    .filter(|count| (1..=4096).contains(count));
                self.threads = Some(number.ok_or_else(|| wrong(count, "a number from 1 to 4096"))?);
            }
            ("passthrough", Some(mode)) => {
                self.passthrough = Passthrough::from_str(mode, false)
                    .map_err(|_| wrong(mode, "auto, on or off"))?;
            }
            _ => return Err(OptionError::Unknown(option.to_owned())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_of_fstab_are_understood() {
        let mut options = MountOptions::default();
        options
            .add_list(
                "rw,noauto,x-systemd.automount,_netdev,allow_other,cache_size=50GiB,threads=3",
            )
            .unwrap();
        options
            .add_list("passthrough=off,warm,cache_path=/c d")
            .unwrap();
        let expected = MountOptions {
            allow_other: true,
            cache_path: Some("/c d".into()),
            cache_size: Some(50 << 30),
            threads: Some(3),
            passthrough: Passthrough::Off,
            warm: true,
            ..MountOptions::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for wrong in [
            "allow_othr",
            "threads=0",
            "threads",
            "cache_size=much",
            "passthrough=maybe",
            "warm=1",
        ] {
            let error = MountOptions::default().add_list(wrong).unwrap_err();
            let name = wrong.split('=').next().unwrap_or_default();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_list_panics(list in ".*") {
            let _ = MountOptions::default().add_list(&list);
        }
    }
}
