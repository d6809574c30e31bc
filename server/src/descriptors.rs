//! How many files and connections this process may have open at once. Connections get a share that leaves enough for the
//! log and the views: whoever opens connections must not be able to stop the intake.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{http::WORKERS, problem::Problem};

/// What a server has open without one connection and with a small log, and some to work with. Each segment of the log adds
/// two.
const NEEDED: u64 = 112;
/// As many as are asked for where the system would give more.
const WANTED: u64 = 65_536;
/// Connections at once, for each of the server's threads.
const MOST_CONNECTIONS: u64 = 320;
const FEWEST_CONNECTIONS: u64 = 4;

/// Raises the limit as far as that is allowed, and answers it.
///
/// # Errors
/// When it is too low to work with.
pub(crate) fn checked() -> Result<u64, Problem> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (current, wanted) = (current.unwrap_or(WANTED), maximum.unwrap_or(WANTED).min(WANTED));
    let raised =
        wanted > current && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok();
    let limit = if raised { wanted } else { current };
    if limit >= NEEDED {
        return Ok(limit);
    }
    let detail = format!(
        "the limit of open files is {limit}, at least {NEEDED} are needed, and two more for each segment of the log; raise \
         it (ulimit -n 1024, or LimitNOFILE= of the service)"
    );
    Err(Problem::new(500, "too_few_descriptors", detail))
}

/// How many connections each thread of the server may have: a half of what is left, all together.
pub(crate) fn connections(limit: u64) -> usize {
    let each = limit.saturating_sub(NEEDED) / 2 / WORKERS as u64;
    // It fits: it is at most a few hundred.
    each.clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_what_is_left() {
        assert_eq!([112, 120, 1024, 65_536].map(connections), [4, 4, 228, 320]);
    }
}
