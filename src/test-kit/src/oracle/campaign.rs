//! Campaigns: which users get an action, and why others do not.

use std::cmp::Reverse;

use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan, civil};
use regex::Regex;
use serde_json::{Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

use super::evaluate::EvaluationScope;
use super::log::print_time;
use super::rules::{OracleCampaign, OracleRules};
use super::user::OracleUser;

/// A decision `sent`, `control` or `holdout`.
#[derive(Clone)]
pub(crate) struct OracleExposure {
    campaign: usize,
    at: i64,
    sent: bool,
}

/// A decision that is deferred to the end of quiet hours.
#[derive(Clone)]
pub(crate) struct OracleDeferral {
    campaign: usize,
    pub(crate) until: i64,
    zone: OracleZone,
}

impl OracleUser {
    /// Decides the campaigns that the changed segments trigger.
    pub(crate) fn run_campaigns(&mut self, changed: &[usize], rules: &OracleRules, journal: &mut Vec<Json>) {
        let is_triggered = |campaign: &OracleCampaign| {
            changed.contains(&campaign.segment) && self.member_of[campaign.segment] == campaign.enter
        };
        let mut due: Vec<usize> =
            (0..rules.campaigns.len()).filter(|index| is_triggered(&rules.campaigns[*index])).collect();
        due.sort_by_key(|index| (Reverse(rules.campaigns[*index].priority), *index));
        for index in due {
            let decision = self.decide(index, None, rules);
            self.record(index, decision, rules, journal);
        }
    }

    /// Decides the deferred decisions that are due now.
    pub(crate) fn release_deferred(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        let (mut due, waiting): (Vec<OracleDeferral>, Vec<OracleDeferral>) =
            self.deferred.drain(..).partition(|one| one.until <= self.now);
        self.deferred = waiting;
        due.sort_by_key(|one| (Reverse(rules.campaigns[one.campaign].priority), one.campaign));
        for OracleDeferral { campaign: index, zone, .. } in due {
            let campaign = &rules.campaigns[index];
            let is_still_member = self.member_of[campaign.segment] == campaign.enter;
            let decision = if is_still_member { self.decide(index, Some(&zone), rules) } else { ("stale", None) };
            self.record(index, decision, rules, journal);
        }
    }

    /// The outcome, and until when it is deferred. `deferred_in`: for a deferred decision, the zone in which it was deferred.
    fn decide(
        &self,
        index: usize,
        deferred_in: Option<&OracleZone>,
        rules: &OracleRules,
    ) -> (&'static str, Option<i64>) {
        let campaign = &rules.campaigns[index];
        let scene = EvaluationScope { user: self, now: self.now, event: (&Json::Null, &Json::Null) };
        if campaign.condition.as_ref().is_some_and(|condition| !scene.holds(condition)) {
            return ("condition", None);
        }
        let exposures: Vec<i64> = self.exposures.iter().filter(|one| one.campaign == index).map(|one| one.at).collect();
        if campaign.max_per_user.is_some_and(|max| exposures.len() >= max) {
            return ("max_per_user", None);
        }
        if campaign.cooldown.is_some_and(|cooldown| exposures.iter().any(|at| self.now - at < cooldown)) {
            return ("cooldown", None);
        }
        let minds_quiet_hours = deferred_in.is_none_or(|zone| *zone != self.zone(rules));
        if let Some(until) =
            campaign.quiet_hours.and_then(|hours| self.quiet_until(hours, rules)).filter(|_| minds_quiet_hours)
        {
            let is_pending = self.deferred.iter().any(|one| one.campaign == index);
            return if is_pending { ("pending", None) } else { ("deferred", Some(until)) };
        }
        if self.is_capped(campaign, rules) {
            return ("capped", None);
        }
        if share(&format!("control:{}", self.id)) < rules.control {
            return ("control", None);
        }
        if share(&format!("holdout:{}:{}", campaign.id, self.id)) < campaign.holdout {
            return ("holdout", None);
        }
        ("sent", None)
    }

    fn is_capped(&self, campaign: &OracleCampaign, rules: &OracleRules) -> bool {
        rules.caps.iter().filter(|cap| cap.channel.as_ref().is_none_or(|channel| *channel == campaign.channel)).any(
            |cap| {
                let counts = |exposure: &&OracleExposure| {
                    let channel = &rules.campaigns[exposure.campaign].channel;
                    exposure.sent
                        && exposure.at > self.now - cap.per
                        && cap.channel.as_ref().is_none_or(|only| only == channel)
                };
                self.exposures.iter().filter(counts).count() >= cap.max
            },
        )
    }

    fn record(
        &mut self,
        index: usize,
        decision: (&'static str, Option<i64>),
        rules: &OracleRules,
        journal: &mut Vec<Json>,
    ) {
        let (campaign, (outcome, until)) = (&rules.campaigns[index], decision);
        let mut line = json!({
            "kind": "decision", "user": self.id, "campaign": campaign.id, "outcome": outcome, "at": print_time(self.now),
        });
        if let Some(until) = until {
            line["until"] = json!(print_time(until));
            self.deferred.push(OracleDeferral { campaign: index, until, zone: self.zone(rules) });
        }
        if outcome == "sent" {
            line["channel"] = json!(campaign.channel);
            if let Some(variant) = variant(campaign, &self.id) {
                line["variant"] = json!(variant);
            }
        }
        if matches!(outcome, "sent" | "control" | "holdout") {
            self.exposures.push(OracleExposure { campaign: index, at: self.now, sent: outcome == "sent" });
        }
        journal.push(line);
    }

    /// The end of the quiet hours the user is in, if in any.
    fn quiet_until(&self, (start, end): (i64, i64), rules: &OracleRules) -> Option<i64> {
        let zone = self.zone(rules).clock();
        let local = Timestamp::from_millisecond(self.now).expect("the clock is a call's").to_zoned(zone.clone());
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        let quiet = if start < end { start <= minute && minute < end } else { start <= minute || minute < end };
        if !quiet {
            return None;
        }
        let end_of_day = |day: i64| {
            let date = local.date().checked_add(day.days()).expect("a day beside a call's is a date");
            date.at(i8::try_from(end / 60).expect("an hour"), i8::try_from(end % 60).expect("a minute"), 0, 0)
        };
        (-1..=2).flat_map(|day| instants_of(end_of_day(day), &zone)).filter(|instant| *instant > self.now).min()
    }

    fn zone(&self, rules: &OracleRules) -> OracleZone {
        let by_trait = self.traits.get("timezone").and_then(Json::as_str);
        let by_context = self.context_zone.as_ref().map(|(_, zone)| zone.as_str());
        let of_rules = || OracleZone::parse(&rules.timezone).expect("the rules' zone is known");
        by_trait.or(by_context).and_then(OracleZone::parse).unwrap_or_else(of_rules)
    }
}

/// A time zone.
#[derive(Clone, PartialEq)]
enum OracleZone {
    Named(String),
    /// Minutes ahead of UTC.
    Fixed(i32),
}

impl OracleZone {
    fn parse(name: &str) -> Option<OracleZone> {
        let upper = name.to_ascii_uppercase();
        if upper == "ETC/UNKNOWN" || upper == "FACTORY" {
            return None;
        }
        let bare = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper);
        let offset = Regex::new(r"^([+\-\x{2212}])([01]?[0-9]|2[0-3])(:?([0-5][0-9]))?$").expect("it is sound");
        if let Some(parts) = offset.captures(bare) {
            let number = |group| parts.get(group).map_or(0, |digits| digits.as_str().parse::<i32>().expect("digits"));
            let minutes = number(2) * 60 + number(4);
            return Some(OracleZone::Fixed(if &parts[1] == "+" { minutes } else { -minutes }));
        }
        let zone = TimeZone::get(name).ok()?;
        zone.iana_name().map(|name| OracleZone::Named(name.to_owned()))
    }

    fn clock(&self) -> TimeZone {
        match self {
            OracleZone::Named(name) => TimeZone::get(name).expect("it was found before"),
            OracleZone::Fixed(minutes) => TimeZone::fixed(Offset::from_seconds(minutes * 60).expect("less than a day")),
        }
    }
}

/// The instants of a local time: two where clocks are set back over it, shifted where they skip it.
fn instants_of(local: civil::DateTime, zone: &TimeZone) -> Vec<i64> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let instants = match ambiguous.offset() {
        AmbiguousOffset::Fold { .. } => vec![ambiguous.earlier(), ambiguous.later()],
        _ => vec![ambiguous.compatible()],
    };
    instants.into_iter().flatten().map(Timestamp::as_millisecond).collect()
}

/// The hash of a key as a number from 0 to 1.
fn share(key: &str) -> f64 {
    xxh3_64(key.as_bytes()) as f64 / 2f64.powi(64)
}

fn variant<'c>(campaign: &'c OracleCampaign, user: &str) -> Option<&'c str> {
    let total: f64 = campaign.variants.iter().map(|(_, weight)| weight).sum();
    let place = share(&format!("variant:{}:{user}", campaign.id));
    let mut cumulative = 0.0;
    campaign.variants.iter().find_map(|(id, weight)| {
        cumulative += weight;
        (cumulative / total > place).then_some(id.as_str())
    })
}
