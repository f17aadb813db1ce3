//! Work that may wait for a disk or a server: where it takes long, somebody is told what it waits for.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// After how long it is said first; then after twice as long each time.
const LONG: Duration = Duration::from_secs(10);

thread_local! {
    /// Whether somebody is told already if what this thread does takes long.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` on this thread. While that takes long, lines on the error output say so, with `doing`
/// for what it does, such as `reading the lists of MIMIC_ROOT, /data/mimic`: a server that does not
/// answer may hold this thread where no signal ends it, without an error ever.
///
/// Of calls within one another, the outermost tells. Not by the log, which may not have been opened yet, or may be on a disk that does not answer.
pub fn announce_if_slow<T>(doing: impl Into<String>, work: impl FnOnce() -> T) -> T {
    if IS_WATCHED.replace(true) {
        return work();
    }
    let done = tell_if_longer(LONG, doing.into(), say, work);
    IS_WATCHED.set(false);
    done
}

fn say(line: &str) {
    // Best effort: this is for a person who wonders.
    let _ = writeln!(io::stderr(), "{line}");
}

/// The thread that tells is not waited for: its output may be a pipe that nobody reads.
fn tell_if_longer<T>(
    first: Duration,
    doing: String,
    tell: impl Fn(&str) + Send + 'static,
    work: impl FnOnce() -> T,
) -> T {
    let (end, ended) = mpsc::channel::<()>();
    let watch = move || {
        let (begin, mut pause) = (Instant::now(), first);
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(pause) {
            let passed = begin.elapsed();
            let seconds = passed.as_secs();
            tell(&format!("machex: still {doing}, for {seconds} seconds now"));
            pause = passed;
        }
    };
    // Without a thread to be had, nobody is told.
    let _ = thread::Builder::new()
        .name("announce".to_owned())
        .spawn(watch);
    let done = work();
    drop(end);
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn told(work: Duration) -> Vec<String> {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&lines);
        let tell = move |line: &str| told.lock().unwrap().push(line.to_owned());
        let first = Duration::from_millis(50);
        let done = tell_if_longer(first, "looking".to_owned(), tell, || {
            thread::sleep(work);
            7
        });
        assert_eq!(done, 7);
        lines.lock().unwrap().clone()
    }

    #[test]
    fn an_output_that_nobody_reads_holds_nothing_up() {
        let (release, hangs) = mpsc::channel::<()>();
        let tell = move |_: &str| {
            let _ = hangs.recv();
        };
        let first = Duration::from_millis(1);
        tell_if_longer(first, "looking".to_owned(), tell, || {
            thread::sleep(Duration::from_millis(50));
        });
        drop(release);
    }

    #[test]
    fn what_takes_long_is_told_again_and_again_and_ever_more_rarely() {
        assert!(told(Duration::ZERO).is_empty());
        let lines = told(Duration::from_millis(1000));
        // At 50, 100, 200, 400 and 800 ms, or later on a busy machine.
        assert!((1..=5).contains(&lines.len()), "{lines:?}");
        assert_eq!(lines[0], "machex: still looking, for 0 seconds now");
    }
}
