//! The sections of the file, one file each, from their keys to their values.

mod intake;
mod kafka;
mod performance_analyst;
mod schedules;
mod store;
mod strategy_guard;

use std::net::SocketAddr;

use events::Event;

use super::{Config, reader::Reader};

/// The sections of the actors, each from its keys to the event that the actor reads.
const OF_ACTORS: &[fn(&mut Reader) -> Event] =
    &[strategy_guard::read, performance_analyst::read, schedules::read];

/// Reads every section. Where a fault is kept the default stands in, so that the other faults are found too.
pub(super) fn read(reader: &mut Reader) -> Config {
    let kafka = kafka::read(reader);
    Config {
        listen: reader.loopback("server.listen").unwrap_or(SocketAddr::from(([127, 0, 0, 1], 7450))),
        trades: intake::read(reader, &kafka.topics.trade_closed),
        kafka,
        store: store::read(reader),
        of_actors: OF_ACTORS.iter().map(|read| read(reader)).collect(),
        stale_after: strategy_guard::stale_after(reader),
        digest: reader.digest(),
        given: reader.given(),
        warnings: reader.warnings(),
    }
}
