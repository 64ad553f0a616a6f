//! Random scenarios: a rules file and a log that has something to do with it.
//!
//! A scenario is a structure of small choices (bytes that pick from pools), and only becomes text when asked. So
//! proptest shrinks the choices: fewer events, fewer segments, and every choice towards the first, plainest entry of
//! its pool. Gaps between events come from the same lengths as windows and durations, and snap to the edges of panes,
//! so that coincidences are frequent.

mod conditions;
mod events;
mod picks;
mod rules;

use std::fmt;

use proptest::prelude::*;

use events::GeneratedLog;
use rules::RulesModel;

/// Rules and a log, and how to replay it.
#[derive(Clone)]
pub struct Scenario {
    rules: RulesModel,
    log: GeneratedLog,
}

/// Any scenario.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    (rules::model(), events::log()).prop_map(|(rules, log)| Scenario { rules, log })
}

impl Scenario {
    /// The rules file.
    pub fn rules_toml(&self) -> String {
        self.rules.to_toml()
    }

    /// The log, one line per event or oddity.
    pub fn events_jsonl(&self) -> Vec<u8> {
        self.log.to_jsonl().into_bytes()
    }

    /// Where the replay ends, in UTC milliseconds; mostly after the last event.
    pub fn until_ms(&self) -> i64 {
        self.log.until_ms()
    }

    /// How late is not yet late.
    pub fn max_disorder_ms(&self) -> i64 {
        self.log.max_disorder_ms()
    }
}

/// The files as they would lie on disk, for this is what a failing test prints.
impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- rules.toml\n{}--- events.jsonl\n{}", self.rules_toml(), self.log.to_jsonl())?;
        writeln!(f, "--- until {} ms, max_disorder {} ms", self.until_ms(), self.max_disorder_ms())
    }
}
