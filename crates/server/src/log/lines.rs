//! Where log lines wait to be written. A request adds its line to a buffer and goes on; one thread writes what has
//! gathered, in one piece, every few milliseconds. When the reader of the log hangs, lines are counted and dropped: the
//! registry never waits for its log.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait; about a second's worth at the highest load.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// How long lines gather before they are written. Nobody who watches notices.
const GATHER: Duration = Duration::from_millis(5);
/// What a buffer keeps when it has been written, so that one burst does not hold its memory for ever.
const KEPT_BYTES: usize = 256 << 10;

/// Takes lines.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
    is_closed: bool,
}

/// Writes the lines; when it is dropped, all are out.
#[derive(Debug)]
pub(crate) struct Writing {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl Writing {
    /// Starts the thread.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Lines, Self)> {
        let lines = Lines(Arc::default());
        let source = lines.clone();
        let thread = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || source.write_to(out))?;
        let writing = Self {
            lines: lines.clone(),
            thread: Some(thread),
        };
        Ok((lines, writing))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.lines.waiting().is_closed = true;
        self.lines.0.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It only fails for a panic, and there is no log left to tell of one.
            drop(thread.join());
        }
    }
}

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // What is inside is whole at every moment.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut out: impl Write) {
        let mut taken = Vec::new();
        loop {
            let (dropped, is_closed) = {
                let is_idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.is_closed;
                let waiting = self.0.changed.wait_while(self.waiting(), is_idle);
                let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
                mem::swap(&mut taken, &mut waiting.bytes);
                (mem::take(&mut waiting.dropped), waiting.is_closed)
            };
            // A log that nobody reads any more has nobody to tell about it.
            drop(out.write_all(&taken));
            if dropped > 0 {
                drop(writeln!(
                    out,
                    "{{\"level\":\"WARN\",\"message\":\"{dropped} log lines were dropped\"}}"
                ));
            }
            taken.clear();
            taken.shrink_to(KEPT_BYTES);
            if is_closed {
                return;
            }
            thread::sleep(GATHER);
        }
    }
}

impl Write for Lines {
    /// Takes a whole line; `tracing` writes each in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.waiting();
        if waiting.bytes.len() + line.len() > MAX_WAITING_BYTES {
            waiting.dropped += 1;
            return Ok(line.len());
        }
        let was_empty = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.0.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_out_in_order_when_writing_ends() {
        let page = Page::default();
        let (mut lines, writing) = Writing::start(page.clone()).unwrap();
        let expected: String = (0..10_000).map(|number| format!("{number}\n")).collect();
        for line in expected.lines() {
            lines.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        drop(writing);
        assert_eq!(page.0.lock().unwrap().as_slice(), expected.as_bytes());
    }

    /// Hangs until it is let go.
    struct Hung(mpsc::Receiver<()>, Page);

    impl Write for Hung {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_dropped_and_counted_when_nobody_reads() {
        let (go, wait) = mpsc::channel();
        let page = Page::default();
        let (mut lines, writing) = Writing::start(Hung(wait, page.clone())).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..50 {
            lines.write_all(&line).unwrap();
        }
        drop(go);
        drop(writing);
        let written = page.0.lock().unwrap();
        assert!(written.len() < 40 << 20);
        let told = String::from_utf8_lossy(&written);
        assert!(told.contains("log lines were dropped"));
    }
}
