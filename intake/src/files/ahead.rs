//! JSON lines, read some thousands ahead and decoded on all processors, in their order.

use std::{
    collections::VecDeque,
    io::{self, BufReader},
    num::NonZero,
    thread,
};

use events::{Timestamp, TradeClosed};

use super::{
    lines::{Line, Lines},
    too_long,
};
use crate::{Rejection, TradeFormat};

/// A line, and what it is.
type Decoded = (Vec<u8>, Result<TradeClosed, Rejection>);

/// Lines that are decoded together, at most.
const MOST_LINES: usize = 8192;
/// Fewer are not worth a thread.
const WORTH: usize = 512;

pub(super) struct Ahead<R> {
    lines: Lines<BufReader<R>>,
    trades: TradeFormat,
    now: Timestamp,
    decoded: VecDeque<Decoded>,
    /// Why reading broke off after them.
    broken: Option<io::Error>,
}

impl<R: io::Read> Ahead<R> {
    pub(super) fn new(lines: Lines<BufReader<R>>, trades: TradeFormat, now: Timestamp) -> Self {
        Self { lines, trades, now, decoded: VecDeque::new(), broken: None }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Decoded>> {
        if self.decoded.is_empty() {
            let lines = self.read();
            self.decode(lines);
        }
        match self.decoded.pop_front() {
            Some(decoded) => Ok(Some(decoded)),
            None => self.broken.take().map_or(Ok(None), Err),
        }
    }

    /// What one read of the file gives: from a pipe, a line is not kept waiting for others.
    fn read(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        while lines.is_empty() || lines.len() < MOST_LINES && !self.lines.is_drained() {
            match self.lines.next_filled() {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => break,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        lines
    }

    fn decode(&mut self, mut lines: Vec<Line>) {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = lines.len().div_ceil(threads).max(WORTH);
        let (trades, now) = (&self.trades, self.now);
        let mut shares = Vec::with_capacity(threads);
        while lines.len() > share {
            shares.push(lines.split_off(lines.len() - share));
        }
        thread::scope(|scope| {
            let others: Vec<_> =
                shares.into_iter().map(|share| scope.spawn(move || decode_all(share, trades, now))).collect();
            self.decoded.extend(decode_all(lines, trades, now));
            for other in others.into_iter().rev() {
                match other.join() {
                    Ok(decoded) => self.decoded.extend(decoded),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
}

fn decode_all(lines: Vec<Line>, trades: &TradeFormat, now: Timestamp) -> Vec<Decoded> {
    let decode = |line: Line| {
        let decoded = if line.cut { Err(too_long(trades)) } else { trades.decode(&line.bytes, None, now) };
        (line.bytes, decoded)
    };
    lines.into_iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json, sample::SampleTrades};

    /// Gives some bytes at a time, as a pipe does, then fails.
    struct Pipe(Vec<Vec<u8>>);

    impl io::Read for Pipe {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("gone"));
            }
            let bytes = self.0.remove(0);
            out[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }

    fn rows_of(pipe: Pipe) -> Ahead<Pipe> {
        let now = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        Ahead::new(Lines::new(BufReader::with_capacity(4 << 20, pipe), 1 << 20), TradeFormat::default(), now)
    }

    fn lines(count: u64) -> Vec<Vec<u8>> {
        SampleTrades::new(5, count)
            .map(|trade| [json::to_record(&trade).unwrap(), b"\n".to_vec()].concat())
            .collect()
    }

    #[test]
    fn rows_keep_their_order_on_all_threads_and_come_before_the_fault() {
        let mut rows = rows_of(Pipe(lines(9000).chunks(4500).map(<[Vec<u8>]>::concat).collect()));
        for trade in SampleTrades::new(5, 9000) {
            assert_eq!(rows.next().unwrap().unwrap().1, Ok(trade));
        }
        assert_eq!(rows.next().unwrap_err().to_string(), "gone");
    }

    #[test]
    fn a_line_that_came_is_not_kept_waiting_for_the_next() {
        let mut rows = rows_of(Pipe(lines(2)));
        assert!(rows.next().unwrap().is_some());
        assert!(rows.lines.is_drained());
        assert!(rows.broken.is_none() && rows.next().unwrap().is_some());
    }
}
