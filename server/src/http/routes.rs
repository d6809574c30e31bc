//! Which path leads where, and the server itself.

use std::{io, net::TcpListener};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, ResponseError as _, Route,
    dev::{ResourceDef, Server},
    http::{
        Method,
        header::{self, HeaderValue},
    },
    middleware::from_fn,
    web::{self, Payload, ServiceConfig},
};

use super::{
    auth, body::body_of, facts, health, lobby::Lobby, metrics, read::read, refusal::Refusal, state::AppState,
};
use crate::{
    calls::{self, Call, Routes},
    problem::Problem,
};

/// The largest request of a call.
const LARGEST_CALL: usize = 64 << 10;

/// Threads that answer.
pub(crate) const WORKERS: usize = 2;

/// Calls that may block at once, for each of the threads.
const BLOCKING: usize = 32;

/// A server on a listener that takes so many connections at once for each of its threads; it runs when it is awaited, and does not heed signals by itself.
///
/// # Errors
/// When the listener cannot be used.
pub(crate) fn serve(
    state: web::Data<AppState>,
    listener: TcpListener,
    connections: usize,
) -> io::Result<Server> {
    let lobby = web::Data::new(Lobby::open(&state)?);
    let app = move || {
        let app = App::new().app_data(state.clone()).app_data(lobby.clone());
        app.wrap(from_fn(auth::guard)).configure(routes)
    };
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .worker_max_blocking_threads(BLOCKING)
        .max_connections(connections)
        .shutdown_timeout(3)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

/// The routes under construction: which methods a path knows.
#[derive(Clone, Default)]
struct Known(Vec<(ResourceDef, Method)>);

impl Known {
    fn add(&mut self, app: &mut ServiceConfig, path: &str, method: Method, route: Route) {
        self.0.push((ResourceDef::new(path), method.clone()));
        app.route(path, route.method(method));
    }

    /// Why nothing is at a path by this method.
    fn refuse(&self, request: &HttpRequest) -> HttpResponse {
        let fitting = self.0.iter().filter(|(path, _)| path.is_match(request.path()));
        let methods: Vec<&str> = fitting.map(|(_, method)| method.as_str()).collect();
        let (method, path) = (request.method(), request.path());
        if methods.is_empty() {
            return Refusal(Problem::new(
                404,
                "unknown_route",
                format!("there is nothing at {method} {path}"),
            ))
            .error_response();
        }
        let allowed = methods.join(", ");
        let detail = format!("{path} does not know {method}; it knows {allowed}");
        let mut answer = Refusal(Problem::new(405, "wrong_method", detail)).error_response();
        if let Ok(allowed) = HeaderValue::from_str(&allowed) {
            answer.headers_mut().insert(header::ALLOW, allowed);
        }
        answer
    }
}

/// Takes the calls in.
struct Routing<'a> {
    known: &'a mut Known,
    app: &'a mut ServiceConfig,
}

impl Routes for Routing<'_> {
    fn call<C: Call>(&mut self) {
        let method = match C::METHOD {
            calls::Method::Get => Method::GET,
            calls::Method::Post => Method::POST,
            calls::Method::Put => Method::PUT,
            calls::Method::Delete => Method::DELETE,
        };
        self.known.add(self.app, C::PATH, method, web::route().to(answer::<C>));
    }
}

/// All routes.
pub(super) fn routes(app: &mut ServiceConfig) {
    let mut known = Known::default();
    for method in [Method::GET, Method::HEAD] {
        known.add(app, "/livez", method.clone(), web::route().to(health::live));
        known.add(app, "/readyz", method.clone(), web::route().to(health::ready));
        known.add(app, "/metrics", method, web::route().to(metrics::metrics));
    }
    known.add(app, "/api/events", Method::POST, web::route().to(facts::take));
    calls::each(&mut Routing { known: &mut known, app });
    app.default_service(web::to(move |request: HttpRequest| {
        let answer = known.refuse(&request);
        async move { answer }
    }));
}

/// Reads a call and answers it.
async fn answer<C: Call>(
    request: HttpRequest,
    payload: Payload,
    state: web::Data<AppState>,
    lobby: web::Data<Lobby>,
) -> Result<HttpResponse, Refusal> {
    let body = body_of(payload, LARGEST_CALL).await?;
    let call: C = read(&request, &body)?;
    Ok(HttpResponse::Ok().json(lobby.answer(&state, call).await?))
}
