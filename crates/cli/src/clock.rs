//! The only place that reads the time and the process's memory: for reports, never for artefacts.

use std::time::{Duration, Instant, SystemTime};

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(clippy::disallowed_methods)] // this is the place that the lint names
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// The time since 1970: for records of another program's format, which demand the time of day.
#[allow(clippy::disallowed_methods)] // this is the place that the lint names
pub(crate) fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The most memory that the process has held so far, in bytes; None where the system does not tell.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}

/// Seconds that the process has used on all cores so far, in user and system mode; 0 where the system does not tell.
#[cfg(feature = "learn")]
pub(crate) fn core_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    // Linux has a hundred ticks a second on every machine that this runs on (sysconf _SC_CLK_TCK).
    ticks / 100.0
}
