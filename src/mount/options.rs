//! Mount options, and their `-o` form for mount(8) and fstab.

use std::path::{Path, PathBuf};

use crate::config::parse_size;
use crate::filesystem::Passthrough;
use crate::shown::Show as _;

/// Options that users give as flags or with `-o`.
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
    /// SELinux options for the kernel, such as `context=…`.
    pub labels: Vec<String>,
}

/// Why an `-o` list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error(
        "-o {0}: unknown option; known are allow_other, cache_path=, cache_size=, threads=, replace, \
         log_file=, passthrough=auto|on|off, warm"
    )]
    Unknown(String),
    #[error("-o {name}={value}: give {wanted}", name = name.shown(), value = value.shown())]
    Value {
        name: String,
        value: String,
        wanted: &'static str,
    },
}

/// Options of mount(8), fstab and systemd that do not concern a file system, or that change nothing
/// for a machex mount.
const IGNORED: &[&str] = &[
    "defaults",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "nousers",
    "owner",
    "noowner",
    "group",
    "nogroup",
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
    "strictatime",
    "nostrictatime",
    "lazytime",
    "nolazytime",
    "iversion",
    "noiversion",
    "mand",
    "nomand",
    "symfollow",
    "nosymfollow",
    "nonempty",
    "async",
    "sync",
    "dirsync",
    "default_permissions",
    "loud",
    "silent",
];

/// Prefixes of options that are ignored too.
const IGNORED_PREFIXES: &[&str] = &[
    "x-", "comment=", "fsname=", "subtype=", "X-", "uhelper=", "helper=", "user=", "nouser=",
];

/// Suffixes of flags since libmount 2.39, which say where the flags apply.
const FLAG_SUFFIXES: &[&str] = &["=recursive", "=vfs", "=fs"];

/// Names of SELinux options.
const LABELS: &[&str] = &["context", "fscontext", "defcontext", "rootcontext"];

/// Exists if the kernel supports [`LABELS`].
const SELINUX: &str = "/sys/fs/selinux";

impl MountOptions {
    /// Adds the options of an `-o` list, such as `allow_other,cache_size=50GiB`.
    pub fn add_list(&mut self, list: &str) -> Result<(), OptionError> {
        for option in split(list).into_iter().map(str::trim) {
            let flag = FLAG_SUFFIXES
                .iter()
                .find_map(|suffix| option.strip_suffix(suffix))
                .unwrap_or(option);
            let is_ignored = option.is_empty()
                || IGNORED.contains(&flag)
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
            Some((name, value)) => (name, Some(unquoted(value))),
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
            (label, Some(_)) if LABELS.contains(&label) => {
                // Without SELinux the kernel would refuse them.
                if Path::new(SELINUX).exists() {
                    self.labels.push(option.to_owned());
                }
            }
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
                self.passthrough = mode.parse().map_err(|_| wrong(mode, "auto, on or off"))?;
            }
            _ => return Err(OptionError::Unknown(option.to_owned())),
        }
        Ok(())
    }
}

/// Splits a list at its commas, except in double quotes, as mount(8) does.
fn split(list: &str) -> Vec<&str> {
    let mut is_quoted = false;
    list.split(|letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    })
    .collect()
}

fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
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
    fn whatever_mount_passes_on_is_taken() {
        let mut options = MountOptions::default();
        options
            .add_list(
                "rw,user=ann,lazytime,strictatime,nosymfollow,nonempty,ro=recursive,\
                 context=\"system_u:object_r:tmp_t:s0:c1,c2\",rootcontext=x,cache_path=\"/a,b\",warm",
            )
            .unwrap();
        let (label, has_selinux) = (options.labels.first(), Path::new(SELINUX).exists());
        let expected = "context=\"system_u:object_r:tmp_t:s0:c1,c2\"";
        assert_eq!(label.map(String::as_str), has_selinux.then_some(expected));
        assert_eq!(options.cache_path, Some("/a,b".into()));
        assert!(options.warm);
        for wrong in ["remount", "context", "warm=recursive"] {
            MountOptions::default().add_list(wrong).unwrap_err();
        }
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
