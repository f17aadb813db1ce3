//! The program on a terminal, and what that shows at every moment.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};

use anstream::adapter::strip_str;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Bench, without_surroundings};

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
    OnTerminal::start(&mut bench.command(arguments), COLUMNS, ROWS).wait()
}

/// A program whose standard streams are a terminal of this size.
pub struct OnTerminal {
    pub child: Child,
    terminal: OwnedFd,
    shown: JoinHandle<Vec<u8>>,
}

impl OnTerminal {
    pub fn start(command: &mut Command, columns: u16, rows: u16) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        resize(&terminal, columns, rows);
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .open(name.to_str().unwrap())
                .unwrap()
        };
        command.stdin(open()).stdout(open()).stderr(open());
        without_surroundings(command).env("TERM", "xterm-256color");
        let child = command.spawn().unwrap();
        // Otherwise this process would hold the terminal open.
        let closed = Command::new("true");
        drop(std::mem::replace(command, closed));
        let mut reader = File::from(terminal.try_clone().unwrap());
        let shown = thread::spawn(move || {
            let mut shown = Vec::new();
            // It ends with an error when nobody has the terminal open any more.
            let _ = reader.read_to_end(&mut shown);
            shown
        });
        Self {
            child,
            terminal,
            shown,
        }
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        resize(&self.terminal, columns, rows);
    }

    /// Waits for the end of the program.
    pub fn wait(mut self) -> Shown {
        let status = self.child.wait().unwrap();
        Shown {
            output: self.shown.join().unwrap(),
            status: status.code().unwrap_or(-1),
        }
    }
}

fn resize(terminal: impl AsFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
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

/// The number of columns of a text, and the line with the most.
pub fn widest(text: &str) -> (usize, String) {
    let plain = strip_str(text).to_string();
    let lines = plain
        .lines()
        .map(|line| (line.chars().count(), line.to_owned()));
    lines.max().unwrap_or_default()
}
