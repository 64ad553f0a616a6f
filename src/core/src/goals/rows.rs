//! A report on uplift as JSON.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;

use super::campaign_cost::CampaignCost;
use super::report::{GoalUplift, UpliftComparison, UpliftReport};
use super::tally::GoalTally;
use crate::json::JsonText;
use crate::statistics::DifferenceInterval;

/// Decimal places of a sum of millionths.
const PLACES: usize = 6;

/// One comparison, with all that it is computed from.
#[derive(Clone, Debug, Serialize)]
pub struct UpliftRow<'r> {
    campaign: &'r str,
    goal: &'r str,
    /// `None`: all that was sent.
    variant: Option<&'r str>,
    measure: &'static str,
    treated: UpliftSide,
    control: UpliftSide,
    difference: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// One side of a comparison. The sums have all their digits.
#[derive(Clone, Debug, Serialize)]
struct UpliftSide {
    n: u64,
    users: u64,
    sum: JsonText,
    sum_squares: JsonText,
}

/// The goals of a campaign, with what may be concluded.
#[derive(Clone, Debug, Serialize)]
pub struct UpliftDocument<'r> {
    campaign: &'r str,
    goals: Vec<GoalDocument<'r>>,
    /// What it spent, by budget.
    costs: Vec<CostDocument<'r>>,
}

#[derive(Clone, Debug, Serialize)]
struct CostDocument<'r> {
    budget: &'r str,
    spent: f64,
    per_message: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct GoalDocument<'r> {
    goal: &'r str,
    /// The sizes of the groups contradict their shares.
    sample_ratio_mismatch: bool,
    comparisons: Vec<ComparisonDocument<'r>>,
}

#[derive(Clone, Debug, Serialize)]
struct ComparisonDocument<'r> {
    #[serde(flatten)]
    row: UpliftRow<'r>,
    /// What may be concluded, and since when.
    conclusion: String,
    since: Option<String>,
    /// The actions that went out to those who got it, until their exposures were mature.
    messages: u64,
    /// What all who got it did more than they would have without.
    brought: Option<BroughtDocument>,
    brought_per_message: Option<BroughtDocument>,
    /// The same for each unit of a budget that was spent, by budget; empty for a variant.
    brought_per_unit: BTreeMap<&'r str, BroughtDocument>,
}

#[derive(Clone, Debug, Serialize)]
struct BroughtDocument {
    estimate: f64,
    low: f64,
    high: f64,
}

impl UpliftReport {
    /// Every comparison, in order.
    pub fn rows(&self) -> impl Iterator<Item = UpliftRow<'_>> {
        self.goals.iter().flat_map(|goal| goal.comparisons.iter().map(|comparison| UpliftRow::new(goal, comparison)))
    }

    /// All that is known of a campaign whose report it is. `costs` are those of all campaigns.
    pub fn document<'r>(&'r self, campaign: &'r str, costs: &'r [CampaignCost]) -> UpliftDocument<'r> {
        let costs: Vec<&CampaignCost> = costs.iter().filter(|cost| cost.campaign == campaign).collect();
        UpliftDocument {
            campaign,
            goals: self.goals.iter().map(|goal| GoalDocument::new(goal, &costs)).collect(),
            costs: costs.into_iter().map(CostDocument::new).collect(),
        }
    }
}

impl<'r> UpliftRow<'r> {
    fn new(goal: &'r GoalUplift, comparison: &'r UpliftComparison) -> UpliftRow<'r> {
        UpliftRow {
            campaign: &goal.campaign,
            goal: &goal.goal,
            variant: comparison.variant.as_deref(),
            measure: comparison.measure.name(),
            treated: UpliftSide::new(&comparison.treated),
            control: UpliftSide::new(&comparison.control),
            difference: comparison.difference,
            low: comparison.interval.map(|interval| interval.low),
            high: comparison.interval.map(|interval| interval.high),
        }
    }
}

impl UpliftSide {
    fn new(tally: &GoalTally) -> UpliftSide {
        UpliftSide {
            n: tally.users,
            users: tally.reached,
            sum: number(&tally.sum, PLACES),
            sum_squares: number(&tally.sum_squares, 2 * PLACES),
        }
    }
}

impl<'r> CostDocument<'r> {
    fn new(cost: &'r CampaignCost) -> CostDocument<'r> {
        CostDocument { budget: &cost.budget, spent: cost.spent, per_message: cost.per_message }
    }
}

impl<'r> GoalDocument<'r> {
    fn new(goal: &'r GoalUplift, costs: &[&'r CampaignCost]) -> GoalDocument<'r> {
        let per_unit = |comparison: &UpliftComparison, cost: &&'r CampaignCost| {
            Some((cost.budget.as_str(), BroughtDocument::new(comparison.brought_per_unit(cost)?)))
        };
        let comparison = |comparison: &'r UpliftComparison| ComparisonDocument {
            row: UpliftRow::new(goal, comparison),
            conclusion: comparison.sentence(),
            since: comparison.conclusion.map(|conclusion| conclusion.since.to_string()),
            messages: comparison.treated.messages,
            brought: comparison.brought().map(BroughtDocument::new),
            brought_per_message: comparison.brought_per_message().map(BroughtDocument::new),
            brought_per_unit: costs.iter().filter_map(|cost| per_unit(comparison, cost)).collect(),
        };
        GoalDocument {
            goal: &goal.goal,
            sample_ratio_mismatch: goal.has_sample_ratio_mismatch,
            comparisons: goal.comparisons.iter().map(comparison).collect(),
        }
    }
}

impl BroughtDocument {
    fn new(DifferenceInterval { difference, low, high }: DifferenceInterval) -> BroughtDocument {
        BroughtDocument { estimate: difference, low, high }
    }
}

/// A whole number of `10^-places`, as JSON with a point where it needs one.
fn number(scaled: &impl Display, places: usize) -> JsonText {
    let text = scaled.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    JsonText::from_text(&format!("{sign}{whole}{point}{fraction}")).unwrap_or_else(JsonText::null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_with_all_their_digits() {
        let written = |scaled: i128, places| number(&scaled, places).as_str().to_owned();
        assert_eq!(written(12_345_678, 6), "12.345678");
        assert_eq!(written(-50_000, 6), "-0.05");
        assert_eq!(written(49_000_000, 6), "49");
        assert_eq!(written(0, 12), "0");
        assert_eq!(written(-7, 12), "-0.000000000007");
        assert_eq!(written(i128::MAX, 6), "170141183460469231731687303715884.105727");
    }
}
