//! The way to a data folder: over HTTP while a server holds it, else by opening it.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use runtime::system::System;
use store::{Chained, EmbeddedLog, EventLog, plain};
use views::{Views, ViewsOptions};

use crate::{
    calls::{Call, Given as _, Needs, Progress, Sources},
    client::{Client, Slow},
    config::Config,
    folder::{DataFolder, Hold, HoldError, Holder, ServerFile, Token, own_log},
    problem::Problem,
};

/// How long another command is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server that starts is waited for.
const START_PATIENCE: Duration = Duration::from_secs(120);
const RETRY: Duration = Duration::from_millis(50);

/// A way to the folder.
pub(crate) enum Access {
    /// A server holds it.
    Remote(Client),
    /// It is ours.
    Local(Box<Local>),
}

/// A folder that this process has opened.
pub(crate) struct Local {
    sources: Sources,
    // Last: released when everything else is closed.
    _hold: Option<Hold>,
}

/// What is needed to find a way.
#[derive(Clone)]
pub(crate) struct Way<'w> {
    /// The folder.
    pub folder: &'w DataFolder,
    /// The configuration.
    pub config: &'w Config,
    /// The command that asks.
    pub command: &'static str,
    /// Whether a log that is gone, or another one, is begun anew.
    pub new_log: bool,
    /// Told by long calls of a folder that this process opens.
    pub progress: Progress,
    /// Told once when a server is waited for.
    pub waiting: &'w dyn Fn(&Holder),
    /// Told when an answer of a server takes long.
    pub slow: Slow,
}

impl Access {
    /// Finds a way for a call: asks the server that holds the folder, waits for one that starts, else opens the folder.
    ///
    /// # Errors
    /// When there is no folder, another process keeps it, or it cannot be opened.
    pub(crate) fn find<C: Call>(way: &Way<'_>) -> Result<Self, Problem> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            let holder = Hold::holder_of(way.folder);
            if let Some(file) = holder.as_ref().and_then(|holder| server_of(way.folder, holder)) {
                return Ok(Self::Remote(Client::new(file, token(way.folder)?, way.slow)));
            }
            let server = holder.as_ref().filter(|holder| holder.is_server());
            if let Some(server) = server.filter(|_| !told) {
                (way.waiting)(server);
                told = true;
            }
            let patience = if server.is_some() { START_PATIENCE } else { PATIENCE };
            if holder.is_none() {
                match Local::open(way, C::Given::NEEDS) {
                    Err(problem) if problem.code == "folder_in_use" && begun.elapsed() < patience => {}
                    opened => return opened.map(|local| Self::Local(Box::new(local))),
                }
            } else if begun.elapsed() >= patience {
                return Err(HoldError::InUse { folder: way.folder.clone(), holder }.into());
            }
            thread::sleep(RETRY);
        }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// The problem of the call.
    pub(crate) fn call<C: Call>(&self, call: &C) -> Result<C::Answer, Problem> {
        match self {
            Self::Remote(client) => client.call(call),
            Self::Local(local) => local.call(call),
        }
    }

    /// Whether a server answers.
    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

/// Where the server that holds the folder is reached, once it listens.
fn server_of(folder: &DataFolder, holder: &Holder) -> Option<ServerFile> {
    ServerFile::read(folder).filter(|file| holder.is_server() && file.pid == holder.pid)
}

fn token(folder: &DataFolder) -> Result<Token, Problem> {
    Token::load(folder).map_err(|error| {
        let detail =
            format!("a server holds {folder}, but its token cannot be read: {error}; only its owner may ask");
        Problem::new(403, "token_unreadable", detail)
    })
}

impl Local {
    fn open(way: &Way<'_>, needs: Needs) -> Result<Self, Problem> {
        if !way.new_log {
            own_log::check(way.folder)?;
        }
        if !way.folder.log().is_dir() && !way.new_log {
            return Err(Problem::not_found(format!(
                "there is no event log in {}; tradewarden run makes one, tradewarden rehearse FILE --data DIR makes \
                 one of a trade file",
                way.folder
            )));
        }
        match needs {
            Needs::Log => Self::for_reading(way, None),
            // A folder that cannot be written cannot be held either; nobody else can change it then.
            Needs::Views => match Hold::take(way.folder, way.command, PATIENCE) {
                Ok(hold) => Self::for_reading(way, Some(hold))?.with_views(way),
                Err(HoldError::Io { error, .. }) if !plain::is_no_plain_file(&error) => {
                    Self::for_reading(way, None)?.with_views(way)
                }
                Err(refused) => Err(refused.into()),
            },
            Needs::Actors => Self::for_writing(way),
        }
    }

    fn for_reading(way: &Way<'_>, hold: Option<Hold>) -> Result<Self, Problem> {
        let log = own_log::read(way.folder)?;
        Ok(Self { sources: sources(way, &log), _hold: hold })
    }

    fn with_views(mut self, way: &Way<'_>) -> Result<Self, Problem> {
        let log = || Arc::clone(&self.sources.log.events);
        let views = Views::open(log(), &way.folder.views(), views_options());
        // A disk that is full, for example, may refuse even that.
        let views =
            views.or_else(|refused| Views::open_elsewhere(log(), views_options()).map_err(|_| refused))?;
        self.sources.log.views = Some(Arc::new(views));
        Ok(self)
    }

    /// Answers; where the views cannot be brought up to the log's head, from views that are folded anew elsewhere.
    fn call<C: Call>(&self, call: &C) -> Result<C::Answer, Problem> {
        match self.sources.answer(call) {
            Err(behind) if behind.code == "view_behind" => {
                let views = Views::open_elsewhere(Arc::clone(&self.sources.log.events), views_options());
                let views = views.map_err(|_| behind)?;
                let mut sources = self.sources.clone();
                sources.log.views = Some(Arc::new(views));
                sources.answer(call)
            }
            answer => answer,
        }
    }

    fn for_writing(way: &Way<'_>) -> Result<Self, Problem> {
        let hold = Hold::take(way.folder, way.command, PATIENCE)?;
        let log = own_log::open(way.folder, way.config.log_options(), way.new_log)?;
        let mut sources = sources(way, &log);
        let system = System::start(
            &sources.log.events,
            &way.config.system_config(Some(way.folder.snapshots()), way.command),
        )?;
        sources.actors = Some(Arc::new(system));
        Ok(Self { sources, _hold: Some(hold) })
    }
}

/// A rebuilt view of a large log takes its time, and here nobody else waits.
fn views_options() -> ViewsOptions {
    ViewsOptions { patience: Duration::from_secs(3600), ..ViewsOptions::default() }
}

impl Drop for Local {
    /// Stops the actors with a snapshot.
    fn drop(&mut self) {
        if let Some(system) = self.sources.actors.take() {
            system.stop();
        }
    }
}

fn sources(way: &Way<'_>, log: &Arc<EmbeddedLog>) -> Sources {
    let mut sources = Sources::new(Arc::clone(log) as Arc<dyn EventLog>);
    sources.log.chain = Some(Arc::clone(log) as Arc<dyn Chained>);
    sources.log.snapshots = Some(way.folder.snapshots());
    sources.log.progress = Arc::clone(&way.progress);
    sources
}
