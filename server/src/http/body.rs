//! The body of a request: small enough, and not slower than anything that is alive.

use std::{future::poll_fn, pin::pin, time::Duration};

use actix_web::{
    body::{BodyStream, MessageBody as _},
    web::{Bytes, BytesMut, Payload},
};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// How long the first bytes may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes a second that are the least from then on.
const SLOWEST: u64 = 64 << 10;

/// Reads a body.
///
/// # Errors
/// When it is too large, too slow, or breaks off.
pub(super) async fn body_of(payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut stream = pin!(BodyStream::new(payload));
    let mut body = BytesMut::new();
    let begun = Instant::now();
    loop {
        let until = begun + PATIENCE + Duration::from_secs(body.len() as u64 / SLOWEST);
        let next = timeout_at(until, poll_fn(|cx| stream.as_mut().poll_next(cx)));
        match next.await {
            Err(_) => {
                let detail =
                    format!("the body comes too slowly: {} bytes in {:?}", body.len(), begun.elapsed());
                return Err(Problem::new(408, "slow_body", detail));
            }
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(Err(error))) => {
                return Err(Problem::new(400, "broken_body", format!("the body could not be read: {error}")));
            }
            Ok(Some(Ok(part))) if body.len() + part.len() > limit => {
                let detail = format!("the body is larger than {limit} bytes; send it in parts");
                return Err(Problem::new(413, "too_large", detail));
            }
            Ok(Some(Ok(part))) => body.extend_from_slice(&part),
        }
    }
}
