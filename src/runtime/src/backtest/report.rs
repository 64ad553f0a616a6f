//! The result of a backtest, as it is serialized: the JSON of the command line and of the API, and the source of texts and pages.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use rekindle_core::json::JsonText;
use rekindle_core::rules::edits::RuleEdit;

/// A word of the report itself, such as an outcome.
pub type ReportWord = Cow<'static, str>;

/// Something of the new rules beside the same of the old ones, which may be missing: a rule set may not have it, or there is only
/// one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BothRules<T> {
    /// By the new rules.
    pub new: Option<T>,
    /// By the old rules.
    pub old: Option<T>,
}

/// The result of a backtest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BacktestReport {
    /// The versions of the rules.
    pub rules: BothRules<String>,
    /// What was edited.
    pub edits: Vec<EditDocument>,
    /// From when on it counts; null: from the first event.
    pub from: Option<String>,
    /// When it ends; null: there was no event.
    pub to: Option<String>,
    /// The time zone of days.
    pub timezone: String,
    /// Events that were taken in.
    pub events: u64,
    /// Events that were rejected.
    pub rejected: u64,
    /// People and visitors with events, at the end.
    pub people: u64,
    /// What the steps of `sizes`, `over_time` are: `hour`, `day`, `week` …
    pub step: ReportWord,
    /// When each of them begins.
    pub steps: Vec<String>,
    /// The segments.
    pub segments: Vec<SegmentResult>,
    /// The campaigns.
    pub campaigns: Vec<CampaignResult>,
    /// How many messages went out, and to how many people.
    pub messages: BothRules<MessageFigures>,
    /// What was spent of budgets.
    pub budgets: Vec<BudgetResult>,
    /// What became of points.
    pub ledgers: Vec<LedgerResult>,
    /// What became of goals.
    pub goals: Vec<GoalResult>,
    /// In what the two differ; null: there are no old rules.
    pub differences: Option<DifferencesResult>,
}

/// An edit of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditDocument {
    /// Where: `segments.keen.when`.
    pub place: String,
    /// What was there; null: nothing.
    pub old: Option<String>,
    /// What is there; null: nothing.
    pub new: Option<String>,
}

/// A segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SegmentResult {
    /// Its id.
    pub segment: String,
    /// Users or keys, over the period.
    pub figures: BothRules<SegmentFigures>,
    /// How many are in it at the end of each step.
    pub sizes: BothRules<Vec<u64>>,
    /// How many entered it in each step.
    pub entered: BothRules<Vec<u64>>,
    /// How many left it in each step.
    pub left: BothRules<Vec<u64>>,
    /// Who is in it at the end; null: there are no old rules.
    pub members: Option<MembersComparison>,
}

/// A segment by one rule set.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct SegmentFigures {
    /// Users, or keys, in it at the end.
    pub size: u64,
    /// How often it was entered.
    pub entered: u64,
    /// How often it was left.
    pub left: u64,
}

/// Who is in a segment at the end, by two rule sets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MembersComparison {
    /// People in it by both.
    pub both: u64,
    /// People in it by the new rules only.
    pub only_new: u64,
    /// People in it by the old rules only.
    pub only_old: u64,
    /// Some who are in it by the new rules only.
    pub people_only_new: Vec<String>,
    /// Some who are in it by the old rules only.
    pub people_only_old: Vec<String>,
}

/// A campaign.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CampaignResult {
    /// Its id.
    pub campaign: String,
    /// Decisions by outcome, those that occurred.
    pub outcomes: BothRules<BTreeMap<ReportWord, u64>>,
    /// The same in each step, by outcome.
    pub over_time: BothRules<BTreeMap<ReportWord, Vec<u64>>>,
}

/// Messages to people: decisions with the outcome `sent`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessageFigures {
    /// How many went out.
    pub messages: u64,
    /// To how many people.
    pub people: u64,
    /// How many a person got of those who got any: the mean.
    pub mean: f64,
    /// Half of them got no more than this.
    pub median: u32,
    /// Nine in ten got no more than this.
    pub p90: u32,
    /// 99 in 100 got no more than this.
    pub p99: u32,
    /// The most that a person got.
    pub max: u32,
    /// How many people got how many; the last row has all who got at least that.
    pub distribution: Vec<MessageRow>,
    /// How many went out in each step.
    pub over_time: Vec<u64>,
}

/// A row of the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// The number of messages.
    pub messages: u32,
    /// How many people got it.
    pub people: u64,
    /// Or more messages.
    pub or_more: bool,
}

/// A budget.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BudgetResult {
    /// Its id.
    pub budget: String,
    /// What became of it in the period that counts.
    pub figures: BothRules<BudgetFigures>,
    /// Each of its own periods, from the log's beginning.
    pub periods: BothRules<Vec<BudgetPeriodFigures>>,
}

/// A budget by one rule set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BudgetFigures {
    /// What was spent, at once or by settlements.
    pub spent: JsonText,
    /// What was reserved.
    pub reserved: JsonText,
    /// What was reserved and became free again.
    pub released: JsonText,
}

/// A budget in one of its periods.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BudgetPeriodFigures {
    /// When it began; null: all time is one.
    pub from: Option<String>,
    /// The limit.
    pub limit: JsonText,
    /// What is spent.
    pub spent: JsonText,
    /// What is still reserved.
    pub reserved: JsonText,
    /// How often a campaign was refused.
    pub refused: u64,
}

/// A ledger of points.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LedgerResult {
    /// Its id.
    pub ledger: String,
    /// What became of points in the period that counts.
    pub figures: BothRules<LedgerFigures>,
}

/// Points by one rule set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LedgerFigures {
    /// The sum of all balances at the end.
    pub balance: JsonText,
    /// Points by change: `earned`, `spent`, `refused`, `expired`.
    pub points: BTreeMap<ReportWord, JsonText>,
}

/// What exposures to a campaign came to, of those that were mature within the period.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoalResult {
    /// The campaign.
    pub campaign: String,
    /// The goal.
    pub goal: String,
    /// `sent`, or `control` (with the campaign's own holdout).
    pub group: ReportWord,
    /// What came.
    pub figures: BothRules<GoalFigures>,
}

/// Exposures by one rule set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoalFigures {
    /// How many.
    pub exposures: u64,
    /// How many of them reached the goal.
    pub reached: u64,
    /// The sum of the goal's values.
    pub value: JsonText,
}

/// In what two rule sets differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DifferencesResult {
    /// How far they are exact, in words.
    pub note: ReportWord,
    /// Differences of people who had noticed none.
    pub exact: u64,
    /// Differences of people who had: they need not have come so.
    pub after: u64,
    /// People for whom anything differs.
    pub people: u64,
    /// Of them, people who notice it: by a message that comes, does not come or says something else, or by their points.
    pub people_noticing: u64,
    /// People who noticed something before the counting began: nothing of theirs is exact.
    pub people_noticing_before: u64,
    /// People with more messages by the new rules.
    pub more_messages: u64,
    /// People with fewer messages by the new rules.
    pub fewer_messages: u64,
    /// Each kind, messages first, then the most frequent ones.
    pub kinds: Vec<DifferenceDocument>,
}

/// A kind of difference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DifferenceDocument {
    /// `segment`, `campaign`, `points`, `budget`, `goal` or `merged`.
    pub kind: ReportWord,
    /// The segment, campaign, ledger or budget.
    pub id: String,
    /// The goal, or the campaign that spends the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What it is by the new rules: an outcome, `entered`, `left`, `earned` …; null: nothing.
    pub new: Option<ReportWord>,
    /// What it is by the old ones.
    pub old: Option<ReportWord>,
    /// Why, in words.
    pub reason: String,
    /// The edits that concern it, the nearest first.
    pub because: Vec<EditDocument>,
    /// How many of people who had noticed nothing.
    pub exact: u64,
    /// How many of others.
    pub after: u64,
    /// Some of these people, each with the first such difference.
    pub people: Vec<PersonExample>,
    /// They are of those who had noticed something: there are no others.
    pub people_are_after: bool,
}

/// Whom to look at: `rekindle explain --user USER --until AT` with either rules shows why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonExample {
    /// The user.
    pub user: String,
    /// When.
    pub at: String,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl EditDocument {
    pub(super) fn new(edit: &RuleEdit) -> EditDocument {
        let parts = [&edit.table, &edit.id, &edit.key].map(String::as_str);
        let place = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        EditDocument { place, old: edit.old.clone(), new: edit.new.clone() }
    }
}
