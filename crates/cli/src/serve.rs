//! `practicum serve WORLD...`: worlds for the clients that people already run.

mod journal_folder;
pub(crate) mod offer;
mod package;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use practicum_rollout::EpisodeLimits;
use practicum_serve::{
    Capacity, Catalogue, Door, Episodes, Server, StdioError, Wanted, listen, routes, stdio,
};
use practicum_task::Task;
use practicum_world::World;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Stopwatch;
use crate::error::{CommandError, Result};
use crate::progress::line;
use journal_folder::JournalFolder;

/// How often idle sessions are looked for, and whether the journal has grown too long.
const ROUND: Duration = Duration::from_secs(15);

/// Stack of the threads that run worlds, in bytes: those of deeply nested schemas need more than the default.
const STACK: usize = 16 << 20;

/// Threads that run worlds, for each processor: some wait for the journal.
const THREADS_PER_CORE: usize = 4;

/// Arguments of `practicum serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders of worlds, or folders that hold such folders.
    #[arg(required = true)]
    worlds: Vec<PathBuf>,
    /// Files of tasks, or folders of such files; a run writes them to its folder `task`.
    #[arg(long, num_args = 1..)]
    tasks: Vec<PathBuf>,
    /// Where to listen. Elsewhere than on this machine a token is needed.
    #[arg(long, default_value = "127.0.0.1:8000")]
    address: SocketAddr,
    /// File with the token that requests must show as `Authorization: Bearer TOKEN`; else the environment
    /// variable PRACTICUM_TOKEN, else none.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Further names under which the server is reached.
    #[arg(long = "host")]
    hosts: Vec<String>,
    /// Folder for the journal. After a kill, the same command goes on with every session.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Sessions at one time.
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// Requests that may wait for a session's place at one time.
    #[arg(long, default_value_t = 10_000)]
    queue: usize,
    /// Seconds that a request waits for a place.
    #[arg(long, default_value_t = 45)]
    wait: u64,
    /// Seconds after which a session is closed that nobody uses.
    #[arg(long, default_value_t = 1_800)]
    idle: u64,
    /// Seconds for which a session is kept whose socket broke off.
    #[arg(long, default_value_t = 120)]
    lease: u64,
    /// Calls per second and session; who is faster waits.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Databases that are open at one time; sessions beyond them are parked as bytes.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Messages to the user per episode.
    #[arg(long, default_value_t = EpisodeLimits::default().turns)]
    turns: usize,
    /// Calls per episode.
    #[arg(long, default_value_t = EpisodeLimits::default().calls)]
    calls: usize,
    /// Serve one agent by MCP over standard input and output, in place of listening.
    #[arg(long, conflicts_with_all = ["address", "token_file", "hosts", "journal"])]
    stdio: bool,
    /// With --stdio: the task; the first one unless given.
    #[arg(long, requires = "stdio")]
    task: Option<String>,
    /// Write a folder that OpenEnv takes as a package, with an oracle that passes every task, in place of listening.
    #[arg(long, conflicts_with_all = ["stdio", "address", "journal"])]
    package: Option<PathBuf>,
    /// What is logged to standard error.
    #[arg(long, value_enum, default_value_t = Log::Text)]
    log: Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Log {
    /// Warnings and errors, as lines.
    Text,
    /// Everything, one JSON object per line.
    Json,
    /// Nothing.
    Off,
}

/// Serves until it is told to stop.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let token = token(arguments)?;
    if !arguments.address.ip().is_loopback() && token.is_none() {
        return Err(CommandError::user(format!(
            "others than this machine can reach {}: a token is needed",
            arguments.address
        ))
        .hint("write one to a file, `openssl rand -hex 32 > token`, and give --token-file token"));
    }
    log(arguments.log);
    let (worlds, tasks) = offer::load(&arguments.worlds, &arguments.tasks)?;
    if let Some(folder) = &arguments.package {
        let folders = offer::folders(&arguments.worlds)?;
        return package::write(folder, &folders, worlds, tasks);
    }
    let catalogue = catalogue(worlds, tasks)?;
    let journal = arguments.journal.as_deref();
    let mut journal = journal.map(JournalFolder::open).transpose()?;
    let episodes = episodes(arguments, catalogue, journal.as_mut())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .max_blocking_threads(
            THREADS_PER_CORE * std::thread::available_parallelism().map_or(2, usize::from),
        )
        .build()
        .map_err(|error| CommandError::work(format!("threads cannot be started: {error}")))?;
    if arguments.stdio {
        return runtime.block_on(serve_stdio(arguments, episodes));
    }
    runtime.block_on(serve(arguments, token, episodes, journal))
}

/// Serves one agent over standard input and output. What its episode was worth is said at the end, on standard
/// error: standard output is the protocol's.
async fn serve_stdio(arguments: &Arguments, episodes: Episodes) -> Result<()> {
    let server = server(arguments, episodes)?;
    let wanted = Wanted {
        task: arguments.task.clone(),
        ..Wanted::default()
    };
    let judged = stdio(server, wanted).await.map_err(|error| match error {
        StdioError::Episodes(error) if !error.is_infrastructure() => {
            CommandError::user(error.to_string())
        }
        error => CommandError::work(error.to_string()),
    })?;
    match judged {
        None => line("the agent left before it finished"),
        Some(judged) => line(&serde_json::to_string(&judged).unwrap_or_default()),
    }
    Ok(())
}

fn catalogue(worlds: Vec<World>, tasks: Vec<Task>) -> Result<Catalogue> {
    Catalogue::new(worlds, tasks).map_err(|error| {
        CommandError::user(error.to_string()).hint("`practicum task` makes tasks for a world")
    })
}

/// The episodes: those of the journal, if there is one, else none.
fn episodes(
    arguments: &Arguments,
    catalogue: Catalogue,
    journal: Option<&mut JournalFolder>,
) -> Result<Episodes> {
    let limits = EpisodeLimits {
        turns: arguments.turns,
        calls: arguments.calls,
    };
    let Some(journal) = journal else {
        return Ok(Episodes::new(catalogue, arguments.connections, limits));
    };
    let failed = |error: practicum_serve::EpisodesError| {
        CommandError::work(format!("the journal: {error}"))
            .hint("move its folder away to begin without the sessions in it")
    };
    let parts = journal.readers()?;
    let some = !parts.is_empty();
    let recovered =
        Episodes::recover(catalogue, arguments.connections, limits, parts).map_err(failed)?;
    for (session, reason) in &recovered.lost {
        let short = session.get(..8).unwrap_or(session);
        line(&format!("session {short}... cannot go on: {reason}"));
    }
    if some {
        line(&format!(
            "{} sessions go on from the journal ({} calls made again, {} sessions lost)",
            recovered.episodes.len(),
            recovered.calls,
            recovered.lost.len()
        ));
    }
    journal.next_part(|writer| recovered.episodes.journal_to(writer).map_err(failed))?;
    Ok(recovered.episodes)
}

fn server(arguments: &Arguments, episodes: Episodes) -> Result<Server> {
    let seconds = Duration::from_secs;
    let capacity = Capacity {
        episodes: arguments.sessions,
        queue: arguments.queue,
        wait: seconds(arguments.wait),
        idle: seconds(arguments.idle),
        lease: seconds(arguments.lease),
        rate: arguments.rate,
    };
    let watch = Stopwatch::start();
    let clock = move || Duration::from_secs_f64(watch.seconds());
    // Asked once before: where the system gives no random numbers, nothing is served.
    random_id()?;
    let ids = || random_id().unwrap_or_default();
    Ok(Server::new(episodes, capacity, clock, ids))
}

async fn serve(
    arguments: &Arguments,
    token: Option<String>,
    episodes: Episodes,
    journal: Option<JournalFolder>,
) -> Result<()> {
    let mut server = server(arguments, episodes)?;
    if let Some(token) = &token {
        server.seal_with(token);
    }
    let listener = TcpListener::bind(arguments.address)
        .await
        .map_err(|error| {
            CommandError::user(format!("cannot listen on {}: {error}", arguments.address))
                .hint("choose another with --address 127.0.0.1:PORT; port 0 takes a free one")
        })?;
    let address = listener
        .local_addr()
        .map_err(|error| CommandError::work(error.to_string()))?;
    let door = Door {
        hosts: hosts(&arguments.hosts, address),
        token,
    };
    let stop = stop()?;
    greet(&server, &door, address);
    let rounds = tokio::spawn(rounds(server.clone(), journal));
    listen(listener, routes(server.clone(), door), server, stop).await;
    rounds.abort();
    line("stopped");
    Ok(())
}

/// Closes idle sessions and renews the journal, again and again.
async fn rounds(server: Server, journal: Option<JournalFolder>) {
    let mut journal = journal;
    let mut round = tokio::time::interval(ROUND);
    loop {
        round.tick().await;
        server.close_idle().await;
        let Some(mut own) = journal.take() else {
            continue;
        };
        let episodes = Arc::clone(server.episodes());
        let renewed = tokio::task::spawn_blocking(move || {
            let done = own.renew(|writer| {
                episodes
                    .journal_to(writer)
                    .map_err(|error| CommandError::work(error.to_string()))
            });
            if let Err(error) = done {
                line(&format!("the journal is not renewed: {error}"));
            }
            own
        });
        journal = renewed.await.ok();
    }
}

/// Resolves when the process is told to stop.
fn stop() -> Result<impl Future<Output = ()>> {
    let told = |kind| {
        signal(kind)
            .map_err(|error| CommandError::work(format!("signals cannot be heard: {error}")))
    };
    let (mut interrupt, mut terminate) = (
        told(SignalKind::interrupt())?,
        told(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// An id that nobody can guess: 128 random bits.
fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::work(format!("no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The host names under which requests may come: those given, and the address itself where it is one.
fn hosts(given: &[String], address: SocketAddr) -> Vec<String> {
    let mut hosts = given.to_vec();
    if !address.ip().is_unspecified() {
        hosts.push(match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
    }
    hosts
}

fn token(arguments: &Arguments) -> Result<Option<String>> {
    let token = match &arguments.token_file {
        Some(path) => Some(
            std::fs::read_to_string(path).map_err(|error| crate::error::io_error(path, &error))?,
        ),
        None => environment("PRACTICUM_TOKEN"),
    };
    let token = token.map(|token| token.trim().to_string());
    if token.as_deref().is_some_and(|token| token.len() < 16) {
        return Err(
            CommandError::user("the token is shorter than 16 characters")
                .hint("`openssl rand -hex 32` makes one that nobody can guess"),
        );
    }
    Ok(token)
}

#[allow(clippy::disallowed_methods)] // the binary's only look at it
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn log(log: Log) {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr);
    match log {
        Log::Text => lines
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .init(),
        Log::Json => lines
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::INFO)
            .init(),
        Log::Off => {}
    }
}

/// What is served where, and what to try.
fn greet(server: &Server, door: &Door, address: SocketAddr) {
    let catalogue = server.episodes().catalogue();
    let (worlds, tasks) = (catalogue.worlds().count(), catalogue.tasks().len());
    let url = format!("http://{address}");
    line(&format!(
        "Serving {worlds} worlds and {tasks} tasks on {url}, {} sessions at one time",
        server.capacity().episodes
    ));
    let token = if door.token.is_some() {
        " -H \"Authorization: Bearer $PRACTICUM_TOKEN\""
    } else {
        ""
    };
    line("Try:");
    line(&format!("  curl{token} {url}/tasks"));
    line(&format!("  curl{token} -X POST {url}/sessions"));
    line(&format!("  openenv validate {url}"));
    line("Ctrl-C stops it.");
}
