//! The result of a replay or a demo, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cli::terminal::field;
use rekindle_core::campaigns::Outcome;
use rekindle_core::decimal::Decimal;
pub(super) use rekindle_core::decimal::grouped;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use rekindle_core::partition::PointsChange;
use rekindle_core::rules::ruleset::{Budget, EventName, GroupKind, PerKey, RowTable, Ruleset, TransitionKind};
use rekindle_core::time::Timestamp;
use rekindle_core::value::Value::Number;
use rekindle_runtime::pipeline::{BudgetTotals, PipelineTotals, missing_names};

/// The circumstances of a run.
pub(super) struct RunInfo {
    pub(super) took: Duration,
    pub(super) until: Timestamp,
    /// The engine was not slowed down on purpose: events per second are meaningful.
    pub(super) at_full_speed: bool,
}

/// The totals of a run, with the rules that name them.
pub(super) struct Summary<'a> {
    rules: &'a Ruleset,
    totals: &'a PipelineTotals,
    run: RunInfo,
    peak_memory_bytes: Option<u64>,
}

impl<'a> Summary<'a> {
    pub(super) fn new(rules: &'a Ruleset, totals: &'a PipelineTotals, run: RunInfo) -> Summary<'a> {
        Summary { rules, totals, run, peak_memory_bytes: peak_memory_bytes() }
    }

    fn events_per_second(&self) -> f64 {
        self.totals.events as f64 / self.run.took.as_secs_f64().max(1e-9)
    }

    fn rejected(&self) -> u64 {
        self.totals.rejected.iter().sum()
    }

    /// The same as one JSON object; everything but `seconds`, `events_per_second` and `peak_memory_bytes` is a function
    /// of the log.
    pub(super) fn to_json(&self) -> Value {
        let counts = &self.totals.counts;
        let calls: Map<_, _> =
            CallType::ALL.iter().zip(self.totals.by_call).map(|(call, n)| (call.name().to_owned(), n.into())).collect();
        let by_name: Map<_, _> = self
            .rules
            .names
            .iter()
            .zip(&counts.by_name)
            .map(|(name, count)| (name.id.clone(), (*count).into()))
            .collect();
        let rejects: Map<_, _> = nonzero(RejectionReason::CODES, self.totals.rejected);
        let segments: Map<_, _> = self
            .rules
            .segments
            .iter()
            .enumerate()
            .map(|(at, segment)| {
                let changes = counts.transitions[at];
                let figures = json!({
                    (TransitionKind::Enter.name()): changes[TransitionKind::Enter as usize],
                    (TransitionKind::Exit.name()): changes[TransitionKind::Exit as usize],
                    "merged": counts.merged_out[at],
                    "dropped": counts.dropped_out[at],
                    "users": counts.sizes[at],
                });
                (segment.id.clone(), figures)
            })
            .collect();
        let campaigns: Map<_, _> = self
            .rules
            .campaigns
            .iter()
            .zip(&counts.decisions)
            .map(|(campaign, outcomes)| (campaign.id.clone(), Value::Object(nonzero(Outcome::NAMES, *outcomes))))
            .collect();
        let mut summary = json!({
            "rules": self.rules.version,
            "until": self.run.until.to_string(),
            "events": self.totals.events,
            "calls": calls,
            "events_by_name": by_name,
            "rejected": self.rejected(),
            "rejected_by_reason": rejects,
            "placeholder_ids": self.totals.placeholder_ids,
            "late": counts.late,
            "duplicates": counts.duplicates,
            "passed_over": passed_over(self.rules, self.totals).map(|(name, _, none)| (name, none)).collect::<BTreeMap<_, _>>(),
            "oversized_values": self.totals.oversized_values,
            "merged": counts.merged,
            "users": self.totals.users,
            "expired": counts.expired,
            "segments": segments,
            "campaigns": campaigns,
            "unseen": missing_names(self.rules, self.totals, &[], "the file").iter().map(ToString::to_string).collect::<Vec<_>>(),
            "seconds": self.run.took.as_secs_f64(),
            "events_per_second": self.events_per_second().round(),
            "peak_memory_bytes": self.peak_memory_bytes,
        });
        if !self.rules.pers.is_empty() {
            let keys = self.keys().map(|(per, [now, ttl, max])| {
                (per.id.clone(), json!({"now": now, "forgotten": {"ttl": ttl, "max": max}}))
            });
            summary["keys"] = keys.collect::<Map<_, _>>().into();
        }
        if !self.rules.groups.is_empty() {
            let groups = self.groups().map(|(group, [now, opened, forgotten])| {
                (group.id.clone(), json!({"now": now, "opened": opened, "forgotten": forgotten}))
            });
            summary["groups"] = groups.collect::<Map<_, _>>().into();
            let notices = self
                .notices()
                .map(|(name, [told, delivered])| (name.id.clone(), json!({"told": told, "delivered": delivered})));
            summary["notices"] = notices.collect::<Map<_, _>>().into();
        }
        if !self.rules.tables.is_empty() {
            let tables = self.tables().map(|(table, [rows, calls, changed, ignored])| {
                let figures = json!({"rows": rows, "calls": calls, "changed": changed, "ignored": ignored});
                (table.id.clone(), figures)
            });
            summary["tables"] = tables.collect::<Map<_, _>>().into();
        }
        if !self.rules.ledgers.is_empty() {
            let ledgers = self.rules.ledgers.iter().zip(&counts.points).map(|(ledger, points)| {
                let changes =
                    PointsChange::ALL.map(|change| (change.name().to_owned(), points.points[change as usize]));
                let mut figures: Map<String, Value> =
                    changes.into_iter().map(|(change, points)| (change, points.into())).collect();
                figures.insert("balance".to_owned(), points.balance.into());
                (ledger.id.clone(), Value::Object(figures))
            });
            summary["points"] = ledgers.collect::<Map<_, _>>().into();
        }
        if !self.rules.budgets.is_empty() {
            let budgets = self.budgets().map(|(budget, totals)| {
                let amount = |millionths| Number(Decimal::from_millionths(millionths)).to_json();
                let figures = json!({
                    "limit": Number(budget.limit).to_json(),
                    "spent": amount(totals.spent),
                    "reserved": amount(totals.reserved),
                    "granted": amount(totals.granted),
                    "refused": totals.refused,
                });
                (budget.id.clone(), figures)
            });
            summary["budgets"] = budgets.collect::<Map<_, _>>().into();
        }
        summary
    }

    /// The budgets with what became of them.
    fn budgets(&self) -> impl Iterator<Item = (&Budget, &BudgetTotals)> {
        self.rules.budgets.iter().zip(&self.totals.budgets)
    }

    /// How many groups there are now, how many began, and how many were forgotten.
    fn groups(&self) -> impl Iterator<Item = (&GroupKind, [u64; 3])> {
        let totals = &self.totals.groups;
        let changes = totals.opened.iter().zip(&totals.forgotten);
        let counts = totals.groups.iter().zip(changes).map(|(now, (opened, forgotten))| [*now, *opened, *forgotten]);
        self.rules.groups.iter().zip(counts)
    }

    /// How many rows there are now, how many calls were taken and changed what can be read, and how many were ignored.
    fn tables(&self) -> impl Iterator<Item = (&RowTable, [u64; 4])> {
        let totals = &self.totals.rows;
        let changes = totals.calls.iter().zip(totals.changed.iter().zip(&totals.ignored));
        let counts = totals.rows.iter().zip(changes);
        let counts = counts.map(|(rows, (calls, (changed, ignored)))| [*rows, *calls, *changed, *ignored]);
        self.rules.tables.iter().zip(counts)
    }

    /// How often users were told something by each name, and how many users got it.
    fn notices(&self) -> impl Iterator<Item = (&EventName, [u64; 2])> {
        let totals = &self.totals.groups;
        let counts = totals.told.iter().zip(&totals.delivered).map(|(told, delivered)| [*told, *delivered]);
        self.rules.names.iter().zip(counts).filter(|(name, _)| name.is_told())
    }

    /// How many keys there are now, and how many were forgotten because of `ttl` and `max`.
    fn keys(&self) -> impl Iterator<Item = (&PerKey, [u64; 3])> {
        let counts = self.totals.counts.keys.iter().zip(&self.totals.counts.keys_forgotten);
        let counts = counts.map(|(now, [ttl, max])| [*now, *ttl, *max]);
        self.rules.pers.iter().zip(counts)
    }
}

/// The amounts of which values were skipped because they are not numbers: the name, the number of values that are numbers, and of
/// those that are not.
pub(super) fn passed_over<'t>(
    rules: &'t Ruleset,
    totals: &'t PipelineTotals,
) -> impl Iterator<Item = (String, u64, u64)> + 't {
    let amounts = rules.amounts.iter().zip(&totals.counts.amounts);
    let passed_over = amounts.filter(|(_, [_, none])| *none > 0);
    passed_over.map(|(amount, [numbers, none])| (rules.amount_name(*amount), *numbers, *none))
}

/// `skipped 3 of 4 values of order.total: they are not numbers`, for each amount of which values were.
pub(super) fn passed_over_in_words(rules: &Ruleset, totals: &PipelineTotals) -> Vec<String> {
    let words = |(name, numbers, none)| {
        format!("skipped {} of {} values of {name}: they are not numbers", grouped(none), grouped(numbers + none))
    };
    passed_over(rules, totals).map(words).collect()
}

fn nonzero<const N: usize>(names: [&'static str; N], counts: [u64; N]) -> Map<String, Value> {
    names.iter().zip(counts).filter(|(_, count)| *count > 0).map(|(name, n)| ((*name).to_owned(), n.into())).collect()
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.totals.counts;
        writeln!(f, "events       {} accepted, {} rejected", grouped(self.totals.events), grouped(self.rejected()))?;
        for (code, count) in nonzero(RejectionReason::CODES, self.totals.rejected) {
            writeln!(f, "               rejected {code}: {}", grouped(count.as_u64().unwrap_or(0)))?;
        }
        if self.totals.placeholder_ids > 0 {
            let ids = grouped(self.totals.placeholder_ids);
            writeln!(f, "               {ids} placeholder ids, such as \"undefined\", counted as missing")?;
        }
        writeln!(f, "             {}, {} late", counted(counts.duplicates, "duplicate"), grouped(counts.late))?;
        for words in passed_over_in_words(self.rules, self.totals) {
            writeln!(f, "             {words}")?;
        }
        if self.totals.oversized_values > 0 {
            let values = grouped(self.totals.oversized_values);
            writeln!(f, "             {values} values of more than 8 KiB, which count as missing")?;
        }
        write!(f, "users        {}, {} merged", grouped(self.totals.users), counted(counts.merged, "visitor"))?;
        if counts.expired > 0 {
            write!(f, ", {} dropped after being idle", grouped(counts.expired))?;
        }
        writeln!(f)?;
        for (per, [now, ttl, max]) in self.keys() {
            let (now, ttl, max) = (grouped(now), grouped(ttl), grouped(max));
            writeln!(f, "keys         {:<28} {now} now, forgotten: {ttl} by ttl, {max} by max", per.id)?;
        }
        for (table, [rows, calls, changed, ignored]) in self.tables() {
            let (rows, calls, changed, ignored) = (grouped(rows), grouped(calls), grouped(changed), grouped(ignored));
            writeln!(
                f,
                "table        {:<28} {rows} rows, {calls} calls, {changed} changes, {ignored} ignored",
                table.id
            )?;
        }
        for (group, counts) in self.groups() {
            let [now, opened, forgotten] = counts.map(grouped);
            writeln!(f, "groups       {:<28} {now} now, {opened} opened, {forgotten} forgotten", group.id)?;
        }
        for (name, [told, delivered]) in self.notices() {
            let (told, delivered) = (counted(told, "time"), counted(delivered, "user"));
            writeln!(f, "notices      {:<28} told {told}, to {delivered}", name.id)?;
        }
        self.fmt_segments(f)?;
        self.fmt_campaigns(f)?;
        for (budget, totals) in self.budgets() {
            let amounts = [totals.spent, totals.reserved, totals.granted].map(Decimal::from_millionths);
            let ([spent, reserved, granted], refused) = (amounts, counted(totals.refused, "time"));
            let limit = budget.limit;
            writeln!(
                f,
                "budgets      {:<28} {spent} spent and {reserved} reserved of {limit}; in all granted {granted}, refused {refused}",
                budget.id
            )?;
        }
        // Names that a simulated storefront does not send are no mistake.
        if self.run.at_full_speed {
            for missing in missing_names(self.rules, self.totals, &[], "the file") {
                writeln!(f, "warning      {}", field(&missing.to_string()))?;
            }
        }
        write!(f, "took         {:.2} s", self.run.took.as_secs_f64())?;
        if self.run.at_full_speed {
            write!(f, ", {} events/s", grouped(self.events_per_second() as u64))?;
        }
        match self.peak_memory_bytes {
            Some(bytes) => writeln!(f, ", peak memory {} MiB", bytes >> 20),
            None => writeln!(f),
        }
    }
}

impl Summary<'_> {
    fn fmt_segments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.totals.counts;
        // Most runs drop and forget no user.
        let has_dropped = counts.dropped_out.iter().any(|dropped| *dropped > 0);
        let mut row = |title: &str, id: &str, [entered, left, merged, dropped, size]: [String; 5]| {
            let dropped = if has_dropped { format!(" {dropped:>12}") } else { String::new() };
            writeln!(f, "{title:<12} {id:<28} {entered:>12} {left:>12} {merged:>12}{dropped} {size:>12}")
        };
        row("segments", "", ["entered", "left", "merged", "dropped", "now in"].map(str::to_owned))?;
        for (at, segment) in self.rules.segments.iter().enumerate() {
            let [entered, left] = counts.transitions[at];
            let figures = [entered, left, counts.merged_out[at], counts.dropped_out[at], counts.sizes[at]];
            row("", &segment.id, figures.map(grouped))?;
        }
        Ok(())
    }

    fn fmt_campaigns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rules.campaigns.is_empty() {
            writeln!(f, "campaigns")?;
        }
        for (campaign, outcomes) in self.rules.campaigns.iter().zip(&self.totals.counts.decisions) {
            let reached: Vec<String> = Outcome::NAMES
                .iter()
                .zip(outcomes)
                .filter(|(_, count)| **count > 0)
                .map(|(name, count)| format!("{name} {}", grouped(*count)))
                .collect();
            let reached = if reached.is_empty() { "never triggered".to_owned() } else { reached.join(", ") };
            writeln!(f, "             {:<28} {reached}", campaign.id)?;
        }
        Ok(())
    }
}

/// Warns of names that the rules read and that do not occur in the file.
pub(super) fn warn_of_unseen(rules: &Ruleset, totals: &PipelineTotals) {
    for missing in missing_names(rules, totals, &[], "the file") {
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr(), "warning: {}", field(&missing.to_string()));
    }
}

/// A count with its noun: `1 segment`, `1,200 segments`.
pub(super) fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// The largest resident size the process has had; `None` where the system does not report it.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
