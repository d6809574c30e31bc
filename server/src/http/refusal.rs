//! Problems on HTTP: RFC 9457, always with a stable code.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};

use crate::problem::Problem;

/// A problem as an answer.
#[derive(Debug)]
pub(super) struct Refusal(pub Problem);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        match self.0.status {
            401 => drop(answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"))),
            // What is left of a body is not read.
            408 | 413 => drop(answer.force_close()),
            503 => drop(answer.insert_header((header::RETRY_AFTER, "1"))),
            _ => {}
        }
        answer.body(serde_json::to_string(&self.0).unwrap_or_default())
    }
}
