//! Support for mount(8), which runs `/sbin/mount.fuse.machex SOURCE TARGET -o OPTIONS` for `mount
//! -t fuse.machex` and for fstab. All it needs is a link of that name to `machex`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Names by which mount(8) calls its helper.
const NAMES: [&str; 2] = ["mount.fuse.machex", "mount.machex"];

/// Translates the command line of a mount helper to `machex mount …`; `None` for any other command
/// line.
pub fn translate(arguments: impl IntoIterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next()?;
    let name = Path::new(&program).file_name()?;
    if !NAMES.iter().any(|known| name == OsStr::new(known)) {
        return None;
    }
    let mut translated = vec![program, "mount".into()];
    let mut places = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("-o") => {
                translated.push("-o".into());
                translated.extend(arguments.next());
            }
            Some("-v") => translated.push("-v".into()),
            Some("-f") => translated.push("--fake".into()),
            // Type and namespace tell nothing new.
            Some("-t" | "-N") => drop(arguments.next()),
            Some("-s" | "-n" | "-r" | "-w") => {}
            _ => places.push(argument),
        }
    }
    let mut places = places.into_iter();
    if let Some(config) = places.next() {
        translated.extend(["-c".into(), config]);
    }
    translated.extend(places);
    Some(translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> Option<String> {
        let arguments = translate(line.split(' ').map(OsString::from))?;
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        Some(words.join(" "))
    }

    #[test]
    fn the_helper_of_mount_is_told_by_its_name() {
        assert_eq!(
            translated("/sbin/mount.fuse.machex /c.yml /mnt -n -o rw,allow_other -t fuse.machex")
                .unwrap(),
            "/sbin/mount.fuse.machex mount -o rw,allow_other -c /c.yml /mnt"
        );
        assert_eq!(translated("/usr/bin/machex mount /c.yml /mnt"), None);
        assert_eq!(
            translated("mount.fuse.machex").unwrap(),
            "mount.fuse.machex mount"
        );
    }
}
