//! `GET /metrics`: the figures of all parts, for Prometheus.

use actix_web::{HttpResponse, web};

use super::{lobby::Lobby, refusal::Refusal, state::AppState};
use crate::parts::{Figures, figures, states};

/// `GET /metrics`.
pub(super) async fn metrics(
    state: web::Data<AppState>,
    lobby: web::Data<Lobby>,
) -> Result<HttpResponse, Refusal> {
    let text = lobby.blocking(move || Ok(text(&state))).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

fn text(state: &AppState) -> String {
    let mut out = Figures::default();
    out.family("build_info", "gauge", "Version of this process.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    figures::records(&mut out, "http", state.taken_over_http.counts());
    for part in &state.parts {
        part.figures(&mut out);
    }
    let ready = out.family("part_ready", "gauge", "Whether a part gets on, as /readyz says.");
    for state in states(&state.parts) {
        ready.flag(&[("part", &state.part)], state.ready);
    }
    out.text()
}
