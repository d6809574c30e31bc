//! Who comes in: requests of this machine, by a name of this machine, with the token.

use actix_web::{
    Error, ResponseError as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderValue},
    middleware::Next,
    web,
};

use super::{refusal::Refusal, state::AppState};
use crate::problem::Problem;

/// What anybody on this machine may ask: whether we live, and figures without secrets.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Lets a request in or refuses it. No answer is kept by anybody on the way, or taken for something else than it says.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let refused = check(&request).err();
    let mut answer = match refused {
        Some(refusal) => {
            tell(&request, &refusal);
            request.into_response(refusal.error_response()).map_into_boxed_body()
        }
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

fn tell(request: &ServiceRequest, refusal: &Refusal) {
    if let Some(state) = request.app_data::<web::Data<AppState>>() {
        state.refused.tell(&refusal.0, request.method().as_str(), request.path(), request.peer_addr());
    }
}

fn check(request: &ServiceRequest) -> Result<(), Refusal> {
    check_host(request)?;
    if OPEN.contains(&request.path()) { Ok(()) } else { check_token(request) }
}

/// A page of elsewhere may have its name point to this machine; the name that it then sends tells.
fn check_host(request: &ServiceRequest) -> Result<(), Refusal> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_this_machine(host) {
        return Ok(());
    }
    let detail = "the Host header names another machine; ask for 127.0.0.1 or localhost";
    Err(Problem::new(403, "host_refused", detail).into())
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

fn check_token(request: &ServiceRequest) -> Result<(), Refusal> {
    let Some(state) = request.app_data::<web::Data<AppState>>() else {
        return Err(Problem::internal("the server is not wired").into());
    };
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_some_and(|given| state.token.lets_in(&with_scheme(given.as_bytes()))) {
        return Ok(());
    }
    let what = if given.is_some() { "the token is wrong" } else { "the token is missing" };
    let detail = format!(
        "{what}: send Authorization: Bearer TOKEN; the token is in the file \"token\" of the data folder"
    );
    Err(Problem::new(401, "token_required", detail).into())
}

/// The name of the scheme may be written in any case.
fn with_scheme(given: &[u8]) -> Vec<u8> {
    const SCHEME: &[u8] = b"Bearer ";
    match given.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => [SCHEME, token.trim_ascii()].concat(),
        _ => given.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_let_in() {
        for host in ["127.0.0.1", "127.0.0.1:7450", "localhost:1", "LOCALHOST", "[::1]:80", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil",
            "::1",
            "10.0.0.1",
            "127.0.0.1:x",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
