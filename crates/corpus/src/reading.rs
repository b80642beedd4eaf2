//! The account of one document: what was read, what was kept, what was dropped and why.

use std::collections::BTreeMap;

use crate::name::{self, UniqueNames};
use crate::operation::{Operation, ParameterDrops};
use crate::report::Counts;
use crate::schema::{Cuts, size};
use crate::{Diagnostic, DiagnosticKind, DropReason, Format, Options, Severity, benchmark};

/// References that lead nowhere and are named one by one, for each document.
const NAMED_REFERENCES: usize = 20;

/// Takes what a reader finds in one document, applies the filters, and keeps the account.
pub(crate) struct Reading<'a> {
    pub(crate) file: &'a str,
    pub(crate) options: &'a Options,
    pub(crate) format: Format,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) counts: Counts,
    pub(crate) parameter_drops: ParameterDrops,
    /// The file's path says that it belongs to a benchmark.
    benchmark: bool,
    names: BTreeMap<String, UniqueNames>,
    output_bytes: usize,
    sink: &'a mut dyn FnMut(Operation),
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        file: &'a str,
        format: Format,
        options: &'a Options,
        sink: &'a mut dyn FnMut(Operation),
    ) -> Self {
        Self {
            file,
            options,
            format,
            diagnostics: Vec::new(),
            counts: Counts::default(),
            parameter_drops: ParameterDrops::default(),
            benchmark: benchmark::path_names_one(file),
            names: BTreeMap::new(),
            output_bytes: 0,
            sink,
        }
    }

    /// Whether another operation may still be read; one that may not is counted as dropped.
    pub(crate) fn has_room(&mut self) -> bool {
        let limits = &self.options.limits;
        let full = self.counts.operations() >= limits.operations
            || self.output_bytes >= limits.output_bytes;
        if full {
            self.counts.dropped(self.format, DropReason::OverLimit);
        }
        !full
    }

    /// Takes an operation: keeps it, sets it aside, or drops it with a reason.
    pub(crate) fn operation(&mut self, mut operation: Operation) {
        operation.spec.source.benchmark |= self.benchmark;
        if operation.spec.source.benchmark && !self.options.include_benchmarks {
            self.counts.benchmark(self.format);
            return;
        }
        if let Some((reason, message)) = self.verdict(&operation) {
            let place = operation.spec.source.pointer;
            self.drop(reason, &place, &message);
            return;
        }
        let spec = &mut operation.spec;
        let prefix = spec.id.rsplit_once('#').map_or("", |(prefix, _)| prefix);
        let prefix = prefix.to_owned();
        let name = self
            .names
            .entry(prefix.clone())
            .or_default()
            .claim(&spec.name);
        spec.id = format!("{prefix}#{name}");
        spec.name = name;
        self.output_bytes +=
            600 + spec.description.len() + size(&spec.input) + spec.output.as_ref().map_or(0, size);
        self.counts.kept(self.format);
        (self.sink)(operation);
    }

    fn verdict(&self, operation: &Operation) -> Option<(DropReason, String)> {
        let filters = &self.options.filters;
        let spec = &operation.spec;
        let method = spec.http.as_ref().map_or("", |http| http.method.as_str());
        if name::tool_name(&spec.name).is_none() {
            return Some((
                DropReason::UnusableName,
                "it has no name of letters, digits, `_` or `-`: give it one".to_owned(),
            ));
        }
        if filters.protocol_methods && matches!(method, "HEAD" | "OPTIONS" | "TRACE") {
            return Some((
                DropReason::ProtocolMethod,
                format!("`{method}` serves the protocol and does no work"),
            ));
        }
        if filters.deprecated && operation.deprecated {
            return Some((
                DropReason::Deprecated,
                "the spec calls it deprecated; set `filters.deprecated = false` to keep it"
                    .to_owned(),
            ));
        }
        if filters.without_description && spec.description.is_empty() {
            return Some((
                DropReason::NoDescription,
                "it has neither description nor summary: write one, or set \
                 `filters.without_description = false`"
                    .to_owned(),
            ));
        }
        if filters.without_parameters && spec.parameter_count() == 0 {
            return Some((
                DropReason::NoParameters,
                "it takes no arguments; set `filters.without_parameters = false` to keep it"
                    .to_owned(),
            ));
        }
        None
    }

    /// Counts an operation that could not be read.
    pub(crate) fn unreadable(&mut self, place: &str, message: &str) {
        self.drop(DropReason::Unreadable, place, message);
    }

    fn drop(&mut self, reason: DropReason, place: &str, message: &str) {
        self.counts.dropped(self.format, reason);
        let severity = match reason {
            DropReason::Unreadable | DropReason::UnusableName => Severity::Warning,
            _ => Severity::Info,
        };
        let kind = DiagnosticKind::OperationDropped(reason);
        self.note(severity, kind, place, message.to_owned());
    }

    pub(crate) fn note(
        &mut self,
        severity: Severity,
        kind: DiagnosticKind,
        place: &str,
        message: String,
    ) {
        self.diagnostics.push(Diagnostic {
            severity,
            kind,
            file: self.file.to_owned(),
            place: place.to_owned(),
            message,
        });
    }

    /// Says what was cut in the document's schemas, one line for each kind of cut.
    pub(crate) fn cuts(&mut self, cuts: &Cuts) {
        use crate::schema::Cut;
        for (reference, (count, place)) in cuts.dangling.iter().take(NAMED_REFERENCES) {
            let outside = !reference.starts_with('#') && reference.contains(['/', '.']);
            let hint = if outside {
                "it leads out of the file: bundle the spec into one file"
            } else {
                "nothing is there: mend the spec"
            };
            let message = format!(
                "`{reference}` cannot be followed ({}); {hint}. The place is marked `x-cut: dangling`",
                counted(*count)
            );
            let kind = DiagnosticKind::DanglingReference;
            self.note(Severity::Warning, kind, place, message);
        }
        if cuts.dangling.len() > NAMED_REFERENCES {
            let message = format!(
                "{} more references cannot be followed",
                cuts.dangling.len() - NAMED_REFERENCES
            );
            let kind = DiagnosticKind::DanglingReference;
            self.note(Severity::Warning, kind, "", message);
        }
        for (cut, (count, place)) in &cuts.counts {
            let (kind, what) = match cut {
                Cut::Cycle => (DiagnosticKind::CircularSchema, "contain themselves"),
                Cut::Depth => (
                    DiagnosticKind::SchemaCut,
                    "are nested deeper than `limits.schema_depth`",
                ),
                Cut::Size => (
                    DiagnosticKind::SchemaCut,
                    "are larger than `limits.schema_bytes`",
                ),
                Cut::Dangling => continue,
            };
            let message = format!(
                "schemas {what} ({}); marked `x-cut: {}`",
                counted(*count),
                cut.name()
            );
            self.note(Severity::Info, kind, place, message);
            *self.counts.cuts.entry(cut.name()).or_default() += count;
        }
        if let Some((count, _)) = cuts.counts.get(&Cut::Dangling) {
            *self.counts.cuts.entry(Cut::Dangling.name()).or_default() += count;
        }
    }

    /// Ends the account of the document.
    pub(crate) fn finish(mut self) -> (Counts, Vec<Diagnostic>) {
        let over = self.counts.dropped_for(DropReason::OverLimit);
        if over > 0 {
            let limits = &self.options.limits;
            let message = format!(
                "{over} operations were left out: a file may have {} operations that make {} bytes \
                 of tool specs; raise `limits.operations` or `limits.output_bytes` if it is trusted",
                limits.operations, limits.output_bytes
            );
            let kind = DiagnosticKind::OperationDropped(DropReason::OverLimit);
            self.note(Severity::Warning, kind, "", message);
        }
        for (reason, count) in &self.parameter_drops {
            *self
                .counts
                .parameters_dropped
                .entry(reason.name())
                .or_default() += count;
        }
        (self.counts, self.diagnostics)
    }
}

/// How often something was seen, where the place of the first is given beside.
fn counted(count: usize) -> String {
    match count {
        1 => "here only".to_owned(),
        _ => format!("in {count} places, here first"),
    }
}
