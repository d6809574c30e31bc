//! A call out of a request: parts of the path, parameters of the address, fields of the body.

use actix_web::HttpRequest;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    calls::{Call, Method},
    problem::Problem,
};

/// Reads a call.
///
/// # Errors
/// When a parameter is missing, unknown or no such value; it is named.
pub(super) fn read<C: Call>(request: &HttpRequest, body: &[u8]) -> Result<C, Problem> {
    let parts = request.match_info().iter().map(|(name, value)| (name.to_owned(), decoded(value)));
    match C::METHOD {
        Method::Get => of_address(request.query_string(), &parts.collect::<Pairs>()),
        Method::Post | Method::Put | Method::Delete => of_body(body, parts.collect()),
    }
}

type Pairs = Vec<(String, String)>;

fn of_address<C: DeserializeOwned>(query: &str, parts: &[(String, String)]) -> Result<C, Problem> {
    let wrong = |text: String| Problem::new(400, "wrong_parameter", text);
    let given: Pairs =
        serde_html_form::from_str(query).map_err(|error| wrong(format!("the address: {error}")))?;
    let parse = |pairs: &[&(String, String)]| {
        let text = serde_html_form::to_string(pairs).map_err(|error| error.to_string())?;
        serde_html_form::from_str::<C>(&text).map_err(|error| error.to_string())
    };
    let all: Vec<_> = given.iter().chain(parts).collect();
    parse(&all).map_err(|error| {
        // The parser does not say where it was: it is the one without which it says something else.
        let culprit = (0..given.len()).find(|&at| {
            let others: Vec<_> =
                all.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, pair)| *pair).collect();
            parse(&others).err().as_ref() != Some(&error)
        });
        match culprit.map(|at| &given[at]) {
            Some((name, value)) => wrong(format!("the parameter {name} is {value:?}: {error}")),
            None => wrong(format!("the address: {error}")),
        }
    })
}

fn of_body<C: DeserializeOwned>(body: &[u8], parts: Pairs) -> Result<C, Problem> {
    let mut fields: Map<String, Value> = if body.trim_ascii().is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Problem::new(400, "malformed", format!("the body is no JSON object: {error}")))?
    };
    fields.extend(parts.into_iter().map(|(name, value)| (name, Value::from(value))));
    let parse = |fields: &Map<String, Value>| {
        serde_json::from_value::<C>(Value::Object(fields.clone())).map_err(|error| error.to_string())
    };
    parse(&fields).map_err(|error| {
        let culprit = fields.keys().find(|name| {
            let mut others = fields.clone();
            others.remove(*name);
            parse(&others).err().as_ref() != Some(&error)
        });
        let place = culprit.map_or_else(|| "the body".to_owned(), |name| format!("the field {name}"));
        Problem::new(400, "wrong_parameter", format!("{place}: {error}"))
    })
}

/// A part of the path as it was meant. The router decodes all but `%25`, `%2F` and `%2B`, so that no other `%` is left.
fn decoded(part: &str) -> String {
    [("%2F", "/"), ("%2f", "/"), ("%2B", "+"), ("%2b", "+"), ("%25", "%")]
        .iter()
        .fold(part.to_owned(), |part, (code, letter)| part.replace(code, letter))
}
