//! Those who wait for news of the log, and those whose calls are answered. Whoever waits keeps no thread: one thread
//! follows the log for all of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_web::web;
use events::FamilySet;
use store::EventLog;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{calls::Call, problem::Problem};

use super::state::AppState;

/// Calls that are answered or queue for a thread, at most; more are told to come again.
const ANSWERED_AT_ONCE: usize = 512;

/// How long it takes at most until the end of the process is seen.
const GLANCE: Duration = Duration::from_millis(200);

/// Whoever waits looks again at most so often: news often come in crowds.
const PAUSE: Duration = Duration::from_millis(50);

/// Where calls are answered.
pub(super) struct Lobby {
    head: watch::Receiver<u64>,
    gone: Arc<AtomicBool>,
    follower: Option<JoinHandle<()>>,
    answered: Arc<AtomicUsize>,
}

impl Lobby {
    /// Follows a log until this is dropped or the process stops.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn open(state: &AppState) -> std::io::Result<Self> {
        let (sender, head) = watch::channel(state.sources.log.events.head());
        let gone = Arc::new(AtomicBool::new(false));
        let (log, ends) =
            (Arc::clone(&state.sources.log.events), [Arc::clone(&gone), Arc::clone(&state.sources.stopping)]);
        let follow = move || follow(&*log, &sender, &ends);
        let follower = thread::Builder::new().name("news".to_owned()).spawn(follow)?;
        Ok(Self { head, gone, follower: Some(follower), answered: Arc::default() })
    }

    /// Answers a call; one that waits is answered when there is something, or its time is over.
    ///
    /// # Errors
    /// The problem of the call, or that too many are under way.
    pub(super) async fn answer<C: Call>(
        &self,
        state: &web::Data<AppState>,
        mut call: C,
    ) -> Result<C::Answer, Problem> {
        let (mut head, until) = (self.head.clone(), Instant::now() + call.wait());
        loop {
            head.mark_unchanged();
            let (asked, state) = (call.clone(), state.clone());
            let answer = self.blocking(move || state.sources.answer(&asked)).await?;
            let again = Instant::now() + PAUSE;
            if again >= until || !call.goes_on_after(&answer) {
                return Ok(answer);
            }
            // Nothing new in time, or nobody follows any more: what there is, is the answer.
            if !matches!(timeout_at(until, head.changed()).await, Ok(Ok(()))) {
                return Ok(answer);
            }
            sleep_until(again).await;
        }
    }

    /// Does work on a thread that may wait. A panic in it is a fault of ours and told as one.
    ///
    /// # Errors
    /// What the work says, or that too much is under way.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Turn::take(&self.answered)?;
        // Panics reach nothing but the answer: what is shared stays as a panicking thread of ours may leave it.
        let work = web::block(move || {
            let _turn = turn;
            catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
        });
        work.await.unwrap_or_else(|_| Err(busy()))
    }
}

impl Drop for Lobby {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        self.follower.take().map(JoinHandle::join);
    }
}

/// Tells everybody who waits that the log has grown.
fn follow(log: &dyn EventLog, told: &watch::Sender<u64>, ends: &[Arc<AtomicBool>; 2]) {
    let mut news = log.subscribe(log.head(), FamilySet::ALL);
    while !ends.iter().any(|end| end.load(Ordering::Relaxed)) {
        let batch = news.next(1024, GLANCE);
        if batch.is_err() {
            // What cannot be read is told to who asks for it.
            thread::sleep(GLANCE);
        }
        let head = log.head();
        told.send_if_modified(|known| std::mem::replace(known, head) != head);
    }
}

/// One of the calls under way.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn take(answered: &Arc<AtomicUsize>) -> Result<Self, Problem> {
        let turn = Self(Arc::clone(answered));
        if answered.fetch_add(1, Ordering::Relaxed) < ANSWERED_AT_ONCE { Ok(turn) } else { Err(busy()) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> Problem {
    let detail = format!("{ANSWERED_AT_ONCE} requests are being answered already; try again");
    Problem::new(503, "busy", detail)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!("a request was not answered, as the code that answers it panicked: {text}");
    Problem::internal("the request could not be answered, by a fault of tradewarden; its log says more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lobby() -> Lobby {
        let (_, head) = watch::channel(0);
        Lobby { head, gone: Arc::default(), follower: None, answered: Arc::default() }
    }

    #[test]
    fn a_panic_is_a_fault_of_ours_and_not_told_as_load() {
        let told = actix_web::rt::System::new().block_on(async {
            let lobby = lobby();
            let failed = lobby.blocking(|| -> Result<(), Problem> { panic!("boom") }).await;
            (failed.unwrap_err(), lobby.blocking(|| Ok(7)).await, lobby.answered.load(Ordering::Relaxed))
        });
        assert_eq!((told.0.status, told.0.code.as_ref()), (500, "internal"));
        assert_eq!((told.1, told.2), (Ok(7), 0));
    }

    #[test]
    fn more_calls_than_can_be_answered_are_told_to_come_again() {
        let lobby = lobby();
        lobby.answered.store(ANSWERED_AT_ONCE, Ordering::Relaxed);
        let refused = actix_web::rt::System::new().block_on(lobby.blocking(|| Ok(())));
        assert_eq!(refused.unwrap_err().code, "busy");
        assert_eq!(lobby.answered.load(Ordering::Relaxed), ANSWERED_AT_ONCE);
    }
}
