//! What a server has done, counted, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use practicum_rollout::Fault;
use practicum_world::{ErrorKind, Reply};

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS: [u64; 10] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000,
];

/// Why an episode was closed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Closed {
    Asked,
    Idle,
}

/// Counters. They only grow; what is true now is asked for when they are told.
#[derive(Debug)]
pub(crate) struct Metrics {
    worlds: BTreeMap<String, WorldMetrics>,
    closed_asked: AtomicU64,
    closed_idle: AtomicU64,
    turned_away: AtomicU64,
    infrastructure: AtomicU64,
    sockets: AtomicU64,
    sockets_gone: AtomicU64,
}

#[derive(Debug, Default)]
struct WorldMetrics {
    begun: AtomicU64,
    done: AtomicU64,
    failed: [AtomicU64; ErrorKind::NAMES.len()],
    passed: AtomicU64,
    not_passed: [AtomicU64; JUDGED.len()],
    micros: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len()],
}

/// How a judgement that is no pass is told.
const JUDGED: [&str; 3] = ["agent", "world", "verifier"];

/// What is true now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) sessions: usize,
    pub(crate) places: usize,
    pub(crate) waiting: usize,
    pub(crate) connections: usize,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Metrics {
    pub(crate) fn new<'a>(worlds: impl Iterator<Item = &'a str>) -> Self {
        Self {
            worlds: worlds
                .map(|world| (world.to_string(), WorldMetrics::default()))
                .collect(),
            closed_asked: AtomicU64::new(0),
            closed_idle: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            infrastructure: AtomicU64::new(0),
            sockets: AtomicU64::new(0),
            sockets_gone: AtomicU64::new(0),
        }
    }

    pub(crate) fn begun(&self, world: &str) {
        if let Some(own) = self.worlds.get(world) {
            add(&own.begun, 1);
        }
    }

    pub(crate) fn closed(&self, why: Closed) {
        match why {
            Closed::Asked => add(&self.closed_asked, 1),
            Closed::Idle => add(&self.closed_idle, 1),
        }
    }

    pub(crate) fn turned_away(&self) {
        add(&self.turned_away, 1);
    }

    pub(crate) fn infrastructure(&self) {
        add(&self.infrastructure, 1);
    }

    pub(crate) fn socket_opened(&self) {
        add(&self.sockets, 1);
    }

    pub(crate) fn socket_closed(&self) {
        add(&self.sockets_gone, 1);
    }

    /// Sockets that are open now.
    pub(crate) fn sockets(&self) -> u64 {
        read(&self.sockets).saturating_sub(read(&self.sockets_gone))
    }

    pub(crate) fn acted(&self, world: &str, reply: &Reply, took: Duration) {
        let Some(own) = self.worlds.get(world) else {
            return;
        };
        match &reply.result {
            Ok(_) => add(&own.done, 1),
            Err(error) => {
                let mut names = ErrorKind::NAMES.iter();
                let at = names.position(|name| *name == error.kind.name());
                if let Some(counter) = at.and_then(|at| own.failed.get(at)) {
                    add(counter, 1);
                }
            }
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&own.micros, micros);
        if let Some(at) = BOUNDS.iter().position(|bound| micros <= *bound) {
            add(&own.buckets[at], 1);
        }
    }

    pub(crate) fn judged(&self, world: &str, fault: Option<Fault>) {
        let Some(own) = self.worlds.get(world) else {
            return;
        };
        match fault {
            None => add(&own.passed, 1),
            Some(Fault::World) => add(&own.not_passed[1], 1),
            Some(Fault::Verifier) => add(&own.not_passed[2], 1),
            Some(_) => add(&own.not_passed[0], 1),
        }
    }

    /// The text format of Prometheus, version 0.0.4.
    pub(crate) fn text(&self, now: Now) -> String {
        let mut out = String::new();
        let mut gauge = |name: &str, help: &str, value: u64| {
            let _ = writeln!(
                out,
                "# HELP practicum_{name} {help}\n# TYPE practicum_{name} gauge\npracticum_{name} {value}"
            );
        };
        gauge("sessions", "Sessions now.", now.sessions as u64);
        gauge("places", "Sessions that there may be.", now.places as u64);
        gauge(
            "queue",
            "Requests that wait for a place now.",
            now.waiting as u64,
        );
        gauge("connections", "Open databases now.", now.connections as u64);
        gauge("sockets", "WebSockets now.", self.sockets());
        head(
            &mut out,
            "sessions_closed_total",
            "Sessions closed.",
            "counter",
        );
        let closed = [("asked", &self.closed_asked), ("idle", &self.closed_idle)];
        for (why, counter) in closed {
            let count = read(counter);
            let _ = writeln!(
                out,
                "practicum_sessions_closed_total{{reason=\"{why}\"}} {count}"
            );
        }
        let plain = [
            (
                "turned_away_total",
                "Requests that got no place in time.",
                &self.turned_away,
            ),
            ("sockets_total", "WebSockets opened.", &self.sockets),
            (
                "infrastructure_faults_total",
                "Requests that failed by the server's fault; never a reward.",
                &self.infrastructure,
            ),
        ];
        for (name, help, counter) in plain {
            head(&mut out, name, help, "counter");
            let _ = writeln!(out, "practicum_{name} {}", read(counter));
        }
        head(
            &mut out,
            "sessions_begun_total",
            "Sessions begun.",
            "counter",
        );
        for (world, own) in self.labelled() {
            let count = read(&own.begun);
            let _ = writeln!(
                out,
                "practicum_sessions_begun_total{{world=\"{world}\"}} {count}"
            );
        }
        head(
            &mut out,
            "acts_total",
            "Acts, by how they were answered.",
            "counter",
        );
        for (world, own) in self.labelled() {
            let kinds = ErrorKind::NAMES.iter().zip(&own.failed);
            for (kind, counter) in [(&"ok", &own.done)].into_iter().chain(kinds) {
                let count = read(counter);
                let _ = writeln!(
                    out,
                    "practicum_acts_total{{world=\"{world}\",reply=\"{kind}\"}} {count}"
                );
            }
        }
        head(
            &mut out,
            "judged_total",
            "Judgements: passed, or whose fault.",
            "counter",
        );
        for (world, own) in self.labelled() {
            let faults = JUDGED.iter().zip(&own.not_passed);
            for (judged, counter) in [(&"passed", &own.passed)].into_iter().chain(faults) {
                let count = read(counter);
                let _ = writeln!(
                    out,
                    "practicum_judged_total{{world=\"{world}\",result=\"{judged}\"}} {count}"
                );
            }
        }
        self.latencies(&mut out);
        out
    }

    /// Worlds under their names as a label's value says them.
    fn labelled(&self) -> impl Iterator<Item = (String, &WorldMetrics)> {
        let escape = |name: &String| {
            name.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        };
        self.worlds
            .iter()
            .map(move |(name, own)| (escape(name), own))
    }

    fn latencies(&self, out: &mut String) {
        let name = "practicum_act_seconds";
        head(out, "act_seconds", "How long acts took.", "histogram");
        for (world, own) in self.labelled() {
            let mut below = 0;
            for (bound, counter) in BOUNDS.iter().zip(&own.buckets) {
                below += read(counter);
                let bound = *bound as f64 / 1e6;
                let _ = writeln!(
                    out,
                    "{name}_bucket{{world=\"{world}\",le=\"{bound}\"}} {below}"
                );
            }
            let all = read(&own.done) + own.failed.iter().map(read).sum::<u64>();
            let seconds = read(&own.micros) as f64 / 1e6;
            let _ = writeln!(out, "{name}_bucket{{world=\"{world}\",le=\"+Inf\"}} {all}");
            let _ = writeln!(out, "{name}_sum{{world=\"{world}\"}} {seconds}");
            let _ = writeln!(out, "{name}_count{{world=\"{world}\"}} {all}");
        }
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(
        out,
        "# HELP practicum_{name} {help}\n# TYPE practicum_{name} {kind}"
    );
}
