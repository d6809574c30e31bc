//! Trades that were handed to the log, kept as their stored bytes until it has answered.
//!
//! The log takes its request whole and does not give it back when it refuses. A copy of each payload costs a tenth
//! of a copy of each trade; only when a request is refused are the trades read again.

use std::ops::Range;

use events::{Codec, DecodeError, Event};
use store::Prepared;

use super::{Admission, Candidate, Raw};

#[derive(Default)]
pub(super) struct InFlight {
    payloads: Vec<u8>,
    trades: Vec<Trade>,
}

struct Trade {
    candidate: usize,
    payload: Range<usize>,
    codec: Codec,
    version: u16,
}

impl InFlight {
    /// Notes a trade that leaves its candidate.
    pub(super) fn note(&mut self, candidate: usize, prepared: &Prepared) {
        let start = self.payloads.len();
        self.payloads.extend_from_slice(&prepared.payload);
        let payload = start..self.payloads.len();
        let version = prepared.event.event.schema_version();
        self.trades.push(Trade { candidate, payload, codec: prepared.codec, version });
    }

    /// Gives every candidate its trade back.
    pub(super) fn restore<R: Raw>(
        &mut self,
        admission: &Admission,
        candidates: &mut [Candidate<'_, R>],
    ) -> Result<(), DecodeError> {
        for Trade { candidate, payload, codec, version } in self.trades.drain(..) {
            let payload = self.payloads[payload].to_vec();
            let candidate = &mut candidates[candidate];
            if let Event::TradeClosed(trade) = Event::from_stored("TradeClosed", version, codec, &payload)? {
                let event = admission.trade_event(trade, candidate.place);
                candidate.prepared = Ok(Some(Prepared::stored(event, (codec, payload))));
            }
        }
        self.payloads.clear();
        Ok(())
    }
}
