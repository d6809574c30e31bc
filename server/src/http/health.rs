//! Whether everything gets on, and what does not.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::{lobby::Lobby, refusal::Refusal, state::AppState};
use crate::parts::{PartState, states};

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    parts: Vec<PartState>,
}

/// `GET /livez`: the process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// `GET /readyz`: 200 when every part gets on, else 503 with those that do not.
pub(super) async fn ready(
    state: web::Data<AppState>,
    lobby: web::Data<Lobby>,
) -> Result<HttpResponse, Refusal> {
    let parts = lobby.blocking(move || Ok(states(&state.parts))).await?;
    let ready = parts.iter().all(|part| part.ready);
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    Ok(answer.json(Readiness { ready, parts }))
}
