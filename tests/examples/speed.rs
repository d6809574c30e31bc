use std::{path::PathBuf, sync::Arc, time::Instant};
use runtime::{rehearse::{Row, rehearse}, verify::Verifier};
use store::{EmbeddedLog, EventLog};
use tests::{at, config, trade};
fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let dir = PathBuf::from(std::env::args().nth(2).unwrap());
    let start = at("2025-01-01T00:00:00Z");
    let rows: Vec<_> = (0..n).map(|i| {
        let pct = if i % 3 == 0 { "-0.35" } else { "0.42" };
        Row::Trade(Box::new(trade(["rsi","macd","bollinger","volume"][i % 4], &i.to_string(), pct, start.plus_seconds((i * 5) as i64))))
    }).collect();
    let log = Arc::new(EmbeddedLog::open(&dir, Default::default()).unwrap());
    let dynlog: Arc<dyn EventLog> = log.clone();
    let t = Instant::now();
    let s = rehearse(&dynlog, rows, &config(), &mut |_| {}).unwrap();
    let e = t.elapsed();
    println!("rehearse {n} in {e:?} = {:.0}/s, events {}, {:?}", n as f64 / e.as_secs_f64(), s.events, s.decisions);
    let t = Instant::now();
    let mut v = Verifier::new(&dynlog, None).unwrap();
    let r = log.verify_chain(&mut |e| { v.feed(&e).unwrap(); std::ops::ControlFlow::Continue(()) });
    let f = v.finish().unwrap();
    println!("verify {:?} {:.0}/s {:?} diffs {} repro {}/{}", t.elapsed(), s.events as f64 / t.elapsed().as_secs_f64(), r.is_ok(), f.differences.len(), f.reproduced, f.decisions);
}
