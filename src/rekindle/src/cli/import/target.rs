//! Where calls go: a file, standard output, or the stream; and rejections.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rekindle_mapping::value_hash;
use rekindle_runtime::files::sink::OutputFile;
use rekindle_settings::Settings;
use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use super::calls::{CallOutcome, MadeCalls};
use super::error::ImportError;
use super::format::SourceItem;
use super::mapping::ImportMapping;
use super::progress::{ImportProgress, ProgressFile};
use super::publish::ImportFeed;
use super::{ImportArgs, subject};
use crate::cli::CliError;

/// How often progress is kept.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);

/// Where an import goes.
pub(super) struct ImportTarget {
    sink: ImportSink,
    rejected: Option<OutputFile>,
    progress: Option<ProgressFile>,
    /// What was there before this run: that much is skipped.
    done: ImportProgress,
    /// What came in this run, and is counted from the beginning of the files.
    events: u64,
    rejections: u64,
    digest: Xxh3,
    /// The digests up to each event that is not acknowledged yet.
    digests: VecDeque<u128>,
    /// The digest of all that are acknowledged, or written.
    settled: u128,
    committed: Instant,
}

enum ImportSink {
    File(OutputFile),
    Stream(Box<ImportFeed>),
}

impl ImportTarget {
    /// Opens it; `None`: this import is finished already.
    pub(super) fn open(
        args: &ImportArgs,
        settings: &Settings,
        mapping: &ImportMapping,
    ) -> Result<Option<ImportTarget>, CliError> {
        let progress = args.resume.as_deref().map(ProgressFile::new);
        let is_file = args.output.as_deref().is_some_and(|path| path != std::path::Path::new("-"));
        if progress.is_some() && !args.publish && !is_file {
            return Err(ImportError::NotResumable.into());
        }
        let done = match &progress {
            Some(progress) => progress.read(&identity(args, settings, mapping))?,
            None => ImportProgress::default(),
        };
        if done.is_finished {
            let place = args.resume.as_deref().unwrap_or(std::path::Path::new("")).display();
            let _ = writeln!(std::io::stderr(), "this import is finished; delete {place} to import again");
            return Ok(None);
        }
        let open = |what, path: Option<&std::path::Path>, bytes| match (path, &progress) {
            (Some(path), Some(_)) => OutputFile::resume(what, path, bytes),
            (path, _) => OutputFile::create(what, path),
        };
        let rejected = args.rejected.as_deref();
        let rejected = rejected.map(|path| open("the rejected events", Some(path), done.rejected_bytes)).transpose()?;
        let sink = match args.publish {
            true => ImportSink::Stream(Box::new(ImportFeed::open(settings, subject(args, settings)?, args.rate)?)),
            false => ImportSink::File(open("the events", args.output.as_deref(), done.output_bytes)?),
        };
        Ok(Some(ImportTarget {
            sink,
            rejected,
            progress,
            done,
            events: 0,
            rejections: 0,
            digest: Xxh3::new(),
            digests: VecDeque::new(),
            settled: Xxh3::new().digest128(),
            committed: Instant::now(),
        }))
    }

    /// Writes what became of an item, unless an earlier run did.
    pub(super) fn write(&mut self, item: &SourceItem, made: &mut MadeCalls) -> Result<(), CliError> {
        match &made.outcome {
            CallOutcome::Made(call) => {
                if self.progress.is_some() {
                    self.digest.update(call.json.as_bytes());
                }
                self.events += 1;
                if self.events <= self.done.events {
                    return self.check_skipped();
                }
                match &mut self.sink {
                    ImportSink::File(file) => file.write(|sink| {
                        sink.write_all(call.json.as_bytes())?;
                        sink.write_all(b"\n")
                    })?,
                    ImportSink::Stream(feed) => {
                        if call.json.len() > feed.max_bytes() {
                            let (code, detail) = (
                                "too_large",
                                format!("the broker takes messages of {} bytes at most", feed.max_bytes()),
                            );
                            let original = call.json.clone();
                            self.events -= 1;
                            made.outcome = CallOutcome::Rejected { code, detail, original };
                            return self.write(item, made);
                        }
                        feed.send(&call.id, &call.json)?;
                        if self.progress.is_some() {
                            self.digests.push_back(self.digest.digest128());
                        }
                    }
                }
            }
            CallOutcome::Rejected { code, detail, original } => {
                self.rejections += 1;
                if let Some(file) = self.rejected.as_mut().filter(|_| self.rejections > self.done.rejections) {
                    let (name, line) = (&*item.file, item.line);
                    let letter =
                        json!({ "reason": code, "detail": detail, "file": name, "line": line, "original": original });
                    file.write(|sink| writeln!(sink, "{letter}"))?;
                }
            }
            CallOutcome::Nothing => {}
        }
        if self.progress.is_some() && self.committed.elapsed() >= COMMIT_INTERVAL {
            self.commit(false)?;
        }
        Ok(())
    }

    /// The events before must be those that an earlier run wrote.
    fn check_skipped(&mut self) -> Result<(), CliError> {
        if self.events < self.done.events {
            return Ok(());
        }
        self.settled = self.digest.digest128();
        match &self.progress {
            Some(progress) if self.done.digest != hexadecimal(self.settled) => Err(progress.is_of_another().into()),
            _ => Ok(()),
        }
    }

    /// Keeps how far it has come.
    fn commit(&mut self, is_finished: bool) -> Result<(), CliError> {
        let Some(progress) = &self.progress else { return Ok(()) };
        // What an earlier run did is not read again completely yet.
        if self.events < self.done.events || self.rejections < self.done.rejections {
            self.committed = Instant::now();
            return Ok(());
        }
        let (events, output_bytes) = match &mut self.sink {
            ImportSink::File(file) => {
                self.settled = self.digest.digest128();
                (self.events, file.sync()?)
            }
            ImportSink::Stream(feed) => {
                let waiting = feed.waiting();
                while self.digests.len() > waiting {
                    self.settled = self.digests.pop_front().unwrap_or(self.settled);
                }
                (self.events - waiting as u64, 0)
            }
        };
        let rejected_bytes = self.rejected.as_mut().map(OutputFile::sync).transpose()?.unwrap_or_default();
        let kept = ImportProgress {
            import: self.done.import.clone(),
            events,
            digest: hexadecimal(self.settled),
            output_bytes,
            rejections: self.rejections,
            rejected_bytes,
            is_finished,
        };
        progress.write(&kept)?;
        self.committed = Instant::now();
        Ok(())
    }

    /// Writes the rest. `is_whole`: everything was read.
    pub(super) fn finish(mut self, is_whole: bool) -> Result<(), CliError> {
        if let ImportSink::Stream(feed) = &mut self.sink {
            feed.drain();
        }
        if let Some(progress) = &self.progress {
            if is_whole && (self.events < self.done.events || self.rejections < self.done.rejections) {
                return Err(progress.is_of_another().into());
            }
            return self.commit(is_whole);
        }
        if let Some(rejected) = self.rejected {
            rejected.finish()?;
        }
        match self.sink {
            ImportSink::File(file) => Ok(file.finish()?),
            ImportSink::Stream(_) => Ok(()),
        }
    }
}

fn hexadecimal(digest: u128) -> String {
    format!("{digest:032x}")
}

/// What tells an import from others: everything that what is written depends on.
fn identity(args: &ImportArgs, settings: &Settings, mapping: &ImportMapping) -> String {
    let subject = args.publish.then(|| subject(args, settings).ok());
    value_hash(&json!({
        "format": format!("{:?}", args.format),
        "files": args.files,
        "mapping": mapping.table(),
        "columns": args.columns,
        "delimiter": args.delimiter,
        "nulls": args.nulls,
        "output": args.output,
        "rejected": args.rejected,
        "subject": subject,
        "max_event_bytes": settings.engine.max_event_bytes,
        "placeholder_ids": settings.engine.placeholder_ids,
    }))
}
