//! Ranks: at the beginning of an hour, a day, a week or a month all users are asked for a number, and each is compared with
//! all others.

use std::collections::BTreeSet;

use toml::Table;

use super::OracleState;
use super::calendar::CalendarPeriod;
use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::fields::{position, required, string};
use super::groups::OracleTold;
use super::log::print_time;
use super::resolve;
use super::rules::{OracleEventName, OracleRules};
use super::user::OracleUser;
use super::value::OracleValue;
use crate::decoder_oracle::decimal::OracleDecimal;

const HOUR_MS: i64 = 3_600_000;

/// An entry of `[[ranks]]`.
pub(crate) struct OracleRank {
    id: String,
    of: OracleExpression,
    /// Index of the segment.
    among: Option<usize>,
    every: OracleInterval,
}

/// When something is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OracleInterval {
    Hour,
    Calendar(CalendarPeriod),
}

/// A name of `[events]` with `rank`.
pub(crate) struct OracleRankNotice {
    /// Index of the rank.
    rank: usize,
    filter: Option<OracleExpression>,
    lets: Vec<(String, OracleExpression)>,
}

/// What came of a user at the latest taking of a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OracleRanking {
    larger: usize,
    smaller: usize,
    ranked: usize,
}

impl OracleInterval {
    pub(crate) fn parse(word: &str) -> OracleInterval {
        match word {
            "hour" => OracleInterval::Hour,
            "day" => OracleInterval::Calendar(CalendarPeriod::Day),
            "week" => OracleInterval::Calendar(CalendarPeriod::Week),
            "month" => OracleInterval::Calendar(CalendarPeriod::Month),
            other => panic!("`{other}` is no interval"),
        }
    }

    /// The first beginning of such a time after an instant.
    pub(crate) fn first_after(self, at: i64, rules: &OracleRules) -> i64 {
        match self {
            OracleInterval::Hour => (at.div_euclid(HOUR_MS) + 1) * HOUR_MS,
            OracleInterval::Calendar(period) => rules.calendar.period_start(period, rules.calendar.day_of(at), 1),
        }
    }
}

impl OracleState<'_> {
    /// The first instant after the latest takings, not after `to`, at which one is made.
    pub(super) fn next_taking(&self, to: i64) -> Option<i64> {
        let taken = self.taken_until?;
        let ranks = self.rules.ranks.iter().map(|rank| rank.every);
        let adapting =
            self.rules.campaigns.iter().filter_map(|campaign| campaign.adapt.as_ref()).map(|adapt| adapt.every);
        ranks.chain(adapting).map(|every| every.first_after(taken, self.rules)).min().filter(|at| *at <= to)
    }

    /// Makes the takings of an instant. Returns what is told, and who else has something else than before.
    pub(super) fn take(&mut self, at: i64) -> (Vec<OracleTold>, BTreeSet<String>) {
        let (mut told, mut concerned) = (Vec::new(), BTreeSet::new());
        let Some(taken) = self.taken_until.filter(|taken| *taken < at) else { return (told, concerned) };
        let rules = self.rules;
        for (place, rank) in rules.ranks.iter().enumerate() {
            if rank.every.first_after(taken, rules) == at {
                self.take_rank(place, at, &mut told, &mut concerned);
            }
        }
        self.adapt(taken, at);
        self.taken_until = Some(at);
        (told, concerned)
    }

    fn take_rank(&mut self, place: usize, at: i64, told: &mut Vec<OracleTold>, concerned: &mut BTreeSet<String>) {
        let rules = self.rules;
        let rank = &rules.ranks[place];
        let mut numbers: Vec<(String, OracleValue)> = Vec::new();
        for (id, user) in &self.users {
            let is_asked = rank.among.is_none_or(|segment| user.member_of[segment]);
            if is_asked && !self.is_expired(user, at.max(user.now)) {
                let scope = EvaluationScope { now: user.now.max(at), ..EvaluationScope::of_user(user, rules) };
                let value = scope.value(&rank.of);
                if matches!(value, OracleValue::Number(_) | OracleValue::Double(_)) {
                    numbers.push((id.clone(), value));
                }
            }
        }
        for (id, user) in &mut self.users {
            let own = numbers.iter().find(|(other, _)| other == id).map(|(_, value)| value);
            let found = own.map(|own| {
                let count = |operator| numbers.iter().filter(|(_, other)| other.compare(operator, own)).count();
                OracleRanking { larger: count(">"), smaller: count("<"), ranked: numbers.len() }
            });
            if user.rankings[place] != found {
                user.rankings[place] = found;
                user.nothing_before = super::BEGINNING;
                concerned.insert(id.clone());
            }
        }
        for (id, _) in &numbers {
            let user = &self.users[id];
            let scope = EvaluationScope { now: user.now.max(at), ..EvaluationScope::of_user(user, rules) };
            for (name, notice) in
                rules.names.iter().enumerate().filter_map(|(at, name)| Some((at, name.rank.as_ref()?)))
            {
                if notice.rank == place && notice.filter.as_ref().is_none_or(|filter| scope.holds(filter)) {
                    told.push(OracleTold {
                        name,
                        key: String::new(),
                        at,
                        message: format!("{}:{}", rules.name_ids[name], print_time(at)),
                        to: Vec::new(),
                        taken: Some(id.clone()),
                        lets: notice.lets.iter().map(|(id, term)| (id.clone(), scope.value(term))).collect(),
                    });
                }
            }
        }
    }
}

impl OracleUser {
    /// Takes over what came of a visitor, where nothing came of the user.
    pub(crate) fn merge_rankings(&mut self, visitor: &[Option<OracleRanking>]) {
        for (own, theirs) in self.rankings.iter_mut().zip(visitor) {
            *own = own.or(*theirs);
        }
    }
}

impl EvaluationScope<'_> {
    /// `rank`, `quantile` or `ranked` of a rank.
    pub(crate) fn ranking(&self, figure: &str, rank: &str) -> OracleValue {
        let place = self.rules.ranks.iter().position(|known| known.id == rank).expect("a rank of the rules");
        let Some(found) = self.user.rankings[place] else { return OracleValue::Missing };
        let number = |count| OracleValue::Number(OracleDecimal::whole(count));
        match figure {
            "rank" => number(found.larger + 1),
            "quantile" => number(found.smaller).arithmetic("/", &number(found.ranked)),
            _ => number(found.ranked),
        }
    }
}

/// An entry of `[[ranks]]`.
pub(super) fn rank(table: &Table, names: &[String], segments: &[String]) -> OracleRank {
    OracleRank {
        id: required(table, "id"),
        of: resolve::parse(&required(table, "of"), names, segments),
        among: string(table, "among").map(|id| position(segments, &id)),
        every: OracleInterval::parse(&required(table, "every")),
    }
}

/// A name that is told at takings.
pub(super) fn told_of_rank(table: &Table, names: &[String], ranks: &[String], segments: &[String]) -> OracleEventName {
    let term = |text: &str| resolve::parse(text, names, segments);
    let lets = table.get("let").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let notice = OracleRankNotice {
        rank: position(ranks, &required(table, "rank")),
        filter: string(table, "where").map(|text| term(&text)),
        lets: lets.iter().map(|(id, text)| (id.clone(), term(text.as_str().expect("a term")))).collect(),
    };
    OracleEventName { rank: Some(notice), ..OracleEventName::default() }
}
