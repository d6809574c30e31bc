//! The actors of a process at work: each in a thread of its own, supervised, with a clock; and the same actors without
//! threads, for rehearsals, for taking decisions again and for telling what an actor held.

mod audit;
mod clock;
mod clock_watch;
mod compare;
mod cycle;
mod explained;
pub mod held;
mod host;
mod own;
pub mod rehearse;
mod roster;
mod run;
pub mod simulate;
mod stall;
mod stand_in;
pub mod status;
mod supervisor;
pub mod system;
pub mod verify;
