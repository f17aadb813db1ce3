//! The queue of log lines. A separate thread writes them, so that a bad output (a full disk, a pipe
//! whose reader is gone or asleep, a closed terminal) neither fails nor delays a thread that logs.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::file::LogFile;
use super::{Style, style_line};
use crate::progress::above_bars;
use crate::shown::Show as _;

/// How many lines can wait to be written; further lines are dropped and counted.
const WAITING: usize = 1024;

/// How often `flush` checks whether the queue has room.
const INTERVAL: Duration = Duration::from_millis(5);

/// How many lines may be written per window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub lines: u32,
    pub window: Duration,
}

/// Where lines are written.
#[derive(Debug)]
pub(super) enum Output {
    ErrorOutput,
    File(LogFile),
}

impl Output {
    /// Bytes that cannot be written are lost: there is nowhere to report it.
    fn write(&mut self, bytes: &[u8]) {
        match self {
            Output::File(file) => file.write(bytes),
            Output::ErrorOutput => above_bars(|| write_to_error_output(bytes)),
        }
    }
}

/// Not through `io::stderr`: this may block, and must not hold its lock meanwhile.
fn write_to_error_output(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

enum Message {
    Line(Vec<u8>),
    /// A line that ignores the limit.
    Urgent(Vec<u8>),
    Flush(mpsc::Sender<()>),
}

/// The sending end of the queue. Writing to it always succeeds, and at once.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the thread that writes.
    pub(super) fn start(output: Output, style: Style, limit: Option<Limit>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut end = End {
            output,
            style,
            limit,
            begin: Instant::now(),
            written: 0,
            left_out: 0,
            dropped: Arc::clone(&dropped),
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || end.run(&receiver))?;
        Ok(Self { sender, dropped })
    }

    /// Adds a line that ignores the limit.
    pub(super) fn urgent(&self, line: Vec<u8>) {
        self.send(Message::Urgent(line));
    }

    fn send(&self, message: Message) {
        if self.sender.try_send(message).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all added lines are written, for at most `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (done, is_done) = mpsc::channel();
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(back)) = self.sender.try_send(message) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(INTERVAL);
            message = back;
        }
        // Gives up if the output blocks.
        let _ = is_done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl io::Write for Queue {
    /// Takes a whole line: the formatter writes each line in one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.send(Message::Line(safe(line)));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes everything that should have been escaped before.
fn safe(line: &[u8]) -> Vec<u8> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let mut safe = OsStr::from_bytes(text).shown().to_string().into_bytes();
    safe.push(b'\n');
    safe
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The receiving end of the queue, on its own thread.
struct End {
    output: Output,
    style: Style,
    limit: Option<Limit>,
    /// Start of the current window, and how many lines were written and left out in it.
    begin: Instant,
    written: u32,
    left_out: u64,
    dropped: Arc<AtomicU64>,
}

impl End {
    fn run(&mut self, receiver: &mpsc::Receiver<Message>) {
        loop {
            let message = match self.until_summary() {
                Some(left) => receiver.recv_timeout(left),
                None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Line(line)) => self.line(&line),
                Ok(Message::Urgent(line)) => self.output.write(&line),
                Ok(Message::Flush(done)) => {
                    self.sum_up();
                    // The thread that waited may have given up.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.sum_up(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Time until the summary of left-out lines is due, if there are any.
    fn until_summary(&mut self) -> Option<Duration> {
        self.left_out += self.dropped.swap(0, Ordering::Relaxed);
        let window = self.limit.map_or(Duration::ZERO, |limit| limit.window);
        let left = (self.begin + window).saturating_duration_since(Instant::now());
        (self.left_out > 0).then_some(left)
    }

    fn line(&mut self, line: &[u8]) {
        let Some(limit) = self.limit else {
            return self.output.write(line);
        };
        if self.begin.elapsed() >= limit.window {
            self.sum_up();
        }
        if self.written < limit.lines {
            self.written += 1;
            self.output.write(line);
        } else {
            self.left_out += 1;
        }
    }

    /// Logs how many lines were left out, and starts a new window.
    fn sum_up(&mut self) {
        self.left_out += self.dropped.swap(0, Ordering::Relaxed);
        if self.left_out > 0 {
            let text = format!("{} more lines were left out", self.left_out);
            let line = style_line(self.style, tracing::Level::WARN, &text);
            self.output.write(&line);
        }
        (self.begin, self.written, self.left_out) = (Instant::now(), 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn lines_of(limit: Option<Limit>, count: u32) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file = LogFile::named(&path).unwrap();
        let mut queue = Queue::start(Output::File(file), Style::Plain, limit).unwrap();
        for number in 0..count {
            queue
                .write_all(format!("line {number}\n").as_bytes())
                .unwrap();
        }
        queue.flush(Duration::from_secs(60));
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let window = Duration::from_secs(3600);
        let lines = lines_of(Some(Limit { lines: 3, window }), 10);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[3].contains("7 more lines"), "{lines:?}");
        assert_eq!(lines_of(None, 10).len(), 10);
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let line = b"WARN a\nWARN all is well \x1b[2J\xff\n";
        assert_eq!(safe(line), b"WARN a\\nWARN all is well \\x1b[2J\\xff\n");
    }

    #[test]
    fn an_output_that_blocks_holds_up_nobody() {
        // The log thread writes to a pipe without a reader.
        let (reader, writer) = io::pipe().unwrap();
        let file = LogFile::of_device(fs::File::from(std::os::fd::OwnedFd::from(writer)));
        let mut queue = Queue::start(Output::File(file), Style::Plain, None).unwrap();
        let started = Instant::now();
        let line = [b'x'; 1000];
        for _ in 0..5 * WAITING {
            queue.write_all(&line).unwrap();
        }
        queue.flush(Duration::from_millis(100));
        assert!(started.elapsed() < Duration::from_secs(10));
        // The reader goes away, and further writes fail.
        drop(reader);
        queue.flush(Duration::from_secs(10));
    }
}
