//! What campaigns brought about, as metrics: of the campaigns and goals that the rules have.

use super::definitions::*;
use super::page::MetricsPage;
use super::seconds;
use rekindle_core::goals::{GoalUplift, Measure, UpliftComparison, UpliftCounts, UpliftReport};
use rekindle_core::rules::ruleset::Ruleset;

/// The label of all variants together: no id of one.
const ALL_VARIANTS: &str = "*";

/// Millionths of one.
const SCALE: f64 = 1e6;

impl MetricsPage {
    /// What is counted of goals.
    pub fn uplift(&mut self, rules: &Ruleset, counts: &UpliftCounts) {
        let report = UpliftReport::new(rules, counts);
        let is_of_rules = |goal: &&GoalUplift| rules.campaigns.iter().any(|campaign| campaign.id == *goal.campaign);
        for goal in report.goals.iter().filter(is_of_rules) {
            let mismatch = f64::from(u8::from(goal.has_sample_ratio_mismatch));
            self.add(&SAMPLE_RATIO_MISMATCH, &[&goal.campaign, &goal.goal], mismatch);
            goal.comparisons.iter().for_each(|comparison| self.comparison(goal, comparison));
        }
    }

    fn comparison(&mut self, goal: &GoalUplift, comparison: &UpliftComparison) {
        let variant = comparison.variant.as_deref().unwrap_or(ALL_VARIANTS);
        let of_arm = [&*goal.campaign, &*goal.goal, variant];
        for (side, tally) in [("treated", &comparison.treated), ("control", &comparison.control)] {
            let labels = [of_arm[0], of_arm[1], of_arm[2], side];
            match comparison.measure {
                Measure::Users => {
                    self.count(&GOAL_USERS, &labels, tally.users);
                    self.count(&GOAL_CONVERSIONS, &labels, tally.reached);
                }
                Measure::Value => {
                    let value = tally.sum.to_string().parse::<f64>().unwrap_or(f64::NAN);
                    self.add(&GOAL_VALUE, &labels, value / SCALE);
                }
            }
        }
        if comparison.measure == Measure::Users {
            self.count(&GOAL_MESSAGES, &of_arm, comparison.treated.messages);
        }
        let labels = [of_arm[0], of_arm[1], of_arm[2], comparison.measure.name()];
        if let Some(difference) = comparison.difference {
            self.add(&UPLIFT, &labels, difference);
        }
        if let Some(interval) = comparison.interval {
            self.add(&UPLIFT_LOW, &labels, interval.low);
            self.add(&UPLIFT_HIGH, &labels, interval.high);
        }
        if let Some(conclusion) = comparison.conclusion {
            self.add(&UPLIFT_SINCE, &labels, seconds(conclusion.since.0));
        }
    }
}
