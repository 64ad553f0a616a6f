//! Random scenarios: a rules file and a log that has something to do with it.
//!
//! A scenario is a structure of small choices (bytes that pick from pools), and only becomes text when asked. So
//! proptest shrinks the choices: fewer events, fewer segments, and every choice towards the first, plainest entry of
//! its pool. Gaps between events come from the same lengths as windows and durations, and snap to the edges of panes,
//! so that coincidences are frequent.

mod budgets;
mod campaigns;
mod conditions;
mod coupons;
mod events;
mod groups;
mod lets;
mod measures;
mod models;
mod offers;
mod partners;
mod picks;
mod pools;
mod properties;
mod ranks;
mod rules;
mod tables;
mod templates;

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

/// Parts of the language that a scenario may do without.
#[derive(Clone, Copy, Debug)]
pub struct LanguageParts {
    /// `each` and `let`.
    pub each: bool,
    /// Calendar windows, days, gaps, and arithmetic of durations.
    pub calendar: bool,
    /// Campaigns on events, `chance` and `expires`.
    pub triggers: bool,
    /// `[per]`.
    pub keys: bool,
    /// Goals and ledgers.
    pub points: bool,
    /// Campaigns with a price.
    pub prices: bool,
    /// Budgets: what users share.
    pub budgets: bool,
    /// Models of purchases.
    pub models: bool,
    /// Groups: what several users do together.
    pub groups: bool,
    /// Tables of rows.
    pub tables: bool,
    /// Ranks: users ordered by a number.
    pub ranks: bool,
    /// Picks: what to offer.
    pub picks: bool,
}

impl LanguageParts {
    /// The whole language.
    pub const ALL: LanguageParts = LanguageParts {
        each: true,
        calendar: true,
        triggers: true,
        keys: true,
        points: true,
        prices: true,
        budgets: true,
        models: true,
        groups: true,
        tables: true,
        ranks: true,
        picks: true,
    };

    /// All by which users share nothing.
    pub const UNSHARED: LanguageParts = LanguageParts {
        budgets: false,
        groups: false,
        tables: false,
        ranks: false,
        picks: false,
        ..LanguageParts::ALL
    };
}

/// Any scenario.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    scenario_of(LanguageParts::ALL)
}

/// Any scenario without the other parts of the language.
pub fn scenario_of(parts: LanguageParts) -> impl Strategy<Value = Scenario> {
    (rules::model(parts), events::log()).prop_map(|(rules, log)| Scenario { rules, log })
}

impl Scenario {
    /// The rules file.
    pub fn rules_toml(&self) -> String {
        self.rules.to_toml()
    }

    /// The log, one line per event or oddity.
    pub fn events_jsonl(&self) -> Vec<u8> {
        self.log_text().into_bytes()
    }

    fn log_text(&self) -> String {
        coupons::with_codes(&self.log.to_jsonl(), &self.rules_toml(), self.secret())
    }

    /// What draws depend on; mostly empty.
    pub fn secret(&self) -> &'static str {
        self.rules.secret()
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
        writeln!(f, "--- rules.toml\n{}--- events.jsonl\n{}", self.rules_toml(), self.log_text())?;
        writeln!(f, "--- until {} ms, max_disorder {} ms", self.until_ms(), self.max_disorder_ms())
    }
}
