//! Calls to a running server of the same folder, over HTTP on this machine.

use std::{sync::mpsc, thread, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{self, Response, header::CONTENT_TYPE},
};

use crate::{
    calls::{Call, Method},
    folder::{ServerFile, Token},
    problem::Problem,
};

/// Makes calls to one server.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    server: ServerFile,
    token: Token,
    slow: Slow,
}

/// Told, with the process of the server, when an answer takes long.
pub(crate) type Slow = fn(u32);

/// Answers usually take milliseconds: after so long somebody wants to know what is waited for.
const LONG: Duration = Duration::from_secs(2);

/// How long an answer may take. A server that is held or hangs answers never.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer is read up to this size.
const LARGEST_ANSWER: u64 = 1 << 30;

impl Client {
    /// A client that shows a token to a server.
    pub(crate) fn new(server: ServerFile, token: Token, slow: Slow) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            // Never by way of a proxy: the token stays on this machine.
            .proxy(None)
            .build();
        Self { agent: config.into(), server, token, slow }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// The server's problem, or that it cannot be reached.
    pub(crate) fn call<C: Call>(&self, call: &C) -> Result<C::Answer, Problem> {
        if C::TAKES_LONG {
            return self.read(self.send_call(call, None)?);
        }
        self.patiently(call.wait(), |patience| self.read(self.send_call(call, Some(patience))?))
    }

    /// Asks with a limit, and has it told when the answer takes longer than what it waits for on purpose.
    fn patiently<T>(
        &self,
        wait: Duration,
        ask: impl FnOnce(Duration) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let (answered, asked) = mpsc::sync_channel::<()>(0);
        let (slow, pid) = (self.slow, self.server.pid);
        let watch = thread::Builder::new().name("patience".to_owned()).spawn(move || {
            if asked.recv_timeout(LONG + wait) == Err(mpsc::RecvTimeoutError::Timeout) {
                slow(pid);
            }
        });
        let answer = ask(PATIENCE + wait);
        drop(answered);
        // Without a thread nothing is told, and the limit holds all the same.
        let _ = watch.map(thread::JoinHandle::join);
        answer
    }

    fn send_call<C: Call>(
        &self,
        call: &C,
        patience: Option<Duration>,
    ) -> Result<Result<Response<Body>, ureq::Error>, Problem> {
        let url = format!("http://{}{}", self.server.address, call.path());
        match C::METHOD {
            Method::Get => {
                let query =
                    serde_html_form::to_string(call).map_err(|error| Problem::internal(error.to_string()))?;
                let url = if query.is_empty() { url } else { format!("{url}?{query}") };
                let request = self.agent.get(url).config().timeout_global(patience).build();
                Ok(request.header("authorization", self.token.bearer()).call())
            }
            Method::Post | Method::Put | Method::Delete => {
                let method = match C::METHOD {
                    Method::Put => http::Method::PUT,
                    Method::Delete => http::Method::DELETE,
                    Method::Post | Method::Get => http::Method::POST,
                };
                self.send_json(method, &url, call, patience)
            }
        }
    }

    fn send_json(
        &self,
        method: http::Method,
        url: &str,
        body: &impl Serialize,
        patience: Option<Duration>,
    ) -> Result<Result<Response<Body>, ureq::Error>, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(error.to_string()))?;
        Ok(self.send(method, url, "application/json", &body, patience))
    }

    fn send(
        &self,
        method: http::Method,
        url: &str,
        kind: &str,
        body: &[u8],
        patience: Option<Duration>,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = http::Request::builder().method(method).uri(url);
        let request = request.header("authorization", self.token.bearer()).header(CONTENT_TYPE, kind);
        let request = self.agent.configure_request(request.body(body)?).timeout_global(patience);
        self.agent.run(request.allow_non_standard_methods(true).build())
    }

    /// Sends facts as JSON lines.
    ///
    /// # Errors
    /// The server's problem, or that it cannot be reached.
    pub(crate) fn publish<T: DeserializeOwned>(&self, lines: &[u8]) -> Result<T, Problem> {
        let url = format!("http://{}/api/events", self.server.address);
        let send =
            |patience| self.send(http::Method::POST, &url, "application/x-ndjson", lines, Some(patience));
        self.patiently(Duration::ZERO, |patience| self.read_with(send(patience), &[422]))
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
                    self.server.address
                ))
            });
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| {
            Problem::internal(format!("the server at {} answered with status {status}", self.server.address))
        }))
    }

    fn unreachable(&self, error: &ureq::Error) -> Problem {
        let ServerFile { address, pid } = self.server;
        if matches!(error, ureq::Error::Timeout(_)) {
            let detail = format!(
                "the server at {address} (process {pid}) does not answer in time ({error}). What was asked may be done all \
                 the same once it goes on. If it is held (ps -o stat= -p {pid} says T), kill -CONT {pid} lets it go on; \
                 else end it with kill -KILL {pid}, nothing that was acknowledged is lost, and ask again: without a \
                 server the command does it by itself"
            );
            return Problem::new(503, "server_silent", detail);
        }
        let detail = format!("the server at {address} does not answer ({error}); is it still running?");
        Problem::new(503, "server_unreachable", detail)
    }
}
