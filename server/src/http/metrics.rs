//! `GET /metrics`: the figures of all parts, for Prometheus.

use actix_web::{HttpResponse, web};

use super::{lobby::Lobby, refusal::Refusal, site::Site};
use crate::parts::{Figures, figures, states};

/// `GET /metrics`.
pub async fn metrics(site: web::Data<Site>, lobby: web::Data<Lobby>) -> Result<HttpResponse, Refusal> {
    let text = lobby.blocking(move || Ok(text(&site))).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

fn text(site: &Site) -> String {
    let mut out = Figures::default();
    out.family("build_info", "gauge", "Version of this process.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    figures::records(&mut out, "http", site.taken_over_http.counts());
    for part in &site.parts {
        part.figures(&mut out);
    }
    let ready = out.family("part_ready", "gauge", "Whether a part gets on, as /readyz says.");
    for state in states(&site.parts) {
        ready.flag(&[("part", &state.part)], state.ready);
    }
    out.text()
}
