//! Whether everything gets on, and what does not.

use actix_web::{HttpResponse, web};
use runtime::status::ActorState;
use serde::Serialize;
use views::ProjectionState;

use super::{lobby::Lobby, refusal::Refusal, site::Site};

/// A part of the process.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// `log`, `actor:NAME`, `clock`, `projection:NAME`, `source:TOPIC`, `publisher`.
    pub part: String,
    /// Whether it gets on.
    pub ready: bool,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    parts: Vec<Part>,
}

/// `GET /livez`: the process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// `GET /readyz`: 200 when every part gets on, else 503 with those that do not.
pub async fn ready(site: web::Data<Site>, lobby: web::Data<Lobby>) -> Result<HttpResponse, Refusal> {
    let parts = lobby.blocking(move || Ok(site.parts())).await?;
    let ready = parts.iter().all(|part| part.ready);
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    Ok(answer.json(Readiness { ready, parts }))
}

impl Site {
    /// Every part with its state.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![self.log_part()];
        parts.extend(self.actor_parts());
        parts.extend(self.clock_part());
        parts.extend(self.projection_parts());
        parts.extend(self.probes.iter().map(|probe| probe()));
        parts
    }

    fn log_part(&self) -> Part {
        let stopped = self.desk.log.stopped();
        Part {
            part: "log".to_owned(),
            ready: stopped.is_none(),
            // What cannot be compressed or moved stands in nobody's way, but somebody has to know.
            detail: stopped
                .or_else(|| self.desk.embedded.as_ref()?.upkeep_fault())
                .map(|text| text.to_string()),
        }
    }

    fn actor_parts(&self) -> Vec<Part> {
        let statuses = self.desk.actors.iter().flat_map(|actors| actors.status());
        let part = |status: runtime::status::ActorStatus| Part {
            part: format!("actor:{}", status.actor),
            ready: status.state == ActorState::Running,
            detail: (status.state != ActorState::Running).then(|| {
                let message = status.message.unwrap_or_else(|| "no message".to_owned());
                format!("{:?} at position {}: {message}", status.state, status.position)
            }),
        };
        statuses.map(part).collect()
    }

    /// Whether the clock stands before what is in the log.
    fn clock_part(&self) -> Option<Part> {
        let detail = self.desk.actors.as_ref()?.clock_problem();
        Some(Part { part: "clock".to_owned(), ready: detail.is_none(), detail })
    }

    fn projection_parts(&self) -> Vec<Part> {
        let statuses = self.desk.views.iter().flat_map(|views| views.list());
        let part = |status: views::ProjectionStatus| Part {
            part: format!("projection:{}", status.name),
            ready: status.state == ProjectionState::Running,
            detail: (status.state != ProjectionState::Running).then(|| {
                let failure = status.failure.map_or_else(|| "does not get on".to_owned(), |f| f.message);
                format!("at position {} of {}: {failure}", status.position, status.head)
            }),
        };
        statuses.map(part).collect()
    }
}
