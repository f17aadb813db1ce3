//! The program on a terminal.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::thread::{self, JoinHandle};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A program whose standard streams are a terminal of this size.
pub struct OnTerminal {
    pub child: Child,
    terminal: OwnedFd,
    shown: JoinHandle<String>,
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
        command
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        let child = command.spawn().unwrap();
        // Otherwise this process would hold the terminal open.
        let closed = Command::new("true");
        drop(std::mem::replace(command, closed));
        let mut reader = File::from(terminal.try_clone().unwrap());
        let shown = thread::spawn(move || {
            let mut shown = Vec::new();
            // It ends with an error when nobody has the terminal open any more.
            let _ = reader.read_to_end(&mut shown);
            String::from_utf8_lossy(&shown).into_owned()
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

    /// Waits for the end of the program, and returns what the terminal got.
    pub fn wait(mut self) -> (String, ExitStatus) {
        let status = self.child.wait().unwrap();
        (self.shown.join().unwrap().replace("\r\n", "\n"), status)
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
