//! Goals: what became of users who got an action of a campaign, and of those who got none.

use serde_json::{Value as Json, json};

use super::history::OracleMatch;
use super::log::{json_number, print_time};
use super::rules::OracleRules;
use super::user::OracleUser;
use super::value::OracleValue;
use crate::decoder_oracle::decimal::OracleDecimal;

/// That a user was exposed to a campaign, as one goal sees it.
#[derive(Clone)]
pub(crate) struct OracleTrial {
    /// Indexes of the campaign and the goal.
    place: (usize, usize),
    group: &'static str,
    variant: Option<String>,
    exposed: i64,
    count: usize,
    value: OracleDecimal,
    is_mature: bool,
}

impl OracleUser {
    /// Begins what the goals of a campaign count, the first time.
    pub(crate) fn expose(&mut self, campaign: usize, group: &'static str, variant: Option<&str>, rules: &OracleRules) {
        for goal in &rules.campaigns[campaign].goals {
            let place = (campaign, *goal);
            if self.trials.iter().any(|trial| trial.place == place) {
                continue;
            }
            self.trials.push(OracleTrial {
                place,
                group,
                variant: variant.map(str::to_owned),
                exposed: self.now,
                count: 0,
                value: OracleDecimal::whole(0),
                is_mature: false,
            });
        }
    }

    /// Counts a match for every trial that is open.
    pub(crate) fn count_for_goals(&mut self, one: &OracleMatch, rules: &OracleRules) {
        for trial in self.trials.iter_mut().filter(|trial| !trial.is_mature && one.at > trial.exposed) {
            let goal = &rules.goals[trial.place.1];
            if goal.on != one.name {
                continue;
            }
            trial.count += 1;
            if let Some(OracleValue::Number(value)) = goal.value.as_ref().map(|path| one.value(path)) {
                trial.value = trial.value.plus(&value);
            }
        }
    }

    /// When the first of the open trials is mature.
    pub(crate) fn next_maturity(&self, rules: &OracleRules) -> Option<i64> {
        let open = self.trials.iter().filter(|trial| !trial.is_mature);
        open.map(|trial| trial.exposed + rules.goals[trial.place.1].within).min()
    }

    /// Tells the outcome of the trials whose time is over, by file order of campaigns, then goals.
    pub(crate) fn mature(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        self.trials.sort_by_key(|trial| trial.place);
        for trial in self.trials.iter_mut().filter(|trial| !trial.is_mature) {
            let goal = &rules.goals[trial.place.1];
            if trial.exposed + goal.within > self.now {
                continue;
            }
            trial.is_mature = true;
            let mut line = json!({
                "kind": "outcome", "user": self.id, "campaign": rules.campaigns[trial.place.0].id, "goal": goal.id,
                "group": trial.group, "exposed": print_time(trial.exposed), "count": trial.count,
                "value": json_number(&trial.value.written()), "at": print_time(self.now),
            });
            if let Some(variant) = &trial.variant {
                line["variant"] = json!(variant);
            }
            journal.push(line);
        }
    }

    /// Of two exposures to the same campaign and goal, the user's stays.
    pub(crate) fn merge_trials(&mut self, visitor: Vec<OracleTrial>) {
        for theirs in visitor {
            if !self.trials.iter().any(|own| own.place == theirs.place) {
                self.trials.push(theirs);
            }
        }
    }
}
