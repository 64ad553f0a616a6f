//! What became of campaigns: every comparison, what it brought, and what may be concluded.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::campaign_cost::CampaignCost;
use super::comparison::{ComparisonKey, Measure, USERS_MIN, interval};
use super::tally::GoalTally;
use super::uplift_counts::{GoalArms, TalliesByKey, UpliftConclusion, UpliftCounts};
use crate::rules::ruleset::{Campaign, Ruleset};
use crate::statistics::{DifferenceInterval, SampleRatioCell, is_mismatch};

/// The goals of one campaign, or of several.
#[derive(Clone, Debug, PartialEq)]
pub struct UpliftReport {
    /// By file order of campaigns, then goals; then what the rules do not have any more, by id.
    pub goals: Vec<GoalUplift>,
}

/// One goal of one campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalUplift {
    /// The campaign's id.
    pub campaign: Arc<str>,
    /// The goal's id.
    pub goal: Arc<str>,
    /// All that was sent, then each variant; by users, and by value if the goal has one.
    pub comparisons: Vec<UpliftComparison>,
    /// The sizes of the groups contradict their shares, so that they cannot be compared.
    pub has_sample_ratio_mismatch: bool,
}

/// Who got a campaign compared with who got nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct UpliftComparison {
    /// The variant; `None`: all.
    pub variant: Option<Arc<str>>,
    /// By what.
    pub measure: Measure,
    /// Who got it.
    pub treated: GoalTally,
    /// Who got nothing: the control group and the holdout together.
    pub control: GoalTally,
    /// The difference of the two; `None`: one side has nobody.
    pub difference: Option<f64>,
    /// The interval; `None` before there are 100 a side.
    pub interval: Option<DifferenceInterval>,
    /// Since when it is known that there is a difference; `None`: it is not.
    pub conclusion: Option<UpliftConclusion>,
}

impl UpliftReport {
    /// Of all campaigns.
    pub fn new(rules: &Ruleset, counts: &UpliftCounts) -> UpliftReport {
        UpliftReport::of(rules, counts, |_| true)
    }

    /// Of one campaign; `None`: neither do the rules have it nor was anything counted of it.
    pub fn of_campaign(rules: &Ruleset, counts: &UpliftCounts, campaign: &str) -> Option<UpliftReport> {
        let report = UpliftReport::of(rules, counts, |id| id == campaign);
        let is_known = rules.campaigns.iter().any(|other| other.id == campaign);
        (is_known || !report.goals.is_empty()).then_some(report)
    }

    fn of(rules: &Ruleset, counts: &UpliftCounts, is_asked: impl Fn(&str) -> bool) -> UpliftReport {
        let totals = counts.totals();
        let mut goals = Vec::new();
        let mut gone: BTreeSet<(Arc<str>, Arc<str>)> =
            totals.keys().map(|key| (Arc::clone(&key.campaign), Arc::clone(&key.goal))).collect();
        for campaign in &rules.campaigns {
            for id in &campaign.goals {
                let goal = &rules.goals[usize::from(id.0)];
                let key: (Arc<str>, Arc<str>) = (campaign.id.as_str().into(), goal.id.as_str().into());
                gone.remove(&key);
                if is_asked(&campaign.id) {
                    let shares = Some((rules.control, campaign));
                    goals.push(GoalUplift::new(key, &totals, counts, shares, goal.value.is_some()));
                }
            }
        }
        for key in gone.into_iter().filter(|(campaign, _)| is_asked(campaign)) {
            goals.push(GoalUplift::new(key, &totals, counts, None, false));
        }
        UpliftReport { goals }
    }
}

impl GoalUplift {
    fn new(
        (campaign, goal): (Arc<str>, Arc<str>),
        totals: &TalliesByKey,
        counts: &UpliftCounts,
        shares: Option<(f64, &Campaign)>,
        has_value: bool,
    ) -> GoalUplift {
        let mut arms = GoalArms::of(totals, &campaign, &goal);
        let has_sample_ratio_mismatch =
            shares.is_some_and(|(control, campaign)| is_mismatch(&cells_of(&arms, control, campaign)));
        let has_value = has_value || [&arms.all_sent, &arms.control].iter().any(|arm| arm.sum_squares != 0u8.into());
        let measures = &Measure::ALL[..if has_value { 2 } else { 1 }];
        let mut comparisons = Vec::new();
        let all = std::mem::take(&mut arms.all_sent);
        let mut treated = vec![(None, all)];
        for variant in shares.map_or(&[][..], |(_, campaign)| &campaign.variants) {
            let id: Arc<str> = variant.id.as_str().into();
            let tally = arms.sent.remove(&Some(Arc::clone(&id))).unwrap_or_default();
            treated.push((Some(id), tally));
        }
        treated.extend(std::mem::take(&mut arms.sent).into_iter().filter(|(variant, _)| variant.is_some()));
        for (variant, tally) in treated {
            for measure in measures.iter().copied() {
                let key = ComparisonKey {
                    campaign: Arc::clone(&campaign),
                    goal: Arc::clone(&goal),
                    variant: variant.clone(),
                    measure,
                };
                let estimates = tally.estimate(measure).zip(arms.control.estimate(measure));
                comparisons.push(UpliftComparison {
                    variant: variant.clone(),
                    measure,
                    treated: tally.clone(),
                    control: arms.control.clone(),
                    difference: estimates.map(|(treated, control)| treated.mean - control.mean),
                    interval: interval(measure, &tally, &arms.control),
                    conclusion: counts.conclusion(&key),
                });
            }
        }
        GoalUplift { campaign, goal, comparisons, has_sample_ratio_mismatch }
    }
}

/// The groups with the shares that the rules give them now.
fn cells_of(arms: &GoalArms, control: f64, campaign: &Campaign) -> Vec<SampleRatioCell> {
    let holdout = (1.0 - control) * campaign.holdout;
    let sent = (1.0 - control) * (1.0 - campaign.holdout);
    let cell = |count: u64, weight: f64| SampleRatioCell { count, weight };
    let mut cells = vec![cell(arms.control_users[0], control), cell(arms.control_users[1], holdout)];
    if campaign.variants.is_empty() {
        cells.push(cell(arms.all_sent.users, sent));
    }
    let weights: f64 = campaign.variants.iter().map(|variant| variant.weight).sum();
    cells.extend(campaign.variants.iter().map(|variant| {
        let users = arms.sent.get(&Some(variant.id.as_str().into())).map_or(0, |tally| tally.users);
        cell(users, sent * variant.weight / weights)
    }));
    cells
}

impl UpliftComparison {
    /// How many users the smaller side has, if that is not enough to say anything.
    pub fn lacking(&self) -> Option<u64> {
        let users = self.treated.users.min(self.control.users);
        (users < USERS_MIN).then_some(users)
    }

    /// How much more all who got it did than they would have without: the difference for each of them; with the ends of the
    /// interval.
    pub fn brought(&self) -> Option<DifferenceInterval> {
        let interval = self.interval?;
        Some(interval.times(self.treated.users as f64))
    }

    /// The same for each action that went out.
    pub fn brought_per_message(&self) -> Option<DifferenceInterval> {
        let messages = self.treated.messages;
        self.brought().filter(|_| messages > 0).map(|brought| brought.times(1.0 / messages as f64))
    }

    /// The same for each unit of a budget that the campaign spent: what a message brought, by what a message cost. Of all that
    /// was sent, since what a variant cost is not known.
    pub fn brought_per_unit(&self, cost: &CampaignCost) -> Option<DifferenceInterval> {
        let per_message = self.brought_per_message().filter(|_| self.variant.is_none())?;
        Some(per_message.times(1.0 / cost.per_message?))
    }

    /// What may be concluded, and since when, in a sentence.
    pub fn sentence(&self) -> String {
        let Some(interval) = self.interval else {
            return format!("not enough yet: {} of {USERS_MIN}", self.treated.users.min(self.control.users));
        };
        let points = |value: f64| match self.measure {
            Measure::Users => format!("{:.2} percentage points", value * 100.0),
            Measure::Value => format!("{value:.2} per user"),
        };
        let (low, high) = (interval.low, interval.high);
        let since = self.conclusion.map(|conclusion| format!(", since {}", conclusion.since)).unwrap_or_default();
        match interval.sign() {
            1 => format!("it works: between {} and {} more than without it{since}", points(low), points(high)),
            -1 => format!("it harms: between {} and {} less than without it{since}", points(-high), points(-low)),
            _ => format!("nothing to conclude yet: the difference is between {} and {}", points(low), points(high)),
        }
    }
}
