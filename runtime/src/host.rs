//! The one file that knows actix: a decider's cycle on a thread of its own, under a supervisor that restarts it.
//!
//! A panic in a decider is caught, recorded and answered by folding anew from the log, with back-off; three times
//! at the same input, and the actor is quarantined. (Left to itself, actix ends a supervised actor for good when a
//! handler panics, and its supervisor keeps the old state.)

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message, Supervised, Supervisor};
use actors::Decider;
use store::{AppendError, Inflow, Recorder, Snapshots, panic_message};

use crate::{
    cycle::{BATCH, Cycle, CycleError, Doing},
    status::{ActorState, Status},
    supervisor::{self, MAX_FAILURES},
};

/// How long one turn waits for events: a stop is noticed after that.
const TURN: Duration = Duration::from_millis(100);

/// Who guards nothing gathers what comes in for so long: to wake for every single event costs more than to fold it. While
/// the log is being filled a guard does so, too: an append for each piece that it reads is a sync for each.
const GATHER: Duration = Duration::from_millis(20);

/// Errors of the log at the same input after which an actor is taken out of service: some two minutes.
const MAX_ERRORS: u32 = 8;

/// The longest pause between two attempts.
const MAX_BACKOFF_S: u64 = 60;

/// Starts a decider on a thread of its own; it runs until its status is told to stop.
pub(crate) fn start<D: Decider>(
    recorder: Recorder,
    snapshots: Option<Snapshots>,
    status: Arc<Status>,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(D::NAME.into()).spawn(move || {
        let ended = Arc::clone(&status);
        let system = actix::System::new();
        let run = async move { Supervisor::start(|_| Host::<D>::new(recorder, snapshots, status)) };
        // Kept: without an address the supervisor ends the actor instead of restarting it.
        let _address = system.block_on(run);
        if let Err(error) = system.run() {
            tracing::error!(actor = D::NAME, %error, "the actor's thread ended");
        }
        ended.set(ActorState::Stopped);
    })
}

struct Host<D: Decider> {
    recorder: Recorder,
    snapshots: Option<Snapshots>,
    status: Arc<Status>,
    cycle: Option<Box<Cycle<D>>>,
    inflow: Inflow,
}

/// What follows on a turn that failed.
enum After {
    /// Fold anew after so long.
    Pause(Duration),
    /// Nothing, until the process ends.
    WaitForStop,
}

/// Take the next turn. The events themselves are pulled from the log, never sent.
struct Wake;

impl Message for Wake {
    type Result = ();
}

impl<D: Decider> Actor for Host<D> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.notify(Wake);
    }
}

impl<D: Decider> Supervised for Host<D> {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.cycle = None;
        // It is watched again: who stands still after a failure is found, too.
        self.status.set(ActorState::Starting);
    }
}

impl<D: Decider> Handler<Wake> for Host<D> {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        if self.status.is_told_to_stop() {
            if let Some(cycle) = self.cycle.as_mut().filter(|_| !self.status.is_replaced()) {
                trust_if_compared(cycle, &self.status);
                cycle.save();
            }
            actix::System::current().stop();
            return;
        }
        match self.turn() {
            Ok(()) if self.is_behind() || !self.gathers() => ctx.notify(Wake),
            Ok(()) => drop(ctx.notify_later(Wake, GATHER)),
            // The supervisor restarts it with an empty state.
            Err(After::Pause(pause)) => drop(ctx.run_later(pause, |_, ctx| actix::ActorContext::stop(ctx))),
            Err(After::WaitForStop) => self.wait_for_stop(ctx),
        }
    }
}

impl<D: Decider> Host<D> {
    fn new(recorder: Recorder, snapshots: Option<Snapshots>, status: Arc<Status>) -> Self {
        let inflow = Inflow::new(&*recorder.log);
        Self { recorder, snapshots, status, cycle: None, inflow }
    }

    /// One turn, or what follows on its failure.
    fn turn(&mut self) -> Result<(), After> {
        let (status, cycle) = (&self.status, &mut self.cycle);
        let (recorder, snapshots) = (&self.recorder, &self.snapshots);
        let turned = catch_unwind(AssertUnwindSafe(|| -> Result<(), CycleError> {
            let cycle = match cycle {
                Some(cycle) => cycle,
                None => {
                    let resumed = Cycle::resume(&recorder.log, snapshots.clone(), recorder.run_id)?;
                    status.set_snapshot(resumed.snapshot());
                    cycle.insert(Box::new(resumed))
                }
            };
            trust_if_compared(cycle, status);
            let decided = cycle.turn(TURN, &mut |doing| match doing {
                Doing::Deciding(position) => status.begin(position),
                Doing::Appending => status.set_appending(true),
            })?;
            status.advance(cycle.position(), decided);
            let caught_up = cycle.position() >= recorder.log.head();
            status.set_deadline(if caught_up { cycle.next_deadline() } else { None });
            Ok(())
        }));
        status.set_appending(false);
        match turned {
            Ok(Ok(())) => {
                self.got_past();
                Ok(())
            }
            Ok(Err(CycleError::Append(AppendError::Stopped(why)))) => Err(self.log_stopped(&why)),
            Ok(Err(error @ CycleError::Append(AppendError::Encode { .. }))) => {
                Err(self.failed(&error.to_string(), MAX_FAILURES))
            }
            Ok(Err(error)) => Err(self.failed(&error.to_string(), MAX_ERRORS)),
            Err(panic) => Err(self.failed(&panic_message(&*panic), MAX_FAILURES)),
        }
    }

    /// Whether it waits a little before the next turn. A guard does not where events come as they happen.
    fn gathers(&mut self) -> bool {
        !D::GUARDS || self.inflow.is_flood(&*self.recorder.log)
    }

    /// Whether there is more than one turn takes in.
    fn is_behind(&self) -> bool {
        self.recorder.log.head() > self.status.position() + BATCH as u64
    }

    fn got_past(&self) {
        if !self.status.is_replaced() {
            self.status.got_past(self.status.position());
        }
        self.status.set(ActorState::Running);
    }

    /// The log takes nothing more until it is opened again: nothing of ours is at fault, and nothing is to be won by
    /// folding anew.
    fn log_stopped(&self, why: &str) -> After {
        self.status.tell(why);
        self.status.set(ActorState::BackingOff);
        After::WaitForStop
    }

    /// Records the failure; answers the back-off 1, 2, 4 … 60 s. An input that makes the decider panic three times
    /// ends in quarantine; an error of the disk may pass and is given more time.
    fn failed(&self, message: &str, max_attempts: u32) -> After {
        if self.status.is_replaced() {
            tracing::info!(actor = D::NAME, message, "an instance that was replaced ends");
            return After::WaitForStop;
        }
        let position = self.status.begun();
        let attempts = self.status.fails_again(position);
        tracing::error!(actor = D::NAME, position, attempts, message, "the actor failed and folds anew");
        supervisor::record_failure(&self.recorder, D::NAME, position, message, attempts);
        self.status.failed(message);
        if attempts >= max_attempts {
            supervisor::record_quarantine(&self.recorder, D::NAME, position, message);
            self.status.quarantine();
            return After::WaitForStop;
        }
        After::Pause(Duration::from_secs((1 << (attempts - 1).min(6)).min(MAX_BACKOFF_S)))
    }

    fn wait_for_stop(&self, ctx: &mut Context<Self>) {
        ctx.run_later(TURN, |host, ctx| {
            if host.status.is_told_to_stop() { ctx.notify(Wake) } else { host.wait_for_stop(ctx) }
        });
    }
}

fn trust_if_compared<D: Decider>(cycle: &mut Cycle<D>, status: &Status) {
    if status.snapshot().is_none() {
        cycle.trust();
    }
}
