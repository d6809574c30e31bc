//! Many runs on all cores. What a thread does never depends on what another one does.

use super::Family;
use super::search::{Control, OptimiseError, Progress, Search};
use super::trial::{Trial, blocks};
use crate::backtest::{Book, Execution, Market};
use crate::figures::{Figures, Scratch};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Points that a thread takes at a time: few enough to share the work out, enough to share columns.
const TASK: usize = 8;

/// Everything runs have in common.
pub(super) struct Sweep<'s, F> {
    pub family: &'s F,
    pub execution: &'s Execution,
    pub search: &'s Search,
    pub control: Control<'s>,
    pub done: &'s AtomicUsize,
    pub total: usize,
}

/// What one thread reuses from run to run.
struct Bench<'a, F: Family> {
    shared: F::Shared<'a>,
    book: Book,
    scratch: Scratch,
}

impl<F: Family> Default for Bench<'_, F> {
    fn default() -> Self {
        Self { shared: F::Shared::default(), book: Book::default(), scratch: Scratch::default() }
    }
}

impl<F: Family> Sweep<'_, F> {
    /// Runs all points on the market; trial i is of point i.
    pub(super) fn run(&self, market: &Market<'_>, points: &[Vec<f64>]) -> Result<Vec<Trial>, OptimiseError> {
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_cached_key(|&point| self.family.sharing_key(&points[point]));
        let tasks: Vec<&[usize]> = order.chunks(TASK).collect();
        let next = AtomicUsize::new(0);
        let work = || self.work(market, points, &tasks, &next);
        let threads = self.search.threads.min(tasks.len()).max(1);
        let results: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = others
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
            std::iter::once(own).chain(joined).collect()
        });
        let mut trials = Vec::with_capacity(points.len());
        for result in results {
            trials.extend(result?);
        }
        trials.sort_unstable_by_key(|(point, _)| *point);
        Ok(trials.into_iter().map(|(_, trial)| trial).collect())
    }

    /// One thread's part, by index of the point.
    fn work(
        &self,
        market: &Market<'_>,
        points: &[Vec<f64>],
        tasks: &[&[usize]],
        next: &AtomicUsize,
    ) -> Result<Vec<(usize, Trial)>, OptimiseError> {
        let mut bench = Bench::<F>::default();
        let mut trials = Vec::new();
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            for &point in *task {
                trials.push((point, self.trial(market, &points[point], &mut bench)?));
            }
            let done = self.done.fetch_add(task.len(), Ordering::Relaxed) + task.len();
            (self.control.progress)(Progress { done, total: self.total });
        }
        Ok(trials)
    }

    fn trial<'a>(
        &self,
        market: &Market<'a>,
        values: &[f64],
        bench: &mut Bench<'a, F>,
    ) -> Result<Trial, OptimiseError> {
        if self.control.cancelled.load(Ordering::Relaxed) {
            return Err(OptimiseError::Cancelled {
                done: self.done.load(Ordering::Relaxed),
                total: self.total,
            });
        }
        self.family.run(values, market, self.execution, &mut bench.shared, &mut bench.book)?;
        let figures =
            Figures::measured(market, &bench.book, &mut bench.scratch).ok_or(OptimiseError::NoCandles)?;
        let score = self.search.objective.score(&figures);
        Ok(Trial { values: values.to_vec(), figures, score, blocks: blocks(bench.scratch.day_returns()) })
    }

    /// One run outside of a sweep, whose book is wanted.
    pub(super) fn single<'a>(
        &self,
        market: &Market<'a>,
        values: &[f64],
    ) -> Result<(Trial, Book, Scratch), OptimiseError> {
        let mut bench = Bench::<F>::default();
        let trial = self.trial(market, values, &mut bench)?;
        Ok((trial, bench.book, bench.scratch))
    }

    /// Indices of trials, best first: enough trades, then the score, then the order in which they were tried.
    pub(super) fn ranking(&self, trials: &[Trial]) -> Vec<usize> {
        let merit = |trial: &Trial| {
            (trial.figures.trades >= self.search.min_trades, trial.score.unwrap_or(f64::NEG_INFINITY))
        };
        let mut order: Vec<usize> = (0..trials.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (merit(&trials[a]), merit(&trials[b]));
            b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        order
    }
}
