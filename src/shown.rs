//! Foreign strings as they are printed and logged: the one place where they are escaped.
//!
//! Names of files, cells of lists and texts inside images are anybody's. Written to a terminal as
//! they are, an ESC changes its colours or its title, and a newline fakes a line of machex's own.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A foreign string on its way to a person: control characters, and characters that change the
/// direction or the order of text, are written as escapes (`\n`, `\x1b`, `\u{202e}`); so is what
/// is not UTF-8 (`\xff`), so that two such names differ. All else, backslashes included, stays as
/// it is: what has been escaped once is not changed by the second time.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a [u8]);

/// What can be shown.
pub trait Show {
    /// For `{}` in messages and log lines.
    fn shown(&self) -> Shown<'_>;
}

impl Show for str {
    fn shown(&self) -> Shown<'_> {
        Shown(self.as_bytes())
    }
}

impl Show for String {
    fn shown(&self) -> Shown<'_> {
        Shown(self.as_bytes())
    }
}

impl Show for OsStr {
    fn shown(&self) -> Shown<'_> {
        Shown(self.as_bytes())
    }
}

impl Show for Path {
    fn shown(&self) -> Shown<'_> {
        self.as_os_str().shown()
    }
}

impl Show for PathBuf {
    fn shown(&self) -> Shown<'_> {
        self.as_os_str().shown()
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut plain = chunk.valid();
            while let Some((start, character)) = plain.char_indices().find(|(_, c)| is_unsafe(*c)) {
                f.write_str(&plain[..start])?;
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    '\0'..='\u{7f}' => write!(f, "\\x{:02x}", u32::from(character))?,
                    _ => write!(f, "{}", character.escape_unicode())?,
                }
                plain = &plain[start + character.len_utf8()..];
            }
            f.write_str(plain)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Control characters of both sets, line separators, and the marks, embeddings and isolates of the
/// Unicode Bidirectional Algorithm (UAX #9, table 3).
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        for (raw, shown) in [
            (&b"a/b c.jpg"[..], "a/b c.jpg"),
            (
                b"aa\nobjcxr: all is well.jpg",
                "aa\\nobjcxr: all is well.jpg",
            ),
            (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            (b"\x7f\t\r", "\\x7f\\t\\r"),
            (b"caf\xc3\xa9 \xe9", "café \\xe9"),
            ("\u{9b}31m\u{202e}gpj".as_bytes(), "\\u{9b}31m\\u{202e}gpj"),
            (b"back\\slash", "back\\slash"),
        ] {
            assert_eq!(OsStr::from_bytes(raw).shown().to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left_and_the_second_time_changes_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let once = Shown(&bytes).to_string();
            prop_assert!(!once.chars().any(is_unsafe));
            prop_assert_eq!(once.shown().to_string(), once);
        }
    }
}
