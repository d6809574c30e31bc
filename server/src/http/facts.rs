//! Facts coming in: one, a batch, or lines. The answer is given when they are durable, one result for each.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use events::Uuid;
use intake::{
    CloudEventAttributes, Rejection,
    admit::{AdmitError, Admitted, Answer, Incoming, Place, RawBytes},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{body::body_of, encoding, lobby::Lobby, refusal::Refusal, state::AppState};
use store::now;

use crate::problem::Problem;

/// The largest request: more than the largest record that the configuration allows, so that such a record is refused
/// with its reason and kept.
const LARGEST: usize = 16 << 20;

/// Facts of one request: each has its result in the answer, which has to be bounded as well.
const MOST: usize = 10_000;

/// What became of one fact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FactResult {
    /// `taken`, `duplicate` or `rejected`.
    pub result: Became,
    /// Of the event in the log.
    pub event_id: Uuid,
    /// Of the event in the log.
    pub position: u64,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<events::RejectReason>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Became {
    /// It is in the log now.
    Taken,
    /// It was there before.
    Duplicate,
    /// It is in the dead letters, now or since it came before.
    Rejected,
}

/// The answer to a request with facts; everything in it is durable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// New facts.
    pub taken: u64,
    /// Known trades.
    pub duplicate: u64,
    /// Dead letters, known ones too.
    pub rejected: u64,
    /// One for each fact, in their order.
    pub results: Vec<FactResult>,
}

/// `POST /api/events`.
pub(super) async fn take(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
    lobby: web::Data<Lobby>,
) -> Result<HttpResponse, Refusal> {
    let body = body_of(payload, LARGEST).await?;
    let codings = encoding::codings(request.headers().get_all(header::CONTENT_ENCODING))?;
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let lines =
        header(header::CONTENT_TYPE).is_some_and(|kind| kind.contains("ndjson") || kind.contains("jsonl"));
    let headers: Vec<(String, Vec<u8>)> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("ce-"))
        .map(|(name, value)| (name.as_str().replacen('-', "_", 1), value.as_bytes().to_vec()))
        .collect();
    let take = move || admit(&state, &encoding::unpacked(&body, &codings, LARGEST)?, lines, &headers);
    let receipt = lobby.blocking(take).await?;
    let nothing_taken = receipt.rejected > 0 && receipt.taken + receipt.duplicate == 0;
    let status = if nothing_taken { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(receipt))
}

fn admit(
    state: &AppState,
    body: &[u8],
    lines: bool,
    headers: &[(String, Vec<u8>)],
) -> Result<Receipt, Problem> {
    let items = items(body, lines)?;
    if items.len() > MOST {
        let detail = format!("the request holds {} facts; send at most {MOST} at once", items.len());
        return Err(Problem::new(413, "too_large", detail));
    }
    let moment = now();
    let candidates = items.into_iter().map(|item| {
        let attributes = CloudEventAttributes::from_headers(
            headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())),
        );
        let decoded = state.trades.decode(item, attributes, moment);
        state.admission.prepare(Incoming {
            place: Place::Http,
            raw: RawBytes { key: None, value: item },
            decoded,
        })
    });
    let candidates: Vec<_> = candidates.collect::<Result<_, _>>().map_err(problem_of)?;
    let admitted =
        state.admission.admit(&*state.sources.log.events, store::Expected::Any, moment, candidates);
    let receipt = receipt(admitted.map_err(problem_of)?);
    state.taken_over_http.add(receipt.taken, receipt.duplicate, receipt.rejected);
    Ok(receipt)
}

fn problem_of(error: AdmitError) -> Problem {
    match error {
        AdmitError::Append(error) => error.into(),
        AdmitError::Read(error) => error.into(),
        error => Problem::internal(error.to_string()),
    }
}

/// The facts of a body: a JSON array, one JSON object, or one JSON object a line.
fn items(body: &[u8], lines: bool) -> Result<Vec<&[u8]>, Problem> {
    let body = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body).trim_ascii();
    if body.is_empty() {
        let detail = "the request has no body; send a JSON object, an array of them, or one a line";
        return Err(Problem::new(400, "empty", detail));
    }
    let items = if lines {
        lines_of(body)
    } else if body.starts_with(b"[") {
        let values: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|error| Problem::new(400, "malformed", format!("the array is not JSON: {error}")))?;
        values.into_iter().map(|value| value.get().as_bytes()).collect()
    } else if is_json(body) || !is_json(lines_of(body).first().copied().unwrap_or_default()) {
        vec![body]
    } else {
        lines_of(body)
    };
    if items.is_empty() {
        return Err(Problem::new(400, "empty", "the array holds nothing; send at least one fact"));
    }
    Ok(items)
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

fn lines_of(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
}

fn receipt(admitted: Admitted) -> Receipt {
    let results: Vec<FactResult> = admitted.answers.into_iter().map(result).collect();
    let count = |became| results.iter().filter(|fact| fact.result == became).count() as u64;
    let (taken, duplicate) = (count(Became::Taken), count(Became::Duplicate));
    Receipt { taken, duplicate, rejected: count(Became::Rejected), results }
}

fn result(answer: Answer) -> FactResult {
    let (result, event_id, position, rejection): (_, _, _, Option<Rejection>) = match answer {
        Answer::Taken { event_id, position } => (Became::Taken, event_id, position, None),
        Answer::Duplicate { event_id, position, rejection: None } => {
            (Became::Duplicate, event_id, position, None)
        }
        // Known as a dead letter: sent again it is no more taken in than the first time.
        Answer::Duplicate { event_id, position, rejection } => {
            (Became::Rejected, event_id, position, rejection)
        }
        Answer::Rejected { event_id, position, rejection } => {
            (Became::Rejected, event_id, position, Some(rejection))
        }
    };
    let reason = rejection.as_ref().map(|rejection| rejection.reason);
    FactResult { result, event_id, position, reason, detail: rejection.map(|rejection| rejection.detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str, lines: bool) -> Vec<String> {
        let items = items(body.as_bytes(), lines).unwrap();
        items.into_iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect()
    }

    #[test]
    fn one_object_an_array_and_lines_are_told_apart() {
        assert_eq!(texts("{\n \"a\": 1\n}", false), ["{\n \"a\": 1\n}"]);
        assert_eq!(texts("[{\"a\":1}, {\"b\":2}]", false), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(texts("\u{FEFF}[{\"a\":1}]", false), ["{\"a\":1}"], "a byte order mark is no part of it");
        assert_eq!(texts("{\"a\":1}\n\n{\"b\":2}\r\n", false), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(texts("{\"a\":1}\nbroken\n", false), ["{\"a\":1}", "broken"]);
        assert_eq!(texts("broken\nover lines", false), ["broken\nover lines"]);
        assert_eq!(texts("broken\n{\"a\":1}", true), ["broken", "{\"a\":1}"]);
    }

    #[test]
    fn nothing_and_broken_arrays_are_refused() {
        for (body, code) in [("", "empty"), (" \n", "empty"), ("[]", "empty"), ("[{]", "malformed")] {
            assert_eq!(items(body.as_bytes(), false).unwrap_err().code, code, "{body}");
        }
    }
}
