//! The result as text: what matters first, figures in columns.

use std::fmt::Write as _;

use super::is_compared;
use crate::cli::summary::{counted, grouped};
use crate::cli::terminal;
use rekindle_runtime::backtest::{BacktestReport, BothRules, DifferenceDocument, EditDocument};

/// The kinds of differences that are listed; there are more in the JSON and on the page.
const KINDS_LISTED: usize = 20;
/// Longer texts of edits are cut.
const EDIT_CHARS: usize = 100;

/// A table whose first column is text and whose others are numbers.
#[derive(Default)]
struct FigureTable {
    rows: Vec<Vec<String>>,
}

impl FigureTable {
    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn append_to(&self, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|it| it.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                let width = widths[at];
                let _ = if at == 0 { write!(line, "  {cell:<width$}") } else { write!(line, "  {cell:>width$}") };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
}

/// The whole result; `explain` says how to look at a person.
pub(in crate::cli) fn text(title: &str, explain: &str, report: &BacktestReport) -> String {
    let mut out = format!("{title}\n");
    let from = report.from.as_deref().unwrap_or("the first event");
    let to = report.to.as_deref().unwrap_or("the end");
    let _ = writeln!(
        out,
        "counted from {from} to {to}: {}, {}\n",
        counted(report.events, "event"),
        if report.people == 1 { "1 person".to_owned() } else { format!("{} people", grouped(report.people)) }
    );
    if report.events == 0 {
        out.push_str("There was no event, so there is nothing to say.\n");
        return out;
    }
    differences_in_brief(report, &mut out);
    messages(report, &mut out);
    campaigns(report, &mut out);
    segments(report, &mut out);
    money(report, &mut out);
    differences(explain, report, &mut out);
    out.trim_end().to_owned()
}

fn differences_in_brief(report: &BacktestReport, out: &mut String) {
    let Some(differences) = &report.differences else { return };
    if differences.exact + differences.after == 0 {
        out.push_str("Nothing would have been otherwise.\n\n");
        return;
    }
    let _ = writeln!(
        out,
        "For {} something would have been otherwise: {} would have got more messages, {} fewer.",
        people(differences.people),
        grouped(differences.more_messages),
        grouped(differences.fewer_messages)
    );
    let _ = writeln!(
        out,
        "{} exact; {} after a person had noticed a difference, and might have behaved otherwise.",
        counted(differences.exact, "difference"),
        grouped(differences.after)
    );
    if differences.people_noticing_before > 0 {
        let _ = writeln!(
            out,
            "{} had noticed something before the counting began: nothing of theirs is exact.",
            people(differences.people_noticing_before)
        );
    }
    out.push('\n');
}

fn people(count: u64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{} people", grouped(count)) }
}

/// A figure by the new rules, and by the old ones with the change where there are any.
fn figures<T>(report: &BacktestReport, both: &BothRules<T>, figure: impl Fn(&T) -> u64) -> Vec<String> {
    let [new, old] = [&both.new, &both.old].map(|of| of.as_ref().map(&figure));
    let mut cells = vec![new.map_or_else(|| "–".to_owned(), grouped)];
    if is_compared(report) {
        cells.push(old.map_or_else(|| "–".to_owned(), grouped));
        cells.push(match new.unwrap_or(0).cmp(&old.unwrap_or(0)) {
            std::cmp::Ordering::Equal => String::new(),
            std::cmp::Ordering::Greater => format!("+{}", grouped(new.unwrap_or(0) - old.unwrap_or(0))),
            std::cmp::Ordering::Less => format!("-{}", grouped(old.unwrap_or(0) - new.unwrap_or(0))),
        });
    }
    cells
}

fn header(report: &BacktestReport, name: &str) -> Vec<String> {
    let columns: &[&str] = if is_compared(report) { &["new", "old", "change"] } else { &["count"] };
    std::iter::once(name).chain(columns.iter().copied()).map(str::to_owned).collect()
}

fn row(name: String, mut cells: Vec<String>) -> Vec<String> {
    cells.insert(0, terminal::field(&name).into_owned());
    cells
}

fn messages(report: &BacktestReport, out: &mut String) {
    let mut table = FigureTable::default();
    table.row(header(report, "MESSAGES"));
    let mut line = |name: &str, figure: &dyn Fn(&rekindle_runtime::backtest::MessageFigures) -> u64| {
        table.row(row(name.to_owned(), figures(report, &report.messages, figure)));
    };
    line("messages", &|it| it.messages);
    line("people who got any", &|it| it.people);
    line("each got, half at most", &|it| u64::from(it.median));
    line("99 in 100 at most", &|it| u64::from(it.p99));
    line("the most that one got", &|it| u64::from(it.max));
    table.append_to(out);
}

fn campaigns(report: &BacktestReport, out: &mut String) {
    if report.campaigns.is_empty() {
        return;
    }
    let mut table = FigureTable::default();
    table.row(header(report, "CAMPAIGNS"));
    for campaign in &report.campaigns {
        let both = [&campaign.outcomes.new, &campaign.outcomes.old];
        let mut outcomes: Vec<&str> = both.into_iter().flatten().flat_map(|of| of.keys().map(AsRef::as_ref)).collect();
        outcomes.push("sent");
        outcomes.sort_by_key(|outcome| (*outcome != "sent", *outcome));
        outcomes.dedup();
        for outcome in outcomes {
            let cells = figures(report, &campaign.outcomes, |of| of.get(outcome).copied().unwrap_or(0));
            table.row(row(format!("{} {outcome}", campaign.campaign), cells));
        }
    }
    table.append_to(out);
}

fn segments(report: &BacktestReport, out: &mut String) {
    if report.segments.is_empty() {
        return;
    }
    let mut table = FigureTable::default();
    let mut head = header(report, "SEGMENTS at the end");
    if is_compared(report) {
        head.extend(["only new", "only old"].map(str::to_owned));
    }
    table.row(head);
    for segment in &report.segments {
        let mut cells = row(segment.segment.clone(), figures(report, &segment.figures, |it| it.size));
        if let Some(members) = &segment.members {
            cells.extend([grouped(members.only_new), grouped(members.only_old)]);
        }
        table.row(cells);
    }
    table.append_to(out);
}

fn money(report: &BacktestReport, out: &mut String) {
    let mut table = FigureTable::default();
    let columns: &[&str] =
        if is_compared(report) { &["MONEY AND POINTS", "new", "old"] } else { &["MONEY AND POINTS", ""] };
    table.row(columns.iter().map(|name| (*name).to_owned()).collect());
    let mut line = |name: String, cells: [Option<String>; 2]| {
        let shown = if is_compared(report) { 2 } else { 1 };
        let cells = cells.into_iter().take(shown).map(|cell| cell.unwrap_or_else(|| "–".to_owned())).collect();
        table.row(row(name, cells));
    };
    for budget in &report.budgets {
        let both = [&budget.figures.new, &budget.figures.old];
        line(format!("{} spent", budget.budget), both.map(|it| Some(it.as_ref()?.spent.as_str().to_owned())));
        line(format!("{} reserved", budget.budget), both.map(|it| Some(it.as_ref()?.reserved.as_str().to_owned())));
    }
    for ledger in &report.ledgers {
        let both = [&ledger.figures.new, &ledger.figures.old];
        for change in ["earned", "spent", "refused", "expired"] {
            let points = both.map(|it| Some(it.as_ref()?.points.get(change)?.as_str().to_owned()));
            line(format!("{} {change}", ledger.ledger), points);
        }
    }
    for goal in &report.goals {
        let name = format!("{} {} ({})", goal.campaign, goal.goal, goal.group);
        let said = [&goal.figures.new, &goal.figures.old].map(|it| {
            let it = it.as_ref()?;
            Some(format!("{} of {}, {}", grouped(it.reached), grouped(it.exposures), it.value.as_str()))
        });
        line(name, said);
    }
    if table.rows.len() > 1 {
        table.append_to(out);
    }
}

fn differences(explain: &str, report: &BacktestReport, out: &mut String) {
    let Some(differences) = &report.differences else { return };
    if differences.kinds.is_empty() {
        return;
    }
    out.push_str("WHAT DIFFERS, and why\n");
    for kind in differences.kinds.iter().take(KINDS_LISTED) {
        difference(kind, out);
    }
    if differences.kinds.len() > KINDS_LISTED {
        let more = differences.kinds.len() - KINDS_LISTED;
        let _ = writeln!(out, "  {more} more kinds: --json has all of them");
    }
    let _ = writeln!(out, "\n  To look at a person: {explain}");
    let _ = writeln!(out, "\n{}", differences.note);
}

/// What it is, in words: `winback: sent instead of cooldown`.
pub(super) fn name(kind: &DifferenceDocument) -> String {
    let of = kind.of.as_ref().map(|of| format!(" ({of})")).unwrap_or_default();
    let what = match (&kind.new, &kind.old) {
        (Some(new), Some(old)) if new == old => format!("{new}, but otherwise"),
        (Some(new), Some(old)) => format!("{new} instead of {old}"),
        (Some(new), None) => format!("{new}, new"),
        (None, Some(old)) => format!("{old}, gone"),
        (None, None) => String::new(),
    };
    format!("{} {}{of}: {what}", kind.kind, kind.id)
}

fn difference(kind: &DifferenceDocument, out: &mut String) {
    let after = if kind.after > 0 { format!(" (+{} after)", grouped(kind.after)) } else { String::new() };
    let _ = writeln!(out, "  {:>8}{after}  {}", grouped(kind.exact), terminal::field(&name(kind)));
    let _ = writeln!(out, "            {}", terminal::field(&kind.reason));
    for edit in &kind.because {
        let _ = writeln!(out, "            {}", terminal::field(&edited(edit)));
    }
    let shown = kind.people.iter().take(3).map(|person| {
        let key = person.key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
        format!("{}{key} at {}", person.user, person.at)
    });
    let _ = writeln!(out, "            e.g. {}", terminal::field(&shown.collect::<Vec<_>>().join(", ")));
}

fn edited(edit: &EditDocument) -> String {
    let short = |text: &str| match text.char_indices().nth(EDIT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    match (&edit.old, &edit.new) {
        (Some(old), Some(new)) => format!("{}: {} → {}", edit.place, short(old), short(new)),
        (None, Some(new)) => format!("{} is new: {}", edit.place, short(new)),
        (Some(old), None) => format!("{} is gone: {}", edit.place, short(old)),
        (None, None) => edit.place.clone(),
    }
}
