//! Why a config file cannot be used, and what to do.

use std::io;
use std::path::PathBuf;

use super::syntax::SyntaxError;
use crate::shown::Show as _;

/// How to get a config to begin with.
const EXAMPLE: &str = "\"machex config > config.yml\" writes a commented example";

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Config files that are in the same folder.
    #[error("there is no such file{}", instead(.0))]
    Missing(Vec<PathBuf>),
    #[error("there is no folder {}; {EXAMPLE}", .0.shown())]
    NoFolder(PathBuf),
    /// Config files that are in this folder.
    #[error("it is a folder{}", instead(.0))]
    Folder(Vec<PathBuf>),
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("it is not text, but binary data; {EXAMPLE}")]
    Binary,
    #[error("it is in UTF-16; save it as UTF-8, for example with: iconv -f UTF-16 -t UTF-8")]
    Utf16,
    #[error(
        "line {0} is not in UTF-8; save the file as UTF-8, for example with: \
         iconv -f WINDOWS-1252 -t UTF-8"
    )]
    NotUtf8(usize),
    #[error("it has no settings; {EXAMPLE}")]
    Empty,
    #[error(
        "line {0}: the file must consist of lines \"KEY: value\", with a blank after the colon; \
         {EXAMPLE}"
    )]
    NoMapping(usize),
    #[error("{0}")]
    Syntax(SyntaxError),
    /// One line for each problem.
    #[error("{}", as_lines(.0))]
    Problems(Vec<String>),
}

/// How many problems are shown.
const SHOWN: usize = 30;

fn as_lines(problems: &[String]) -> String {
    match problems {
        [only] => only.clone(),
        many => {
            let mut lines = vec![format!("{} problems", many.len())];
            lines.extend(many.iter().take(SHOWN).cloned());
            let more = many.len().saturating_sub(SHOWN);
            if more > 0 {
                lines.push(format!("and {more} more"));
            }
            lines.join("\n  ")
        }
    }
}

/// What to name instead.
fn instead(found: &[PathBuf]) -> String {
    let shown: Vec<String> = found.iter().map(|file| file.shown().to_string()).collect();
    match shown.as_slice() {
        [] => format!("; {EXAMPLE}"),
        [only] => format!("; {only} is there: name it, as in \"machex check {only}\""),
        several => format!("; {} are there: name one of them", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_config_fills_the_screen_with_problems() {
        let problems = (0..1000).map(|number| number.to_string()).collect();
        let text = ConfigError::Problems(problems).to_string();
        assert!(text.starts_with("1000 problems\n  0\n  1\n"), "{text}");
        assert!(text.ends_with("\n  29\n  and 970 more"), "{text}");
    }
}
