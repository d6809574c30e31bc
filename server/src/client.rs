//! Calls to a running server of the same folder, over HTTP on this machine.

use std::{net::SocketAddr, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{Response, header::CONTENT_TYPE},
};

use crate::{
    calls::{Call, Method},
    folder::Token,
    problem::Problem,
};

/// Makes calls to one server.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    address: SocketAddr,
    token: Token,
}

/// An answer is read up to this size.
const LARGEST_ANSWER: u64 = 1 << 30;

impl Client {
    /// A client that shows a token to the server at an address.
    pub fn new(address: SocketAddr, token: Token) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            // Never by way of a proxy: the token stays on this machine.
            .proxy(None)
            .build();
        Self { agent: config.into(), address, token }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// The server's problem, or that it cannot be reached.
    pub fn call<C: Call>(&self, call: &C) -> Result<C::Answer, Problem> {
        let url = format!("http://{}{}", self.address, call.path());
        let response = match C::METHOD {
            Method::Get => {
                let query =
                    serde_html_form::to_string(call).map_err(|error| Problem::internal(error.to_string()))?;
                let url = if query.is_empty() { url } else { format!("{url}?{query}") };
                self.agent.get(url).header("authorization", self.token.bearer()).call()
            }
            Method::Post => self.post_json(&url, call)?,
        };
        self.read(response)
    }

    fn post_json(
        &self,
        url: &str,
        body: &impl Serialize,
    ) -> Result<Result<Response<Body>, ureq::Error>, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(error.to_string()))?;
        Ok(self.send(url, "application/json", &body))
    }

    fn send(&self, url: &str, kind: &str, body: &[u8]) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.post(url).header("authorization", self.token.bearer());
        request.header(CONTENT_TYPE, kind).send(body)
    }

    /// Sends facts as JSON lines.
    ///
    /// # Errors
    /// The server's problem, or that it cannot be reached.
    pub fn publish<T: DeserializeOwned>(&self, lines: &[u8]) -> Result<T, Problem> {
        let url = format!("http://{}/api/events", self.address);
        self.read_with(self.send(&url, "application/x-ndjson", lines), &[422])
    }

    fn read<T: DeserializeOwned>(&self, response: Result<Response<Body>, ureq::Error>) -> Result<T, Problem> {
        self.read_with(response, &[])
    }

    /// Reads an answer; a status of `also` carries one as well.
    fn read_with<T: DeserializeOwned>(
        &self,
        response: Result<Response<Body>, ureq::Error>,
        also: &[u16],
    ) -> Result<T, Problem> {
        let mut response = response.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        if (200..300).contains(&status) || also.contains(&status) {
            return serde_json::from_slice(&body).map_err(|error| {
                Problem::internal(format!(
                    "the server at {} answered what is not understood: {error}",
                    self.address
                ))
            });
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| {
            Problem::internal(format!("the server at {} answered with status {status}", self.address))
        }))
    }

    fn unreachable(&self, error: &ureq::Error) -> Problem {
        let detail =
            format!("the server at {} does not answer ({error}); is it still running?", self.address);
        Problem::new(503, "server_unreachable", detail)
    }
}
