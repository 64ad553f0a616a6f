//! Campaigns: which users get an action, and why others do not.

use std::cmp::Reverse;

use serde_json::{Map, Value as Json, json};

use super::budgets::OracleBooks;
use super::evaluate::EvaluationScope;
use super::expression::OracleExpression;
use super::history::OracleMatch;
use super::log::print_time;
use super::points::whole_points;
use super::rules::{OracleCampaign, OracleRules, OracleTrigger};
use super::share::{hmac_share, share};
use super::user::OracleUser;
use super::zone::OracleZone;

/// A decision that counts for `cooldown` and `max_per_user`.
#[derive(Clone)]
pub(crate) struct OracleExposure {
    pub(crate) campaign: usize,
    at: i64,
    sent: bool,
}

/// What set off a campaign.
#[derive(Clone)]
pub(crate) enum OracleCause {
    Change(OracleChange),
    Match(OracleMatchCause),
}

/// A change of a segment.
#[derive(Clone)]
pub(crate) struct OracleChange {
    pub(crate) segment: usize,
    pub(crate) enter: bool,
    /// The instance that changed it: index of the entry of `[per]`, and the key.
    pub(crate) instance: Option<(usize, String)>,
    pub(crate) at: i64,
}

/// A match, and what a draw for it depends on.
#[derive(Clone)]
pub(crate) struct OracleMatchCause {
    pub(crate) one: OracleMatch,
    pub(crate) text: String,
}

/// A decision that is deferred to the end of quiet hours.
#[derive(Clone)]
pub(crate) struct OracleDeferral {
    campaign: usize,
    cause: OracleCause,
    /// When it was deferred.
    at: i64,
    pub(crate) until: i64,
    zone: OracleZone,
}

/// A campaign that is to be decided.
#[derive(Clone)]
pub(crate) struct OracleQuestion {
    pub(crate) campaign: usize,
    pub(crate) cause: OracleCause,
    /// What was deferred before, when it is decided again.
    held: Option<Box<OracleDeferral>>,
}

/// The outcome, and until when it is deferred.
pub(crate) struct OracleDecision {
    outcome: &'static str,
    until: Option<i64>,
}

impl OracleDecision {
    pub(crate) fn of(outcome: &'static str) -> OracleDecision {
        OracleDecision { outcome, until: None }
    }
}

impl OracleCause {
    /// The instance whose change it is.
    pub(crate) fn instance(&self) -> Option<&(usize, String)> {
        match self {
            OracleCause::Change(change) => change.instance.as_ref(),
            OracleCause::Match(_) => None,
        }
    }

    fn sets_off(&self, trigger: &OracleTrigger) -> bool {
        match (self, trigger) {
            (OracleCause::Change(change), OracleTrigger::Change { segment, enter }) => {
                (change.segment, change.enter) == (*segment, *enter)
            }
            (OracleCause::Match(found), OracleTrigger::Match { name }) => found.one.name == *name,
            _ => false,
        }
    }

    fn draw_text(&self, rules: &OracleRules) -> String {
        match self {
            OracleCause::Match(found) => found.text.clone(),
            OracleCause::Change(change) => {
                let direction = if change.enter { "enter" } else { "exit" };
                let key = change.instance.as_ref().map(|(_, key)| format!(":{key}")).unwrap_or_default();
                format!("{}:{direction}:{}{key}", rules.segments[change.segment].id, print_time(change.at))
            }
        }
    }
}

impl OracleUser {
    /// Decides the campaigns that are set off.
    pub(crate) fn run_campaigns(&mut self, causes: &[OracleCause], rules: &OracleRules, journal: &mut Vec<Json>) {
        let mut order: Vec<usize> = (0..rules.campaigns.len()).collect();
        order.sort_by_key(|index| (Reverse(rules.campaigns[*index].priority), *index));
        for index in order {
            for cause in causes.iter().filter(|cause| cause.sets_off(&rules.campaigns[index].on)) {
                let question = OracleQuestion { campaign: index, cause: cause.clone(), held: None };
                if !rules.campaigns[index].spends.is_empty() {
                    self.ask(question);
                    continue;
                }
                let decision = self.decide(&question, rules, &OracleBooks::default());
                self.record(question, decision, rules, journal);
            }
        }
    }

    /// Decides the deferred decisions that are due now.
    pub(crate) fn release_deferred(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        let (mut due, waiting): (Vec<OracleDeferral>, Vec<OracleDeferral>) =
            self.deferred.drain(..).partition(|one| one.until <= self.now);
        self.deferred = waiting;
        due.sort_by_key(|one| (Reverse(rules.campaigns[one.campaign].priority), one.campaign));
        for held in due {
            let (campaign, cause) = (held.campaign, held.cause.clone());
            let question = OracleQuestion { campaign, cause, held: Some(Box::new(held)) };
            if !rules.campaigns[campaign].spends.is_empty() {
                self.ask(question);
                continue;
            }
            let decision = if self.still_holds(&question.cause) {
                self.decide(&question, rules, &OracleBooks::default())
            } else {
                OracleDecision::of("stale")
            };
            self.record(question, decision, rules, journal);
        }
    }

    /// Whether a segment is still as its change left it; for a match always.
    pub(crate) fn still_holds(&self, cause: &OracleCause) -> bool {
        let OracleCause::Change(change) = cause else { return true };
        let inside = match &change.instance {
            None => Some(self.member_of[change.segment]),
            Some(place) => self.instances.get(place).map(|instance| instance.member_of[change.segment]),
        };
        inside == Some(change.enter)
    }

    /// Decides a campaign, with budgets as the books say.
    pub(crate) fn decide(&self, question: &OracleQuestion, rules: &OracleRules, books: &OracleBooks) -> OracleDecision {
        let OracleQuestion { campaign: index, cause, held } = question;
        let (index, held) = (*index, held.as_deref());
        let campaign = &rules.campaigns[index];
        let age = match (held, cause) {
            (Some(held), _) => self.now - held.at,
            (None, OracleCause::Match(found)) => self.now - found.one.at,
            (None, OracleCause::Change(_)) => 0,
        };
        if age > campaign.expires {
            return OracleDecision::of("too_late");
        }
        if !self.consents_to(&campaign.needs) {
            return OracleDecision::of("no_consent");
        }
        let scope = EvaluationScope::caused(self, cause, rules);
        if campaign.condition.as_ref().is_some_and(|condition| !scope.holds(condition)) {
            return OracleDecision::of("condition");
        }
        let exposures: Vec<i64> = self.exposures.iter().filter(|one| one.campaign == index).map(|one| one.at).collect();
        if campaign.max_per_user.is_some_and(|max| exposures.len() >= max) {
            return OracleDecision::of("max_per_user");
        }
        let fired_for_key = scope.instance.and_then(|(_, instance)| instance.fired.get(&index)).copied();
        if campaign.max_per_key.is_some_and(|max| fired_for_key.unwrap_or(0) >= max) {
            return OracleDecision::of("max_per_key");
        }
        if campaign.cooldown.is_some_and(|cooldown| exposures.iter().any(|at| self.now - at < cooldown)) {
            return OracleDecision::of("cooldown");
        }
        let minds_quiet_hours = held.is_none_or(|held| held.zone != self.zone(rules));
        if let Some(until) =
            campaign.quiet_hours.and_then(|hours| self.quiet_until(hours, rules)).filter(|_| minds_quiet_hours)
        {
            let is_pending = self.deferred.iter().any(|one| one.campaign == index);
            if is_pending {
                return OracleDecision::of("pending");
            }
            return OracleDecision { until: Some(until), ..OracleDecision::of("deferred") };
        }
        if self.is_capped(campaign, rules) {
            return OracleDecision::of("capped");
        }
        if let Some(price) = &campaign.price {
            let amount = self.price(index, cause, rules);
            if amount.is_none_or(|amount| amount < 1 || amount > self.accounts[price.ledger].balance()) {
                return OracleDecision::of("insufficient");
            }
        }
        if !self.is_granted(question, rules, books) {
            return OracleDecision::of("budget");
        }
        let draw = || {
            let text = format!("chance:{}:{}:{}", campaign.id, self.id, cause.draw_text(rules));
            hmac_share(&rules.secret, &text)
        };
        if campaign.chance.is_some_and(|chance| draw() >= chance) {
            return OracleDecision::of("no_luck");
        }
        if campaign.price.is_some() {
            return OracleDecision::of("sent");
        }
        if share(&format!("control:{}", self.id)) < rules.control {
            return OracleDecision::of("control");
        }
        if share(&format!("holdout:{}:{}", campaign.id, self.id)) < campaign.holdout {
            return OracleDecision::of("holdout");
        }
        OracleDecision::of("sent")
    }

    /// What a campaign costs the user in whole points.
    fn price(&self, index: usize, cause: &OracleCause, rules: &OracleRules) -> Option<i128> {
        let price = rules.campaigns[index].price.as_ref()?;
        whole_points(&EvaluationScope::caused(self, cause, rules).value(&price.amount))
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

    /// Tells a decision, and counts it.
    pub(crate) fn record(
        &mut self,
        question: OracleQuestion,
        OracleDecision { outcome, until }: OracleDecision,
        rules: &OracleRules,
        journal: &mut Vec<Json>,
    ) {
        let shares = (outcome == "sent").then(|| self.shares(&question, rules)).flatten().unwrap_or_default();
        let OracleQuestion { campaign: index, cause, .. } = question;
        let campaign = &rules.campaigns[index];
        let asks = rules.tells_clauses && !matches!(outcome, "too_late" | "no_consent" | "stale");
        let condition = campaign.condition.as_ref().filter(|_| asks);
        let clauses = condition.map(|condition| EvaluationScope::caused(self, &cause, rules).clauses(condition));
        let fired = 1 + self.exposures.iter().filter(|one| one.campaign == index).count();
        let payload = (outcome == "sent").then(|| self.payload(index, &cause, fired, rules));
        if let Some(price) = &campaign.price
            && matches!(outcome, "no_luck" | "sent")
        {
            let amount = self.price(index, &cause, rules).expect("it was enough");
            self.pay(price.ledger, amount, rules, journal);
        }
        let mut line = json!({
            "kind": "decision", "user": self.id, "campaign": campaign.id, "outcome": outcome, "at": print_time(self.now),
        });
        if let Some(clauses) = clauses {
            line["clauses"] = json!(clauses);
        }
        if let Some((_, key)) = cause.instance() {
            line["key"] = json!(key);
        }
        if outcome == "sent" {
            line["channel"] = json!(campaign.channel);
            if let Some(variant) = self.variant(index, campaign) {
                line["variant"] = json!(variant);
            }
        }
        if matches!(outcome, "no_luck" | "sent" | "control" | "holdout") {
            self.exposures.push(OracleExposure { campaign: index, at: self.now, sent: outcome == "sent" });
            if let Some(instance) = cause.instance().and_then(|place| self.instances.get_mut(place)) {
                *instance.fired.entry(index).or_default() += 1;
            }
        }
        if let Some(until) = until {
            line["until"] = json!(print_time(until));
            let zone = self.zone(rules);
            self.deferred.push(OracleDeferral { campaign: index, cause, at: self.now, until, zone });
        }
        if matches!(outcome, "sent" | "control" | "holdout") {
            let variant = (outcome == "sent").then(|| self.variant(index, campaign)).flatten();
            self.expose(index, outcome, variant, rules);
        }
        if let Some(payload) = payload {
            line["payload"] = payload;
        }
        journal.push(line);
        if outcome == "sent" {
            self.take(shares, index, rules, journal);
        }
    }
}

impl OracleUser {
    /// What an action bears that is worked out: fields, and of a coupon its code.
    fn payload(&self, index: usize, cause: &OracleCause, fired: usize, rules: &OracleRules) -> Json {
        let scope = EvaluationScope::caused(self, cause, rules);
        let field = |(key, term): &(String, OracleExpression)| (key.clone(), scope.value(term).to_json());
        let mut fields: Map<String, Json> = rules.campaigns[index].payload.iter().map(field).collect();
        for offer in &rules.campaigns[index].offers {
            let key = cause.instance().map(|(_, key)| key);
            fields.insert(offer.field.clone(), self.offered(offer, key, rules));
        }
        if rules.campaigns[index].coupon.is_some() {
            fields.insert("coupon".to_owned(), json!({"code": rules.coupon_code(index, &self.id, fired)}));
        }
        Json::Object(fields)
    }
}

impl OracleUser {
    /// The variant that the user gets, by the weights that stand.
    fn variant<'c>(&self, index: usize, campaign: &'c OracleCampaign) -> Option<&'c str> {
        let weights: Vec<f64> = match self.weights.get(&index) {
            Some(weights) => weights.iter().map(|weight| *weight as f64 / 1_000.0).collect(),
            None => campaign.variants.iter().map(|(_, weight)| *weight).collect(),
        };
        let total: f64 = weights.iter().sum();
        let place = share(&format!("variant:{}:{}", campaign.id, self.id));
        let mut cumulative = 0.0;
        campaign.variants.iter().zip(weights).find_map(|((id, _), weight)| {
            cumulative += weight;
            (cumulative / total > place).then_some(id.as_str())
        })
    }
}
