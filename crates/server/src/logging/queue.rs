//! Lines on their way to whoever reads the log: a bounded queue in front of one thread that may wait.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::OWN_TARGET;

/// Most lines that wait.
const MAX_LINES: usize = 16_384;
/// Most bytes of them.
const MAX_BYTES: usize = 4 << 20;
/// How often the log says at most what it dropped.
const TELL_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    /// No more lines are to come.
    closed: bool,
    /// A line is being written.
    in_hand: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// A line has come, or the end.
    came: Condvar,
    /// All is written.
    done: Condvar,
}

impl Queue {
    /// Adds a line, or counts it where there is no room. Never waits for the reader.
    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.closed || state.lines.len() >= MAX_LINES || state.bytes + line.len() > MAX_BYTES {
            state.dropped += 1;
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line.to_vec());
        drop(state);
        self.came.notify_one();
    }

    /// Lines that were not written.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Takes no more lines, and waits until those there are have been written, for `within` at most.
    pub(super) fn finish(&self, within: Duration) {
        self.lock().closed = true;
        self.came.notify_one();
        self.flush(within);
    }

    /// Waits until all lines there are have been written, for `within` at most.
    pub(super) fn flush(&self, within: Duration) {
        let state = self.lock();
        let waits = |state: &mut State| state.in_hand || !state.lines.is_empty();
        // Whoever does not read in time is not waited for.
        drop(self.done.wait_timeout_while(state, within, waits));
    }

    /// The body of the thread that writes. `each_second` may log.
    pub(super) fn write_to(&self, mut out: impl Write, each_second: impl Fn()) {
        let mut told = 0;
        let mut next = Instant::now() + TELL_EVERY;
        // A terminal that was closed or a pipe whose reader ended: a line about it could not be written either.
        let mut is_gone = false;
        while let Some(line) = self.wait(next) {
            if let Some(line) = &line {
                is_gone = out.write_all(line).is_err();
                self.lock().dropped += u64::from(is_gone);
            }
            if Instant::now() >= next {
                next = Instant::now() + TELL_EVERY;
                let dropped = self.dropped();
                if dropped > told && !is_gone {
                    tracing::warn!(
                        target: OWN_TARGET,
                        lines = dropped - told,
                        "log lines were dropped: nobody read them in time"
                    );
                    told = dropped;
                }
                each_second();
            }
        }
    }

    /// The next line, or `Some(None)` where none came until then; `None` at the end.
    fn wait(&self, until: Instant) -> Option<Option<Vec<u8>>> {
        let mut state = self.lock();
        state.in_hand = false;
        if state.lines.is_empty() {
            self.done.notify_all();
        }
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.bytes -= line.len();
                state.in_hand = true;
                return Some(Some(line));
            }
            if state.closed {
                return None;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(None);
            }
            state = self.came.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one line: the layer that formats writes each at once.
#[derive(Debug)]
pub(super) struct Line(Arc<Queue>);

impl Line {
    pub(super) const fn new(queue: Arc<Queue>) -> Self {
        Self(queue)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    /// A reader that takes a line whenever it is told to.
    struct Stalled(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            self.1.send(bytes.to_vec()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_stops_nobody_and_what_it_missed_is_counted() {
        let queue = Arc::new(Queue::default());
        let (go, told) = channel();
        let (sender, written) = channel();
        let writer = Arc::clone(&queue);
        let thread = thread::spawn(move || writer.write_to(Stalled(told, sender), || {}));
        for n in 0..MAX_LINES + 100 {
            queue.push(format!("{n}\n").as_bytes());
        }
        // One may be in the writer's hand.
        let dropped = queue.dropped();
        assert!((99..=100).contains(&dropped), "{dropped}");
        queue.finish(Duration::ZERO);
        queue.push(b"too late");
        assert_eq!(queue.dropped(), dropped + 1);
        let kept = MAX_LINES + 100 - usize::try_from(dropped).unwrap();
        for _ in 0..kept {
            go.send(()).unwrap();
        }
        thread.join().unwrap();
        let lines: Vec<Vec<u8>> = written.iter().collect();
        assert_eq!(lines.len(), kept);
        assert_eq!(lines.first().map(Vec::as_slice), Some(&b"0\n"[..]), "the oldest are kept, in order");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = Queue::default();
        let line = vec![b'x'; 100_000];
        for _ in 0..100 {
            queue.push(&line);
        }
        assert_eq!(queue.dropped(), 100 - (MAX_BYTES / line.len()) as u64);
    }

    #[test]
    fn the_last_lines_are_written_at_the_end() {
        let queue = Arc::new(Queue::default());
        let (sender, written) = channel();
        let (go, told) = channel();
        for _ in 0..3 {
            queue.push(b"line\n");
            go.send(()).unwrap();
        }
        let writer = Arc::clone(&queue);
        let thread = thread::spawn(move || writer.write_to(Stalled(told, sender), || {}));
        queue.finish(Duration::from_secs(30));
        assert_eq!(written.try_iter().count(), 3);
        thread.join().unwrap();
    }
}
