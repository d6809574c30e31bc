//! `run`: everything on, until a signal ends it.

use std::{future::poll_fn, io, net::TcpListener, sync::Arc, task::Poll, time::Duration};

use actix_web::web;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    config::Config,
    descriptors,
    folder::{DataFolder, Hold, ServerFile, Token},
    http::{self, AppState},
    problem::Problem,
    process::{Begin, Process},
};

use super::{
    context::{Context, faulty},
    logging,
    rehearse::is_rehearsal,
    reports::Reports,
};

/// Runs everything.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Go on as a copy: decisions are published under a new identity from now on. For a restored backup or a copied folder
    /// on purpose; give it once, not at every start
    #[arg(long)]
    as_copy: bool,
    #[command(flatten)]
    log: NewLog,
}

/// What to do where the log of the data folder is gone.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct NewLog {
    /// Begins anew where the folder's log is missing or another one: all facts and halts of before are forgotten
    #[arg(long)]
    pub new_log: bool,
}

/// How long a command that has the folder is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The exit code of a process that was told to end at once.
const AT_ONCE: i32 = 130;

impl Run {
    /// Runs until a signal comes.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let (config, folder) = (context.config()?, context.folder());
        let descriptors = descriptors::checked()?;
        logging::start(context);
        let missing = config.missing();
        if !missing.is_empty() {
            return Err(faulty(&missing));
        }
        logging::settings(&config);
        if is_rehearsal(&folder) {
            let detail = format!(
                "{folder} holds a rehearsal, not what really happened; give another folder with --data"
            );
            return Err(Problem::new(409, "folder_is_rehearsal", detail));
        }
        let hold = Hold::take(&folder, "run", PATIENCE)?;
        if let Some(mode) = folder.open_to_others() {
            tracing::warn!(
                "{folder} is open to other users (mode {mode:o}): chmod 700 keeps trades and decisions to its owner"
            );
        }
        folder.check_room().map_err(|error| unusable(&folder, &error))?;
        let listener = listen(&config)?;
        let token = Token::load_or_make(&folder).map_err(|error| unusable(&folder, &error))?;
        let begin = Begin { as_copy: self.as_copy, new_log: self.log.new_log };
        let process = Process::start(&config, &folder, begin)?;
        logging::sections_without_trade(&config, &process.sources);
        let reports = Reports::after(&process.sources.log.events, process.begun_at)
            .map_err(|error| Problem::internal(format!("a thread for messages: {error}")))?;
        let served = actix_web::rt::System::new().block_on(serve(
            context,
            &config,
            &folder,
            &process,
            token,
            (listener, descriptors),
        ));
        ServerFile::remove(&folder);
        drop(reports);
        let saved = process.stop();
        drop(hold);
        served?;
        context.out.note(&format!(
            "stopped: {} events are saved in {folder}, decisions are published up to position {}; the next start \
             goes on from there",
            saved.events, saved.published
        ));
        Ok(0)
    }
}

fn unusable(folder: &DataFolder, error: &io::Error) -> Problem {
    Problem::folder(folder, error)
}

fn listen(config: &Config) -> Result<TcpListener, Problem> {
    let listener = TcpListener::bind(config.listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|error| {
        let (address, free) = (config.listen, "--set server.listen=127.0.0.1:0");
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
            _ => error.to_string(),
        };
        let detail =
            format!("server.listen = \"{address}\": {why}; choose another port, or any free one with {free}");
        Problem::new(409, "port_in_use", detail)
    })
}

/// Serves until a signal comes.
async fn serve(
    context: &Context,
    config: &Config,
    folder: &DataFolder,
    process: &Process,
    token: Token,
    (listener, descriptors): (TcpListener, u64),
) -> Result<(), Problem> {
    let io = |error: io::Error| Problem::internal(format!("the server: {error}"));
    let address = listener.local_addr().map_err(io)?;
    // Before anybody can know that the server is there: a signal that comes then ends it in good order.
    let mut signals = signals().map_err(io)?;
    let stopping = Arc::clone(&process.sources.stopping);
    let state = web::Data::new(AppState {
        sources: process.sources.clone(),
        token,
        trades: config.trades.clone(),
        admission: process.admission(),
        parts: process.parts.clone(),
        taken_over_http: http::Tally::default(),
        refused: http::Refused::default(),
    });
    let server = http::serve(state, listener, descriptors::connections(descriptors)).map_err(io)?;
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    let file = ServerFile { pid: std::process::id(), address };
    file.write(folder).map_err(|error| unusable(folder, &error))?;
    for line in banner(config, folder, process, &file).lines() {
        context.out.note(line);
    }
    signal_of(&mut signals).await;
    context.out.note("stopping; a second signal ends at once");
    end_at_second_signal();
    stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    handle.stop(true).await;
    running.await.map_err(|error| Problem::internal(error.to_string()))?.map_err(io)
}

/// Ctrl-C, a request to end, and the end of the session that it was started in: all end it in good order.
fn signals() -> io::Result<Vec<Signal>> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    kinds.map(signal).into_iter().collect()
}

/// Waits for one of them.
async fn signal_of(signals: &mut [Signal]) {
    poll_fn(|cx| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// From here on a signal ends the process as a kill would: the log is made for that.
fn end_at_second_signal() {
    let wait = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let came = |runtime: tokio::runtime::Runtime| {
            runtime.block_on(async {
                signal_of(&mut signals()?).await;
                io::Result::Ok(())
            })
        };
        if runtime.and_then(came).is_ok() {
            std::process::exit(AT_ONCE);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("second-signal".to_owned()).spawn(wait) {
        tracing::warn!(%error, "a second signal will not end the process");
    }
}

fn banner(config: &Config, folder: &DataFolder, process: &Process, file: &ServerFile) -> String {
    let topics = &config.kafka.topics;
    format!(
        "tradewarden {}\n  data folder  {folder}\n  server       http://{} (token in {folder}/token)\n  kafka        \
         {}\n  topics       trades from {}, decisions to {}\nready when http://{}/readyz says 200; Ctrl-C stops",
        env!("CARGO_PKG_VERSION"),
        file.address,
        process.kafka,
        topics.trade_closed,
        topics.decisions,
        file.address,
    )
}
