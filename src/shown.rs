//! Escaping foreign strings for output and logs, in one place.
//!
//! File names, cells of lists and texts inside images can come from anyone. Printed unescaped, an
//! ESC could change a terminal's colours or title, and a newline could fake a line from machex.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A foreign string for display. Control characters, and characters that change the direction or
/// order of text, are escaped (`\n`, `\x1b`, `\u{202e}`). Bytes that are not UTF-8 are escaped too
/// (`\xff`), so that different names look different. Everything else, including backslashes, stays,
/// so that escaping twice changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a [u8]);

/// Types that can be shown.
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

/// A path as a word for a shell, which no program takes for an option. Characters that would do
/// something to a terminal are escaped as in all output, so a path with such cannot be pasted.
pub fn quoted_path(path: &Path) -> String {
    let is_like_option = path.as_os_str().as_bytes().starts_with(b"-");
    if is_like_option {
        quoted_word(Path::new(".").join(path).as_os_str())
    } else {
        quoted_word(path.as_os_str())
    }
}

/// A word of a command line, in quotes if a shell needs them.
pub fn quoted_word(word: &OsStr) -> String {
    let word = word.shown().to_string();
    shlex::try_quote(&word).map_or_else(|_| word.clone(), |quoted| quoted.into_owned())
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

    #[test]
    fn words_are_quoted_for_a_shell() {
        let path = |path: &str| quoted_path(Path::new(path));
        assert_eq!(path("demo/config.yml"), "demo/config.yml");
        assert_eq!(path("my data/config.yml"), "'my data/config.yml'");
        assert_eq!(path("-x/y"), "./-x/y");
        assert!(!path("a\x1b[2J").contains('\x1b'));
        assert_eq!(quoted_word(OsStr::new("")), "''");
    }
}
