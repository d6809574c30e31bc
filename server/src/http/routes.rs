//! Which path leads where, and the server itself.

use std::{io, net::TcpListener};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    middleware::from_fn,
    web::{self, Bytes, Payload, ServiceConfig},
};
use serde_json::{Map, Value};

use super::{door, facts, health, metrics, refusal::Refusal, site::Site};
use crate::{
    calls::{
        AcceptClock, Audit, Call, DeadLetterList, DeadLetterShow, Decisions, Disable, Enable, EventList,
        EventShow, EventTail, Method, Performance, Pipeline, ProjectionList, Rebuild, SealShow, SourceShow,
        StrategyList, StrategyShow, Verify, VerifyViews, Why,
    },
    problem::Problem,
};

/// The largest request of a call.
const LARGEST_CALL: usize = 64 << 10;

/// Threads that answer.
pub const WORKERS: usize = 2;

/// Calls that may block at once, for each of the threads.
const BLOCKING: usize = 32;

/// A server on a listener that takes so many connections at once for each of its threads; it runs when it is awaited, and does not heed signals by itself.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(site: web::Data<Site>, listener: TcpListener, connections: usize) -> io::Result<Server> {
    let app = move || App::new().app_data(site.clone()).wrap(from_fn(door::guard)).configure(routes);
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .worker_max_blocking_threads(BLOCKING)
        .max_connections(connections)
        .shutdown_timeout(3)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

/// All routes.
pub fn routes(app: &mut ServiceConfig) {
    app.route("/livez", web::get().to(health::live))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(metrics::metrics))
        .route("/api/events", web::post().to(facts::take));
    add::<EventList>(app);
    add::<EventTail>(app);
    add::<EventShow>(app);
    add::<Why>(app);
    add::<Decisions>(app);
    add::<StrategyList>(app);
    add::<StrategyShow>(app);
    add::<AcceptClock>(app);
    add::<Disable>(app);
    add::<Enable>(app);
    add::<Performance>(app);
    add::<Audit>(app);
    add::<Pipeline>(app);
    add::<SourceShow>(app);
    add::<ProjectionList>(app);
    add::<Rebuild>(app);
    add::<VerifyViews>(app);
    add::<Verify>(app);
    add::<SealShow>(app);
    add::<DeadLetterList>(app);
    add::<DeadLetterShow>(app);
    app.default_service(web::to(unknown));
}

fn add<C: Call>(app: &mut ServiceConfig) {
    let route = match C::METHOD {
        Method::Get => web::get(),
        Method::Post => web::post(),
    };
    app.route(C::PATH, route.to(answer::<C>));
}

async fn unknown(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let detail = format!("there is nothing at {} {}", request.method(), request.path());
    Err(Problem::new(404, "unknown_route", detail).into())
}

/// Reads a call, answers it on a thread that may wait.
async fn answer<C: Call>(
    request: HttpRequest,
    payload: Payload,
    site: web::Data<Site>,
) -> Result<HttpResponse, Refusal> {
    let body = body_of(payload, LARGEST_CALL).await?;
    let call: C = read(&request, &body)?;
    let answer = web::block(move || call.answer(&site.desk)).await;
    let answer = answer.map_err(|_| Problem::new(503, "busy", "too many requests at once; try again"))??;
    Ok(HttpResponse::Ok().json(answer))
}

fn read<C: Call>(request: &HttpRequest, body: &[u8]) -> Result<C, Problem> {
    let parts = request.match_info().iter().map(|(name, value)| (name, decoded(value)));
    match C::METHOD {
        Method::Get => {
            let mut pairs = request.query_string().to_owned();
            for (name, value) in parts {
                let pair = serde_html_form::to_string([(name, &value)]);
                let pair = pair.map_err(|error| Problem::internal(error.to_string()))?;
                pairs = if pairs.is_empty() { pair } else { format!("{pairs}&{pair}") };
            }
            serde_html_form::from_str(&pairs)
                .map_err(|error| Problem::new(400, "wrong_parameter", format!("the address: {error}")))
        }
        Method::Post => {
            let mut fields: Map<String, Value> = if body.trim_ascii().is_empty() {
                Map::new()
            } else {
                serde_json::from_slice(body).map_err(|error| {
                    Problem::new(400, "malformed", format!("the body is no JSON object: {error}"))
                })?
            };
            fields.extend(parts.map(|(name, value)| (name.to_owned(), Value::from(value))));
            serde_json::from_value(Value::Object(fields))
                .map_err(|error| Problem::new(400, "wrong_parameter", format!("the body: {error}")))
        }
    }
}

/// A part of the path as it was meant. The router decodes all but `%25`, `%2F` and `%2B`, so that no other `%` is left.
fn decoded(part: &str) -> String {
    [("%2F", "/"), ("%2f", "/"), ("%2B", "+"), ("%2b", "+"), ("%25", "%")]
        .iter()
        .fold(part.to_owned(), |part, (code, letter)| part.replace(code, letter))
}

/// The body of a request, if it is small enough.
pub async fn body_of(payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    match payload.to_bytes_limited(limit).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            Err(Problem::new(400, "broken_body", format!("the body could not be read: {error}")))
        }
        Err(_) => {
            let detail = format!("the body is larger than {limit} bytes; send it in parts");
            Err(Problem::new(413, "too_large", detail))
        }
    }
}
