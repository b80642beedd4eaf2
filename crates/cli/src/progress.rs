//! Progress: a bar on a terminal, plain lines elsewhere. All of it goes to standard error.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far a stage is.
#[derive(Debug)]
pub(crate) struct Progress {
    name: &'static str,
    bar: Option<ProgressBar>,
    quiet: bool,
    /// The tenths that a plain line was printed for.
    printed: AtomicU64,
}

impl Progress {
    /// A stage begins.
    pub(crate) fn new(name: &'static str, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) =
                ProgressStyle::with_template("{prefix:>9} {bar:30} {pos}/{len} {msg} {eta_precise}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(name);
            bar
        });
        Self {
            name,
            bar,
            quiet,
            printed: AtomicU64::new(0),
        }
    }

    /// So many of so many are done.
    pub(crate) fn at(&self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            return;
        }
        if self.quiet || total < 50 {
            return;
        }
        let tenth = (10 * done / total) as u64;
        if tenth > self.printed.fetch_max(tenth, Ordering::Relaxed) {
            line(&format!("{:>9}  {done} of {total}", self.name));
        }
    }

    /// The stage ended: one line says what it made.
    pub(crate) fn done(&self, summary: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.quiet {
            line(&format!("{:>9}  {summary}", self.name));
        }
    }
}

/// A line for the person who watches.
#[allow(clippy::print_stderr)] // the binary's only way to standard error
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

/// The result of a command, for programs.
pub(crate) fn result(text: &str) {
    // A reader that went away, such as `head`, has seen enough.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{text}\n").as_bytes());
}
