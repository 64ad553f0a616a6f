//! Where a daemon begins: what it remembers, and what is out already.

use std::collections::VecDeque;

use super::DaemonError;
use crate::config::SourceKind;
use crate::health::Health;
use crate::live::{Change, Start};
use crate::sink::nats::Known;
use crate::sink::progress::Reached;

/// What a start knows before it has looked at the stream of outputs.
#[derive(Clone)]
pub(super) struct Beginning {
    /// Where the log is to be read from, and after how many changes of the rules.
    pub(super) start: Start,
    /// Changes of the rules since.
    pub(super) changes: VecDeque<Change>,
    /// What this start of the daemon is called; no other has the name.
    pub(super) instance: String,
    /// Its epoch, at least.
    pub(super) epoch: u64,
    pub(super) source: SourceKind,
    pub(super) health: Health,
}

impl Beginning {
    /// How many outputs are out, and what they are, by what was found in their stream.
    pub(super) fn out(&self, known: &Known) -> Result<(u64, Reached), DaemonError> {
        match &known.progress {
            Some(progress) => Ok((progress.ordinal, progress.reached.clone())),
            None => Ok((0, Reached::before(0))),
        }
    }
}
