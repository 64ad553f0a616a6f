//! The events that all go through: a file, or what W1's generator makes.

use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use rekindle_core::time::{Span, Timestamp};

use crate::error::Error;
use crate::usage;

/// W1's generator, and what it is asked for beside the number of events.
const GENERATOR: &str = include_str!("../../w1/events.py");
const SEED: &str = "7";
/// 2026-03-01T00:00:00Z, where the generator begins.
const START: Timestamp = Timestamp(1_772_323_200_000);
const DAY: Span = Span(86_400_000);
/// How long after the last day time ends: until users who do not return are dormant.
const DAYS_AFTER: i64 = 2;

/// What events were asked for.
#[derive(Clone, Debug)]
pub(super) enum PeerEvents {
    /// This number from the generator.
    Generated(u64),
    File(PathBuf),
}

/// A file of events, and when time ends.
#[derive(Clone, Debug)]
pub(super) struct PeerInput {
    pub(super) path: PathBuf,
    pub(super) until: Timestamp,
    /// How many days the events span, so that they can be gone through again, that much later.
    pub(super) days: u32,
}

impl FromStr for PeerEvents {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<PeerEvents, Infallible> {
        Ok(text.parse().map_or_else(|_| PeerEvents::File(text.into()), PeerEvents::Generated))
    }
}

impl PeerInput {
    /// Makes the events if need be, and reads them once: nobody is the first to read the file.
    pub(super) async fn prepare(
        events: &PeerEvents,
        days: u32,
        until: Option<Timestamp>,
        folder: &Path,
    ) -> Result<PeerInput, Error> {
        let path = match events {
            PeerEvents::File(path) => path.clone(),
            PeerEvents::Generated(events) => generate(*events, days, folder).await?,
        };
        let mut file = File::open(&path).map_err(Error::file("read", &path))?;
        std::io::copy(&mut file, &mut std::io::sink()).map_err(Error::file("read", &path))?;
        let until = until.unwrap_or(START + Span((i64::from(days) + DAYS_AFTER) * DAY.0));
        Ok(PeerInput { path, until, days })
    }
}

async fn generate(events: u64, days: u32, folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join("events.jsonl");
    // As many users for each event as in W1: 1,000,000 for 5,400,000.
    let users = (events.saturating_mul(10) / 54).max(1);
    let mut python = Command::new("python3");
    python.args(["-c", GENERATOR, "--events", &events.to_string(), "--users", &users.to_string()]);
    python.args(["--days", &days.to_string(), "--seed", SEED]);
    usage::run(python, &path).await?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_generated_and_anything_else_is_a_file() {
        let parsed = |text: &str| text.parse::<PeerEvents>().expect("either of both");
        assert!(matches!(parsed("900000"), PeerEvents::Generated(900_000)));
        assert!(matches!(parsed("w1.jsonl"), PeerEvents::File(path) if path == Path::new("w1.jsonl")));
    }

    #[test]
    fn w1_ends_two_days_after_its_seven() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w1.jsonl");
        std::fs::write(&path, "{}\n").expect("a file");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let events = PeerEvents::File(path);
        let input = runtime.block_on(PeerInput::prepare(&events, 7, None, folder.path())).expect("it is there");
        assert_eq!(input.until.to_string(), "2026-03-10T00:00:00.000Z");
    }
}
