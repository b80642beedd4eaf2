//! Archives, read in one pass without unpacking to disk.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;

use flate2::read::MultiGzDecoder;
use tar::EntryType;
use zip::ZipArchive;

use crate::walk::{Found, Sink, clean_name};
use crate::{Diagnostic, DiagnosticKind, Limits, Severity, SkipReason};

/// Bytes by which an archive is told.
pub(crate) const MAGIC: u64 = 4;

/// Largest zstd window: 2^27 bytes, what `zstd --long` writes.
const ZSTD_WINDOW: u32 = 27;

/// Longest name of an entry that is read from an extension header.
const NAME_BYTES: u64 = 64 << 10;

/// What an archive is packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Gzip,
    Zstd,
}

impl Kind {
    /// Tells by the first bytes of a file.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else if head.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

/// Reads an archive, or a single file that is only compressed. `head` are the bytes already read of it.
pub(crate) fn read(
    kind: Kind,
    head: Vec<u8>,
    opened: File,
    file: &str,
    limits: &Limits,
    sink: &mut Sink<'_>,
) -> ControlFlow<()> {
    let mut archive = Archive {
        file,
        limits,
        sink,
        entries: 0,
    };
    if kind == Kind::Zip {
        return archive.read_zip(opened);
    }
    let packed = io::Cursor::new(head).chain(BufReader::with_capacity(1 << 16, opened));
    let unpacked: Box<dyn Read> = match kind {
        Kind::Gzip => Box::new(MultiGzDecoder::new(packed)),
        _ => match zstd_decoder(packed) {
            Ok(decoder) => decoder,
            Err(error) => return archive.cut(&error),
        },
    };
    let mut unpacked = Budgeted {
        inner: unpacked,
        left: limits.archive_bytes,
    };
    // The first block tells whether files are inside, or one file is all there is.
    let mut block = Vec::new();
    let first = unpacked.by_ref().take(512).read_to_end(&mut block);
    if let Err(error) = first {
        return archive.cut(&error);
    }
    let is_tar = block.get(257..262) == Some(b"ustar");
    let mut unpacked = io::Cursor::new(block).chain(unpacked);
    if is_tar {
        archive.read_tar(unpacked)
    } else {
        let name = file
            .strip_suffix(".gz")
            .or_else(|| file.strip_suffix(".zst"));
        let found = archive.single(name.unwrap_or(file), &mut unpacked);
        (archive.sink)(found)
    }
}

fn zstd_decoder<'a>(packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut decoder = zstd::Decoder::new(packed)?;
    decoder.window_log_max(ZSTD_WINDOW)?;
    Ok(Box::new(decoder))
}

/// Reads all bytes; `None` if there are more than `limit`, of which no more is read.
pub(crate) fn read_limited(reader: &mut dyn Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

pub(crate) fn too_large(file: &str, limits: &Limits) -> Found {
    let message = format!(
        "larger than {} MiB: split it, or raise `limits.file_bytes` if it is trusted",
        limits.file_bytes >> 20
    );
    Found::skipped(file, SkipReason::TooLarge, message)
}

/// A reader that gives out only so many bytes.
struct Budgeted<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Only an archive that has more to give is too large.
            let mut one = [0];
            return match self.inner.read(&mut one)? {
                0 => Ok(0),
                _ => Err(io::ErrorKind::FileTooLarge.into()),
            };
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let end = buffer.len().min(most);
        let read = match buffer.get_mut(..end) {
            Some(buffer) => self.inner.read(buffer)?,
            None => 0,
        };
        self.left -= read as u64;
        Ok(read)
    }
}

struct Archive<'a, 's> {
    file: &'a str,
    limits: &'a Limits,
    sink: &'a mut Sink<'s>,
    entries: usize,
}

impl Archive<'_, '_> {
    fn name(&self, entry: &str) -> String {
        format!("{}!{}", self.file, clean_name(entry))
    }

    /// Says that the archive was not read to its end.
    fn cut(&mut self, error: &io::Error) -> ControlFlow<()> {
        let why = match error.kind() {
            io::ErrorKind::FileTooLarge => format!(
                "it has more than {} bytes when unpacked: raise `limits.archive_bytes` if it is trusted",
                self.limits.archive_bytes
            ),
            io::ErrorKind::UnexpectedEof => "it is truncated: fetch it again".to_owned(),
            _ => format!("it is damaged ({error}): fetch it again"),
        };
        self.note(format!(
            "the archive was read up to entry {} and no further; {why}",
            self.entries
        ))
    }

    fn note(&mut self, message: String) -> ControlFlow<()> {
        (self.sink)(Found::Note(Diagnostic {
            severity: Severity::Error,
            kind: DiagnosticKind::ArchiveCut,
            file: self.file.to_owned(),
            place: String::new(),
            message,
        }))
    }

    /// Whether one more entry may be read; says so once when not.
    fn has_room(&mut self) -> Result<(), ControlFlow<()>> {
        if self.entries < self.limits.entries {
            self.entries += 1;
            return Ok(());
        }
        let message = format!(
            "the archive has more than {} entries; the rest was not read: raise `limits.entries` if it \
             is trusted",
            self.limits.entries
        );
        Err(self.note(message))
    }

    /// One file from a reader that holds nothing else.
    fn single(&self, name: &str, reader: &mut dyn Read) -> Found {
        match read_limited(reader, self.limits.file_bytes) {
            Ok(Some(bytes)) => Found::File {
                file: name.to_owned(),
                bytes,
            },
            Ok(None) => too_large(name, self.limits),
            Err(error) => unreadable(name, &error),
        }
    }

    /// One entry; `size` is what the archive says of its length.
    fn entry(&self, name: &str, size: u64, reader: &mut dyn Read) -> Found {
        if size > self.limits.file_bytes {
            return too_large(name, self.limits);
        }
        match self.single(name, reader) {
            Found::File { bytes, .. } if (bytes.len() as u64) < size => {
                let message = "the archive ends in the middle of this entry: fetch it again";
                Found::skipped(name, SkipReason::Truncated, message)
            }
            Found::File { bytes, .. } if Kind::of(&bytes).is_some() => {
                let message =
                    "an archive inside an archive: unpack it and give it as an input of its own";
                Found::skipped(name, SkipReason::NestedArchive, message)
            }
            found => found,
        }
    }

    fn read_tar(&mut self, unpacked: impl Read) -> ControlFlow<()> {
        let mut tar = tar::Archive::new(unpacked);
        let entries = match tar.entries() {
            Ok(entries) => entries,
            Err(error) => return self.cut(&error),
        };
        let mut long_name: Option<String> = None;
        // Raw, because otherwise extension headers are read into memory whatever their size.
        for entry in entries.raw(true) {
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.cut(&error),
            };
            let kind = entry.header().entry_type();
            let size = entry.size();
            match kind {
                EntryType::GNULongName | EntryType::XHeader => {
                    let Ok(bytes) = read_limited(&mut entry, NAME_BYTES) else {
                        continue;
                    };
                    let bytes = bytes.unwrap_or_default();
                    long_name = match kind {
                        EntryType::GNULongName => Some(lossy(&bytes)),
                        _ => pax_path(&bytes).or(long_name),
                    };
                }
                EntryType::Regular | EntryType::Continuous => {
                    if let Err(flow) = self.has_room() {
                        return flow;
                    }
                    let short = lossy(&entry.path_bytes());
                    let name = self.name(&long_name.take().unwrap_or(short));
                    let found = self.entry(&name, size, &mut entry);
                    (self.sink)(found)?;
                }
                _ => long_name = None,
            }
        }
        ControlFlow::Continue(())
    }

    fn read_zip(&mut self, opened: File) -> ControlFlow<()> {
        let again = opened.try_clone();
        let mut zip = match ZipArchive::new(BufReader::new(opened)) {
            Ok(zip) => zip,
            // The list of entries stands at the end: a truncated archive has none, and can still be read
            // from the front.
            Err(error) => {
                let error = io::Error::other(error);
                return match again {
                    Ok(file) => self.read_zip_front(file, &error),
                    Err(_) => self.cut(&error),
                };
            }
        };
        let mut left = self.limits.archive_bytes;
        for index in 0..zip.len() {
            if let Err(flow) = self.has_room() {
                return flow;
            }
            let mut entry = match zip.by_index(index) {
                Ok(entry) => entry,
                Err(error) => {
                    let name = self.name(&format!("entry {index}"));
                    (self.sink)(unreadable(&name, &io::Error::other(error)))?;
                    continue;
                }
            };
            if !entry.is_file() {
                continue;
            }
            let name = self.name(&lossy(entry.name_raw()));
            if left == 0 {
                return self.cut(&io::ErrorKind::FileTooLarge.into());
            }
            // The size that the list gives may be a lie: count what comes out.
            let mut budgeted = Budgeted {
                inner: &mut entry,
                left,
            };
            let found = self.entry(&name, 0, &mut budgeted);
            left = budgeted.left;
            (self.sink)(found)?;
        }
        ControlFlow::Continue(())
    }

    fn read_zip_front(&mut self, mut file: File, error: &io::Error) -> ControlFlow<()> {
        use std::io::Seek;
        if file.rewind().is_err() {
            return self.cut(error);
        }
        let mut left = self.limits.archive_bytes;
        let mut reader = BufReader::new(file);
        loop {
            let Ok(Some(mut entry)) = zip::read::read_zipfile_from_stream(&mut reader) else {
                return self.cut(&io::ErrorKind::UnexpectedEof.into());
            };
            if let Err(flow) = self.has_room() {
                return flow;
            }
            if left == 0 {
                return self.cut(&io::ErrorKind::FileTooLarge.into());
            }
            let name = self.name(&lossy(entry.name_raw()));
            let size = entry.size();
            let is_file = entry.is_file();
            let mut budgeted = Budgeted {
                inner: &mut entry,
                left,
            };
            let found = self.entry(&name, size, &mut budgeted);
            left = budgeted.left;
            let cut = matches!(
                found,
                Found::Skipped(SkipReason::Truncated | SkipReason::Unreadable, _)
            );
            if is_file {
                (self.sink)(found)?;
            }
            if cut {
                return self.cut(&io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> Found {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let message = "the archive ends in the middle of this entry: fetch it again";
        return Found::skipped(name, SkipReason::Truncated, message);
    }
    let message = format!("cannot be unpacked ({error}): pack it anew, or give it unpacked");
    Found::skipped(name, SkipReason::Unreadable, message)
}

fn lossy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\0').to_owned()
}

/// The path in a PAX extension header, whose records are `<length> <key>=<value>\n`.
fn pax_path(bytes: &[u8]) -> Option<String> {
    bytes.split(|byte| *byte == b'\n').find_map(|record| {
        let record = String::from_utf8_lossy(record);
        let (_, field) = record.split_once(' ')?;
        Some(field.strip_prefix("path=")?.to_owned())
    })
}
