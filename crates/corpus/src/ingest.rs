//! A whole run: inputs in, a corpus out, and an account of everything between.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use practicum_table::{AtomicFile, TableReader, TableWriter};
use rayon::prelude::*;

use crate::fold::{FoldKey, Verdict, fold};
use crate::operation::Operation;
use crate::reader::{self, Outcome};
use crate::report::Report;
use crate::row::{COLUMNS, Group, Row, TABLE, rows};
use crate::walk::{Found, walk};
use crate::{
    Diagnostic, DiagnosticKind, DropReason, IngestError, Options, OutputOrigin, Severity, ToolSpec,
};

/// Bytes and files that are parsed side by side. Larger means more memory, smaller more waiting.
const CHUNK_BYTES: usize = 8 << 20;
const CHUNK_FILES: usize = 256;

/// Stack of the threads that parse: JSON nested 128 deep needs more than a thread has by default.
const STACK: usize = 16 << 20;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files that are done.
    pub files_done: usize,
    /// Files that were found so far; more may come while archives are being unpacked.
    pub files_known: usize,
    /// Operations that passed the filters so far.
    pub operations: usize,
}

/// Reads every spec in `inputs` (files, folders, archives) and writes a corpus into the folder `out`.
///
/// `progress` is called from the calling thread, some times a second at most. The result depends on the
/// inputs and the options alone, not on the number of threads.
///
/// Writes `tools.parquet`, `diagnostics.jsonl` and `report.json`, each only when it is complete.
///
/// # Errors
/// When an input is missing, when no input holds a spec, or when `out` cannot be written. What is wrong
/// inside the inputs is no error: it is a line in `diagnostics.jsonl`.
pub fn ingest(
    inputs: &[PathBuf],
    options: &Options,
    out: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, IngestError> {
    if inputs.is_empty() {
        return Err(IngestError::NoInput);
    }
    // Before any work is done for nothing.
    for input in inputs {
        if let Err(source) = fs::metadata(input) {
            let path = input.clone();
            return Err(match source.kind() {
                std::io::ErrorKind::NotFound => IngestError::InputMissing { path },
                _ => IngestError::InputUnreadable { path, source },
            });
        }
    }
    fs::create_dir_all(out).map_err(|source| IngestError::OutputFolder {
        path: out.to_owned(),
        source,
    })?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.map_or(0, NonZero::get))
        .stack_size(STACK)
        .build()
        .map_err(|error| IngestError::Threads {
            detail: error.to_string(),
        })?;
    let mut run = Run::start(options, out)?;
    let known = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (send, receive) = sync_channel(1);
        let known = &known;
        // Takes the sender along: when the walk ends, so does the sequence of chunks.
        let walker = scope.spawn(move || send_chunks(inputs, options, known, &send));
        let done = run.consume(&receive, &pool, known, progress);
        // A run that failed takes no more chunks, which stops the walk.
        drop(receive);
        let walked = walker.join().unwrap_or_else(|_| {
            Err(IngestError::Threads {
                detail: "the thread that reads the input panicked".to_owned(),
            })
        });
        done.and(walked)
    })?;
    run.finish()
}

/// Reads one document that is already in memory: the operations that pass the filters, and what there is
/// to say about the rest.
///
/// `name` is the file's name; it appears in sources and diagnostics and helps to name the provider.
pub fn read_bytes(name: &str, bytes: &[u8], options: &Options) -> (Vec<ToolSpec>, Vec<Diagnostic>) {
    let mut specs = Vec::new();
    if bytes.len() as u64 > options.limits.file_bytes {
        let message = format!("larger than {} bytes", options.limits.file_bytes);
        let note = Diagnostic::skipped(name, crate::SkipReason::TooLarge, message);
        return (specs, vec![note]);
    }
    let outcome = reader::read(name, bytes, options, &mut |operation: Operation| {
        specs.push(operation.spec);
    });
    (specs, outcome.diagnostics)
}

/// Files that are parsed side by side.
type Chunk = Vec<Found>;

/// Walks the inputs and hands the files over in chunks, in order.
fn send_chunks(
    inputs: &[PathBuf],
    options: &Options,
    known: &AtomicUsize,
    send: &SyncSender<Chunk>,
) -> Result<(), IngestError> {
    let mut chunk = Chunk::new();
    let mut bytes = 0;
    let mut sink = |found: Found| {
        if let Found::File { bytes: content, .. } = &found {
            bytes += content.len();
        }
        if !matches!(found, Found::Note(_)) {
            known.fetch_add(1, Ordering::Relaxed);
        }
        chunk.push(found);
        if bytes >= CHUNK_BYTES || chunk.len() >= CHUNK_FILES {
            bytes = 0;
            if send.send(std::mem::take(&mut chunk)).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    walk(inputs, &options.limits, &mut sink)?;
    // If nobody takes it, the run has failed and says why itself.
    let _ = send.send(chunk);
    Ok(())
}

/// One file's operations as rows, ready to be written.
struct Parsed {
    outcome: Option<Outcome>,
    rows: Vec<(Row, FoldKey)>,
    notes: Vec<Diagnostic>,
}

fn parse(found: Found, options: &Options) -> Parsed {
    let mut parsed = Parsed {
        outcome: None,
        rows: Vec::new(),
        notes: Vec::new(),
    };
    match found {
        Found::File { file, bytes } => {
            let rows = &mut parsed.rows;
            let outcome = reader::read(&file, bytes, options, &mut |operation: Operation| {
                let key = FoldKey::of(&operation);
                rows.push((Row::of(operation.spec), key));
            });
            parsed.outcome = Some(outcome);
        }
        Found::Skipped(reason, diagnostic) => {
            parsed.outcome = Some(Outcome {
                counts: crate::report::Counts::default(),
                diagnostics: vec![diagnostic],
                skipped: Some(reason),
            });
        }
        Found::Note(diagnostic) => parsed.notes.push(diagnostic),
    }
    parsed
}

/// A run in progress. Everything that passes the filters waits in a table of its own until it is known
/// what repeats what.
struct Run<'a> {
    options: &'a Options,
    out: &'a Path,
    report: Report,
    diagnostics: AtomicFile,
    /// The first diagnostics, for the message when there is nothing else to show.
    first: Vec<String>,
    pending: Pending,
    writer: TableWriter,
    group: Group,
    keys: Vec<(u32, FoldKey)>,
    ids: Vec<String>,
}

/// The waiting table, which goes when the run does.
struct Pending(PathBuf);

impl Drop for Pending {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl<'a> Run<'a> {
    fn start(options: &'a Options, out: &'a Path) -> Result<Self, IngestError> {
        // Named like what it is, so that what a killed run leaves is seen to be rubbish.
        let pending = out.join("pending.parquet.tmp");
        let writer = TableWriter::create(&pending, &COLUMNS)?;
        Ok(Self {
            options,
            out,
            report: Report::empty(),
            diagnostics: AtomicFile::create(&out.join("diagnostics.jsonl"))?,
            first: Vec::new(),
            pending: Pending(pending),
            writer,
            group: Group::default(),
            keys: Vec::new(),
            ids: Vec::new(),
        })
    }

    fn consume(
        &mut self,
        chunks: &Receiver<Chunk>,
        pool: &rayon::ThreadPool,
        known: &AtomicUsize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), IngestError> {
        let options = self.options;
        for chunk in chunks {
            let parsed: Vec<Parsed> = pool.install(|| {
                chunk
                    .into_par_iter()
                    .map(|found| parse(found, options))
                    .collect()
            });
            for parsed in parsed {
                self.take(parsed)?;
            }
            progress(Progress {
                files_done: self.report.files.read,
                files_known: known.load(Ordering::Relaxed).max(self.report.files.read),
                operations: self.keys.len(),
            });
        }
        Ok(())
    }

    fn take(&mut self, parsed: Parsed) -> Result<(), IngestError> {
        for diagnostic in &parsed.notes {
            self.say(diagnostic)?;
        }
        let Some(outcome) = parsed.outcome else {
            return Ok(());
        };
        let file = u32::try_from(self.report.files.read).unwrap_or(u32::MAX);
        self.report.file(outcome.skipped);
        self.report.add(&outcome.counts);
        for diagnostic in &outcome.diagnostics {
            self.say(diagnostic)?;
        }
        for (row, key) in parsed.rows {
            self.ids.push(row.id.clone());
            self.keys.push((file, key));
            self.group.push(row);
            if self.group.is_full() {
                self.writer.write(self.group.take())?;
            }
        }
        Ok(())
    }

    fn say(&mut self, diagnostic: &Diagnostic) -> Result<(), IngestError> {
        if self.first.len() < 3 {
            let line = format!("\n  {}: {}", diagnostic.file, diagnostic.message);
            self.first.push(line);
        }
        *self
            .report
            .diagnostics
            .entry(diagnostic.severity)
            .or_default() += 1;
        // Strings and unit variants only: this cannot fail.
        let mut line = serde_json::to_string(diagnostic).unwrap_or_default();
        line.push('\n');
        self.diagnostics.append(line.as_bytes())?;
        Ok(())
    }

    /// Folds what repeats and writes the corpus.
    fn finish(mut self) -> Result<Report, IngestError> {
        if self.report.files.specs == 0 {
            return Err(IngestError::NoSpec {
                files: self.report.files.read,
                first: self.first.concat(),
            });
        }
        self.writer.write(self.group.take())?;
        let writer = std::mem::replace(
            &mut self.writer,
            TableWriter::create(&self.out.join(TABLE), &COLUMNS)?,
        );
        writer.finish()?;
        let verdicts = fold(&self.keys, &self.options.filters);
        self.keys = Vec::new();
        self.make_ids_unique(&verdicts);
        self.write_kept(&verdicts)?;
        self.close()
    }

    /// Ids of kept operations are unique; where two documents make the same one, the later gets a number.
    fn make_ids_unique(&mut self, verdicts: &[Verdict]) {
        let mut taken = BTreeSet::new();
        for (id, verdict) in self.ids.iter_mut().zip(verdicts) {
            if verdict.is_some() {
                continue;
            }
            let base = id.clone();
            let mut number = 2usize;
            while taken.contains(id) {
                *id = format!("{base}~{number}");
                number += 1;
            }
            taken.insert(id.clone());
        }
    }

    fn write_kept(&mut self, verdicts: &[Verdict]) -> Result<(), IngestError> {
        let pending = TableReader::open(&self.pending.0)?;
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let mut verdicts = verdicts.iter().enumerate();
        let mut providers = BTreeSet::new();
        for group in 0..pending.groups() {
            for mut row in rows(pending.group(group, &names)?)? {
                let Some((index, verdict)) = verdicts.next() else {
                    break;
                };
                if let Some((reason, winner)) = verdict {
                    let winner = self.ids.get(*winner).cloned().unwrap_or_default();
                    self.report.folded(*reason);
                    self.say(&folded(&row, *reason, &winner))?;
                    continue;
                }
                if let Some(id) = self.ids.get(index) {
                    row.id.clone_from(id);
                }
                self.count(&row);
                providers.insert(row.provider.clone());
                self.group.push(row);
                if self.group.is_full() {
                    self.writer.write(self.group.take())?;
                }
            }
        }
        self.report.kept.providers = providers.len();
        self.writer.write(self.group.take())?;
        Ok(())
    }

    fn count(&mut self, row: &Row) {
        let report = &mut self.report;
        report.operations.kept += 1;
        let format = report
            .formats
            .iter_mut()
            .find(|(format, _)| format.name() == row.format);
        if let Some((_, counts)) = format {
            counts.kept += 1;
        }
        let kept = &mut report.kept;
        if row.parameters == 0 {
            kept.without_parameters += 1;
        }
        kept.parameters += usize::try_from(row.parameters).unwrap_or(0);
        kept.benchmarks += usize::from(row.benchmark);
        let origin = OutputOrigin::ALL
            .into_iter()
            .find(|origin| origin.name() == row.output_origin);
        if let Some(origin) = origin {
            *kept.outputs.entry(origin).or_default() += 1;
        }
    }

    fn close(self) -> Result<Report, IngestError> {
        self.writer.finish()?;
        self.diagnostics.commit()?;
        let mut report = AtomicFile::create(&self.out.join("report.json"))?;
        // Numbers, and maps with string keys: this cannot fail.
        let mut text = serde_json::to_string_pretty(&self.report).unwrap_or_default();
        text.push('\n');
        report.append(text.as_bytes())?;
        report.commit()?;
        Ok(self.report)
    }
}

/// What is said of an operation that repeats another.
fn folded(row: &Row, reason: DropReason, winner: &str) -> Diagnostic {
    let message = match reason {
        DropReason::Superseded => {
            format!("`{winner}` is the same operation in a newer version of the API")
        }
        DropReason::Mirror => {
            format!("`{winner}`, from another file, is the same operation of the same version")
        }
        _ => format!("equal to `{winner}`"),
    };
    Diagnostic {
        severity: Severity::Info,
        kind: DiagnosticKind::OperationDropped(reason),
        file: row.file.clone(),
        place: row.pointer.clone(),
        message,
    }
}
