//! The metrics of the engine, read from the snapshot that it publishes.
//!
//! The core counts in plain fields: it has no metrics. Its totals are one value, which the engine publishes as a whole; the
//! tables here name the metric of each field.

use super::definitions::*;
use super::page::{MetricsPage, Readings};
use super::seconds;
use rekindle_core::campaigns::Outcome;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use rekindle_core::groups::GroupTotals;
use rekindle_core::partition::PointsChange;
use rekindle_core::rows::RowTotals;
use rekindle_core::rules::ruleset::{Ruleset, TransitionKind};
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::EngineStats;
use rekindle_runtime::live::recomputation::RecomputationFigures;
use rekindle_runtime::pipeline::{PipelineTotals, RankTotals};

const TOTALS: &Readings<PipelineTotals> = &[
    (&LATE, |totals| totals.counts.late as f64),
    (&DUPLICATES, |totals| totals.counts.duplicates as f64),
    (&FROM_FUTURE, |totals| totals.from_future as f64),
    (&PLACEHOLDER_IDS, |totals| totals.placeholder_ids as f64),
    (&OVERSIZED_VALUES, |totals| totals.oversized_values as f64),
    (&USERS, |totals| totals.users as f64),
    (&LINKS, |totals| totals.links as f64),
    (&MERGED, |totals| totals.counts.merged as f64),
    (&FORGOTTEN, |totals| totals.forgotten as f64),
    (&EXPIRED, |totals| totals.counts.expired as f64),
];

const STATS: &Readings<EngineStats> =
    &[(&PENDING_TIMERS, |stats| stats.pending_timers as f64), (&STATE, |stats| stats.state_bytes as f64)];

impl MetricsPage {
    /// What the pipeline counted under these rules, and which rules they are.
    pub fn totals(&mut self, rules: &Ruleset, totals: &PipelineTotals, watermark: Timestamp) {
        self.read(TOTALS, totals);
        for (call, count) in CallType::ALL.iter().zip(totals.by_call) {
            self.count(&EVENTS, &[call.name()], count);
        }
        for (reason, count) in RejectionReason::CODES.iter().zip(totals.rejected) {
            self.count(&REJECTED, &[reason], count);
        }
        self.rules(rules, totals);
        if has_begun(watermark) {
            self.add(&WATERMARK, &[], seconds(watermark.0));
        }
    }

    /// The series whose labels are names of the rules.
    fn rules(&mut self, rules: &Ruleset, totals: &PipelineTotals) {
        for (amount, [_, passed_over]) in rules.amounts.iter().zip(&totals.counts.amounts) {
            let name = rules.amount_name(*amount);
            let (event, property) = name.split_once('.').unwrap_or((&name, ""));
            self.count(&PASSED_OVER, &[event, property], *passed_over);
        }
        for (segment, [entered, left]) in rules.segments.iter().zip(&totals.counts.transitions) {
            self.count(&TRANSITIONS, &[&segment.id, TransitionKind::Enter.name()], *entered);
            self.count(&TRANSITIONS, &[&segment.id, TransitionKind::Exit.name()], *left);
        }
        for (segment, size) in rules.segments.iter().zip(&totals.counts.sizes) {
            self.add(&SEGMENT_USERS, &[&segment.id], *size as f64);
        }
        let forgotten = totals.counts.keys.iter().zip(&totals.counts.keys_forgotten);
        for (per, (keys, [ttl, max])) in rules.pers.iter().zip(forgotten) {
            self.add(&KEYS, &[&per.id], *keys as f64);
            self.count(&KEYS_FORGOTTEN, &[&per.id, "ttl"], *ttl);
            self.count(&KEYS_FORGOTTEN, &[&per.id, "max"], *max);
        }
        let told = totals.counts.sharing.iter().zip(&totals.counts.shared);
        for (partner, (known, [enters, exits])) in rules.partners.iter().zip(told) {
            self.add(&PARTNER_SUBJECTS, &[&partner.id], *known as f64);
            self.count(&PARTNER_CHANGES, &[&partner.id, "enter"], *enters);
            self.count(&PARTNER_CHANGES, &[&partner.id, "exit"], *exits);
        }
        self.groups(rules, &totals.groups);
        self.tables(rules, &totals.rows);
        self.ranks(rules, &totals.ranks);
        for (list, index) in rules.picks.iter().zip(&totals.picks) {
            self.add(&PICKS_ITEMS, &[&list.id], index.items as f64);
            self.add(&PICKS_SESSIONS, &[&list.id], index.sessions as f64);
            self.add(&PICKS_BYTES, &[&list.id], index.bytes as f64);
        }
        self.weights(rules, &totals.weights);
        for (ledger, points) in rules.ledgers.iter().zip(&totals.counts.points) {
            for change in PointsChange::ALL {
                self.count(&POINTS, &[&ledger.id, change.name()], points.points[change as usize]);
                self.count(&POINTS_CHANGES, &[&ledger.id, change.name()], points.changes[change as usize]);
            }
            self.add(&POINTS_BALANCE, &[&ledger.id], points.balance as f64);
        }
        for (campaign, counts) in rules.campaigns.iter().zip(&totals.counts.decisions) {
            for (outcome, count) in Outcome::NAMES.iter().zip(counts) {
                self.count(&DECISIONS, &[&campaign.id, outcome], *count);
            }
        }
        self.add(&RULES_INFO, &[&rules.version], 1.0);
    }

    fn weights(&mut self, rules: &Ruleset, adapted: &[Vec<u16>]) {
        for (at, campaign) in rules.campaigns.iter().enumerate() {
            let adapted = adapted.get(at).filter(|weights| weights.len() == campaign.variants.len());
            let weights: Vec<f64> = match adapted {
                Some(weights) => weights.iter().map(|weight| f64::from(*weight)).collect(),
                None => campaign.variants.iter().map(|variant| variant.weight).collect(),
            };
            let total: f64 = weights.iter().sum();
            for (variant, weight) in campaign.variants.iter().zip(weights) {
                self.add(&VARIANT_WEIGHT, &[&campaign.id, &variant.id], weight / total);
            }
        }
    }

    fn ranks(&mut self, rules: &Ruleset, totals: &[RankTotals]) {
        for (rank, totals) in rules.ranks.iter().zip(totals) {
            self.count(&RANK_TAKINGS, &[&rank.id], totals.takings);
            self.add(&RANKED_USERS, &[&rank.id], totals.ranked as f64);
        }
    }

    fn groups(&mut self, rules: &Ruleset, totals: &GroupTotals) {
        let changes = totals.opened.iter().zip(&totals.forgotten);
        for (group, (now, (opened, forgotten))) in rules.groups.iter().zip(totals.groups.iter().zip(changes)) {
            self.add(&GROUPS, &[&group.id], *now as f64);
            self.count(&GROUPS_OPENED, &[&group.id], *opened);
            self.count(&GROUPS_FORGOTTEN, &[&group.id], *forgotten);
        }
        let notices = totals.told.iter().zip(&totals.delivered);
        for (name, (told, delivered)) in rules.names.iter().zip(notices).filter(|(name, _)| name.is_told()) {
            self.count(&NOTICES, &[&name.id], *told);
            self.count(&NOTICES_DELIVERED, &[&name.id], *delivered);
        }
    }

    fn tables(&mut self, rules: &Ruleset, totals: &RowTotals) {
        for (place, table) in rules.tables.iter().enumerate() {
            let of = |counts: &[u64]| counts.get(place).copied().unwrap_or_default();
            self.add(&TABLE_ROWS, &[&table.id], of(&totals.rows) as f64);
            self.add(&TABLE_BYTES, &[&table.id], of(&totals.bytes) as f64);
            self.count(&TABLE_CALLS, &[&table.id], of(&totals.calls));
            self.count(&TABLE_CHANGES, &[&table.id], of(&totals.changed));
            self.count(&TABLE_IGNORED, &[&table.id], of(&totals.ignored));
        }
    }

    /// What the live engine reports; `now` is the wall clock.
    pub fn stats(&mut self, stats: &EngineStats, now: Timestamp) {
        self.totals(&stats.plan.rules, &stats.totals, stats.watermark);
        self.read(STATS, stats);
        if has_begun(stats.watermark) {
            self.add(&WATERMARK_LAG, &[], seconds(now.0 - stats.watermark.0));
        }
        self.count(&QUEUE, &["batches"], stats.queued_batches as u64);
        self.count(&QUEUE, &["emissions"], stats.queued_outputs as u64);
        if let Some(book) = &stats.budgets {
            self.budgets(&stats.plan.rules, book, stats.watermark);
        }
        self.uplift(&stats.plan.rules, &stats.uplift);
        stats.growth.iter().for_each(|numbers| self.growth(numbers));
    }

    /// Whether the log is being replayed.
    pub fn recovering(&mut self, is_recovering: bool) {
        self.add(&RECOVERING, &[], f64::from(u8::from(is_recovering)));
    }

    /// How far the reload from the log is, if one is running.
    pub fn from_log(&mut self, running: Option<RecomputationFigures>) {
        self.add(&FROM_LOG_PROGRESS, &[], running.map_or(1.0, |figures| figures.progress()));
        self.add(&FROM_LOG_STATE_BYTES, &[], running.map_or(0.0, |figures| figures.state_bytes as f64));
    }

    /// Whether every part of the daemon works.
    pub fn ready(&mut self, is_ready: bool) {
        self.add(&READY, &[], f64::from(u8::from(is_ready)));
    }

    /// The names that the rules read and that do not occur in the log, by kind and name.
    pub fn missing_names<'n>(&mut self, names: impl Iterator<Item = (&'n str, &'n str)>) {
        for (kind, name) in names {
            self.add(&RULES_UNSEEN, &[kind, name], 1.0);
        }
    }
}

/// Before the first message the watermark lies before every time; no real one is before the year 1.
fn has_begun(watermark: Timestamp) -> bool {
    watermark.0 > Timestamp::MIN.0 / 2
}
