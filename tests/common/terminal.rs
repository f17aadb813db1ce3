//! What a command shows on a terminal, at every moment.

use std::process::Command;

use super::Bench;

/// As in most terminals before somebody drags them.
pub const COLUMNS: u16 = 80;

/// Enough for everything that a command of a test prints.
const ROWS: u16 = 120;

/// A command that ran on a terminal.
pub struct Shown {
    output: Vec<u8>,
    pub status: i32,
}

/// Runs the program to its end on a terminal of 80 columns that has colour.
pub fn on_terminal(bench: &Bench, arguments: &[&str]) -> Shown {
    let program = env!("CARGO_BIN_EXE_machex");
    let words = [&[program], arguments].concat();
    let line = format!(
        "stty cols {COLUMNS} rows {ROWS}; exec '{}'",
        words.join("' '")
    );
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(bench.path("."))
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color");
    let output = command.output().unwrap();
    Shown {
        output: output.stdout,
        status: output.status.code().unwrap_or(-1),
    }
}

impl Shown {
    /// The lines on the screen after each line feed and cursor movement of the output; the last are
    /// those that stay.
    pub fn screens(&self) -> Vec<Vec<String>> {
        let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
        let mut screens = Vec::new();
        for chunk in self
            .output
            .split_inclusive(|byte| matches!(byte, b'\n' | b'\r'))
        {
            terminal.process(chunk);
            screens.push(lines(terminal.screen()));
        }
        screens
    }

    /// What stays on the screen.
    pub fn last_screen(&self) -> Vec<String> {
        self.screens().pop().unwrap_or_default()
    }

    /// The bytes that the command wrote.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

fn lines(screen: &vt100::Screen) -> Vec<String> {
    let rows = screen.rows(0, COLUMNS).map(|row| row.trim_end().to_owned());
    let mut lines: Vec<String> = rows.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
