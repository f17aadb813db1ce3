//! Command lines for the user to paste into a shell.

use std::ffi::OsString;
use std::fmt;

use crate::shown::quoted_word;

pub use crate::shown::quoted_path;

/// This program as the user called it, so that a pasted command runs the same one.
pub fn program() -> String {
    let name = std::env::args_os().next();
    name.map_or_else(|| "machex".to_owned(), |name| quoted_word(&name))
}

/// A command line.
pub struct CommandLine(Vec<OsString>);

impl CommandLine {
    /// The one that started this process.
    pub fn of_this_process() -> Self {
        Self(std::env::args_os().collect())
    }

    /// Leaves out an option without a value.
    pub fn without_flag(mut self, flag: &str) -> Self {
        self.0.retain(|word| word != flag);
        self
    }

    /// Leaves out an option and its value.
    pub fn without_option(mut self, option: &str) -> Self {
        let mut is_value = false;
        self.0.retain(|word| {
            let rest = word.to_str().and_then(|word| word.strip_prefix(option));
            let is_kept =
                !is_value && !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
            is_value = !is_value && rest == Some("");
            is_kept
        });
        self
    }

    /// Adds an option without a value.
    pub fn with_flag(mut self, flag: &str) -> Self {
        self.0.push(flag.into());
        self
    }
}

/// As it can be pasted into a shell.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|word| quoted_word(word)).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> CommandLine {
        CommandLine(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn an_option_is_left_out_with_its_value() {
        for line in [
            "machex materialize --part 1/3 c.yml --workers 4",
            "machex materialize --part=1/3 c.yml --workers 4",
        ] {
            let finish = command(line).without_option("--part").with_flag("--finish");
            assert_eq!(
                finish.to_string(),
                "machex materialize c.yml --workers 4 --finish"
            );
        }
        assert_eq!(
            command("machex materialize --finish c.yml")
                .without_flag("--finish")
                .to_string(),
            "machex materialize c.yml"
        );
    }
}
