//! An actor in the simulation: its cycle, the snapshots it may start from, and instances that should be dead.

use std::sync::Arc;

use actors::Decider;
use events::{Timestamp, Uuid};
use runtime::simulate::{self, CycleError, Kind, Stepped};
use store::{EventLog, Snapshots};

use super::stage::Stage;

/// An actor's place in a process.
pub(super) struct Member {
    kind: Kind,
    cycle: Option<Box<dyn Stepped>>,
    /// An instance that was replaced and whose thread has not ended: it may wake up.
    zombie: Option<Box<dyn Stepped>>,
    /// Whether a replaced instance may have appended behind the running one's back.
    was_replaced: bool,
}

/// How an instance ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At once.
    Crash,
    /// With a snapshot.
    Stop,
    /// It stood still and was replaced.
    Replaced,
}

/// Every actor, one of them played by `D`.
pub(super) fn all<D: Decider>() -> Vec<Member> {
    let played = |kind: &Kind| if kind.name() == D::NAME { Kind::of::<D>() } else { *kind };
    simulate::ALL.iter().map(|kind| Member::new(played(kind))).collect()
}

impl Member {
    const fn new(kind: Kind) -> Self {
        Self { kind, cycle: None, zombie: None, was_replaced: false }
    }

    /// The actor takes a turn; afterwards, or because of a fault, its instance may end.
    pub(super) fn live(&mut self, stage: &mut Stage) {
        if self.zombie.is_some() && stage.random.chance(40) {
            self.wake_zombie(stage);
            return;
        }
        let snapshots = stage.draw_snapshots();
        let armed = stage.arm();
        let turned = self.turn(&stage.log, snapshots, stage.run_id);
        let disturbed = stage.disarm(armed) || self.was_replaced;
        match turned {
            Ok(()) => self.survive(stage),
            Err(error) => {
                if !disturbed {
                    stage.violations.push(format!("{} failed without a fault: {error}", self.kind.name()));
                }
                stage.timers.tell(self.kind.name(), None);
                // A process that ends while an actor waits to be restarted may try to save what the actor holds.
                self.end(if stage.random.chance(50) { End::Stop } else { End::Crash });
            }
        }
    }

    /// Takes one turn, and starts before that unless it runs.
    fn turn(
        &mut self,
        log: &Arc<dyn EventLog>,
        snapshots: Option<Snapshots>,
        run_id: Uuid,
    ) -> Result<(), CycleError> {
        let cycle = match &mut self.cycle {
            Some(cycle) => cycle,
            None => self.cycle.insert(self.kind.resume(log, snapshots, run_id)?),
        };
        cycle.turn()
    }

    fn survive(&mut self, stage: &mut Stage) {
        stage.timers.tell(self.kind.name(), self.deadline(&*stage.log));
        match stage.random.below(100) {
            0..8 => self.end(End::Crash),
            8..18 => self.end(End::Stop),
            18..22 => {
                self.end(End::Replaced);
                stage.timers.tell(self.kind.name(), None);
            }
            22..32 => self.cycle.iter_mut().for_each(|cycle| cycle.save()),
            _ => {}
        }
    }

    fn end(&mut self, end: End) {
        let Some(mut cycle) = self.cycle.take() else { return };
        match end {
            End::Crash => {}
            End::Stop => cycle.save(),
            End::Replaced => (self.zombie, self.was_replaced) = (Some(cycle), true),
        }
    }

    /// The replaced instance takes a turn; it may fail, and ends then.
    fn wake_zombie(&mut self, stage: &mut Stage) {
        let armed = stage.arm();
        let zombie = self.zombie.as_mut();
        let failed = zombie.is_some_and(|zombie| zombie.turn().is_err());
        stage.disarm(armed);
        if failed {
            self.zombie = None;
        }
    }

    /// The process ends, and every instance with it.
    pub(super) fn end_process(&mut self, end: End) {
        self.end(end);
        *self = Self::new(self.kind);
    }

    /// One turn without a fault; answers whether everything in the log was read.
    pub(super) fn rest(&mut self, stage: &mut Stage) -> bool {
        if let Err(error) = self.turn(&stage.log, None, stage.run_id) {
            if !self.was_replaced {
                stage.violations.push(format!("{} failed without a fault: {error}", self.kind.name()));
            }
            self.end(End::Crash);
        }
        let deadline = self.deadline(&*stage.log);
        stage.timers.tell(self.kind.name(), deadline);
        let over = deadline.is_none_or(|deadline| deadline > stage.now());
        over && self.cycle.as_ref().is_some_and(|cycle| cycle.position() >= stage.log.head())
    }

    /// When it wants to be woken; only known once everything was read.
    fn deadline(&self, log: &dyn EventLog) -> Option<Timestamp> {
        let cycle = self.cycle.as_ref().filter(|cycle| cycle.position() >= log.head());
        cycle.and_then(|cycle| cycle.next_deadline())
    }
}
