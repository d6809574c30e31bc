//! A bare transaction: one record every 10 ms, begun, sent and committed beside the same load that nobody works on. What
//! the broker alone takes.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use kafka::{CommittedReader, ReadFrom};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{
    load::{self, Sent},
    work::Work,
};

/// Where its records go.
pub(crate) const TOPIC: &str = "bare";

const WAIT: Duration = Duration::from_secs(30);

/// Milliseconds from begun to read, sorted.
pub(crate) fn transactions(work: &Work<'_>, seconds: u64) -> Result<Vec<f64>> {
    let servers = work.broker.bootstrap_servers();
    let reader = CommittedReader::open(&work.broker.settings(), TOPIC, ReadFrom::End);
    let reader = reader.map_err(anyhow::Error::msg)?;
    let (load, sent) = (load::produce(servers.clone(), seconds, Sent::default()), Sent::default());
    let committing = thread::spawn({
        let sent = sent.clone();
        move || commit(&servers, load::probes(seconds), seconds, &sent)
    });
    // As many as there was time for: where a transaction takes longer than its pace, fewer are begun.
    let done = || committing.is_finished() && sent.is_empty();
    let took = load::collect_until(&reader, &sent, seconds, |_| done())?;
    for thread in [load, committing] {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of the load died"))??;
    }
    Ok(took)
}

fn commit(servers: &str, count: usize, seconds: u64, sent: &Sent) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("transactional.id", TOPIC).set("linger.ms", "0");
    let producer: BaseProducer = config.create()?;
    producer.init_transactions(WAIT)?;
    let (started, step) = (Instant::now(), Duration::from_secs(seconds) / u32::try_from(count)?);
    for n in 0..u32::try_from(count)? {
        thread::sleep((step * n).saturating_sub(started.elapsed()));
        if started.elapsed() > Duration::from_secs(seconds) {
            break;
        }
        let name = format!("{n}");
        sent.note(name.clone());
        producer.begin_transaction()?;
        let record = BaseRecord::to(TOPIC).key(&name).payload(&name);
        producer.send(record).map_err(|(error, _)| error)?;
        producer.commit_transaction(WAIT)?;
    }
    Ok(())
}
