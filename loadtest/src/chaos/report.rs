//! The report of a run with faults.

use serde::Serialize;

use crate::table::grouped;

/// What was done, what was published, and how that differs from what should have been.
#[derive(Debug, Serialize)]
pub(super) struct ChaosReport {
    /// Nothing is missing or duplicated, everything is in order, and the daemon ended with success.
    pub(super) perfect: bool,
    pub(super) seed: u64,
    /// The daemon was killed.
    pub(super) kills: u32,
    /// The server was killed, or the leader of the outputs' stream.
    pub(super) broker_kills: u32,
    pub(super) cuts: u32,
    pub(super) stalls: u32,
    pub(super) slowdowns: u32,
    pub(super) zombies: u32,
    pub(super) zombies_refused: u32,
    /// Accepted events in the log, including repeated ones.
    pub(super) events: u64,
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) duplicates: u64,
    pub(super) lost: u64,
    /// Published and not expected.
    pub(super) foreign: u64,
    pub(super) out_of_order: u64,
    /// `contiguous`, `absent`, or the first wrong one.
    pub(super) ordinals: String,
    /// Events among the dead letters, beyond those that a replay rejects.
    pub(super) dead_letters: u64,
    /// Daemons that ended without a fault, and other failed checks.
    pub(super) troubles: Vec<String>,
    pub(super) checkpoints: bool,
    pub(super) seconds: f64,
    /// How long it took from the last event to the last output.
    pub(super) seconds_to_the_end: f64,
    /// The folder with everything for debugging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<String>,
}

impl ChaosReport {
    /// As a table or a line of text.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let network = format!("{} cuts, {} stalls, {} slow spells", self.cuts, self.stalls, self.slowdowns);
        let mut rows = vec![
            ("seed", self.seed.to_string()),
            ("daemon killed", self.kills.to_string()),
            ("broker killed", self.broker_kills.to_string()),
            ("network", network),
            ("zombies", format!("{}, of which {} were refused", self.zombies, self.zombies_refused)),
            ("events", grouped(self.events)),
            ("expected", grouped(self.expected)),
            ("received", grouped(self.received)),
            ("duplicates", grouped(self.duplicates)),
            ("lost", grouped(self.lost)),
            ("foreign", grouped(self.foreign)),
            ("out of order", grouped(self.out_of_order)),
            ("ordinals", self.ordinals.clone()),
            ("dead letters", grouped(self.dead_letters)),
            ("checkpoints", if self.checkpoints { "every second" } else { "this rekindle has none" }.to_owned()),
            ("took", format!("{:.1} s, of which the end {:.1} s", self.seconds, self.seconds_to_the_end)),
        ];
        rows.extend(self.troubles.iter().map(|trouble| ("trouble", trouble.clone())));
        rows.push(("outcome", if self.perfect { "perfect" } else { "NOT as it must be" }.to_owned()));
        rows.extend(self.kept.iter().map(|folder| ("kept", folder.clone())));
        rows
    }
}
