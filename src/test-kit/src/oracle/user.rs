//! One user: all that happened to it, and what follows from that.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value as Json, json};

use super::adapt::OracleWeights;
use super::budgets::{OracleAsk, OracleBudgetChange, OracleReservation};
use super::campaign::{OracleCause, OracleChange, OracleDeferral, OracleExposure, OracleMatchCause};
use super::evaluate::{EvaluationScope, ScopedCall};
use super::goals::OracleTrial;
use super::groups::OracleTold;
use super::history::{OracleHistory, OracleMatch};
use super::instance::OracleInstance;
use super::log::{OracleCall, OracleCallType, print_time};
use super::models::OraclePurchase;
use super::partners::{OracleSaying, OracleSharing};
use super::picks::{OraclePickIndex, OracleTouches};
use super::points::OracleAccount;
use super::ranks::OracleRanking;
use super::rules::{OracleEventName, OracleRules, OracleSegment};

/// The elements of an array that `each` looks at.
const ELEMENTS_MAX: usize = 1_000;

/// A user, or a visitor not yet linked to one.
#[derive(Clone)]
pub(crate) struct OracleUser {
    pub(crate) id: String,
    pub(crate) now: i64,
    pub(crate) history: OracleHistory,
    /// By index of the entry of `[per]`, and key.
    pub(crate) instances: BTreeMap<(usize, String), OracleInstance>,
    /// The latest traits, an object; a null is a value.
    pub(crate) traits: Json,
    /// When the latest identify call happened.
    identified: Option<i64>,
    /// All that its calls said about consent.
    pub(crate) sayings: Vec<OracleSaying>,
    /// What partners were told about it, and no end of it.
    pub(crate) shared: Vec<OracleSharing>,
    /// By segment; of those without `per`.
    pub(crate) member_of: Vec<bool>,
    pub(crate) exposures: Vec<OracleExposure>,
    pub(crate) deferred: Vec<OracleDeferral>,
    /// What goals count of it.
    pub(crate) trials: Vec<OracleTrial>,
    /// By ledger.
    pub(crate) accounts: Vec<OracleAccount>,
    /// What each model counts, in the order of arrival.
    pub(crate) purchases: Vec<Vec<OraclePurchase>>,
    /// What came of it at the latest takings, by rank.
    pub(crate) rankings: Vec<Option<OracleRanking>>,
    /// The weights of variants that stand.
    pub(crate) weights: OracleWeights,
    /// Whether a decision has spent points since segments were evaluated.
    pub(crate) has_paid: bool,
    /// What waits for the end of a beat.
    pub(crate) asks: Vec<OracleAsk>,
    pub(crate) reservations: Vec<OracleReservation>,
    /// What it has changed in budgets and is not entered in the books.
    pub(crate) budget_changes: Vec<OracleBudgetChange>,
    /// The end of the beat in which what happens now happens; `None`: what is due happens in the beat of its own time.
    pub(crate) log_beat: Option<i64>,
    /// Until when time is known to change nothing.
    pub(crate) nothing_before: i64,
    /// Index of the entry of `[groups]`, of a group.
    pub(crate) group: Option<usize>,
    /// What it has told and users do not know.
    pub(crate) told: Vec<OracleTold>,
    /// The matches of its latest event, until they are brought to groups.
    pub(crate) brought: Vec<OracleMatch>,
    /// What it touched, for each list of picks.
    pub(crate) touches: Vec<OracleTouches>,
    /// What stands of each list.
    pub(crate) pick_indexes: Rc<Vec<OraclePickIndex>>,
    /// Accepted messageIds, and the user's clock when each was.
    messages: Vec<(String, i64)>,
    /// The `context.timezone` that arrived last, and which arrival that was.
    pub(crate) context_zone: Option<(usize, String)>,
}

impl OracleUser {
    pub(crate) fn new(id: &str, rules: &OracleRules) -> OracleUser {
        OracleUser {
            id: id.to_owned(),
            now: super::BEGINNING,
            history: OracleHistory::default(),
            instances: BTreeMap::new(),
            traits: Json::Object(Map::new()),
            identified: None,
            sayings: Vec::new(),
            shared: Vec::new(),
            member_of: vec![false; rules.segments.len()],
            exposures: Vec::new(),
            deferred: Vec::new(),
            trials: Vec::new(),
            accounts: vec![OracleAccount::default(); rules.ledgers.len()],
            purchases: vec![Vec::new(); rules.models.len()],
            rankings: vec![None; rules.ranks.len()],
            weights: OracleWeights::default(),
            has_paid: false,
            asks: Vec::new(),
            reservations: Vec::new(),
            budget_changes: Vec::new(),
            log_beat: None,
            nothing_before: super::BEGINNING,
            group: None,
            told: Vec::new(),
            brought: Vec::new(),
            touches: vec![OracleTouches::default(); rules.picks.len()],
            pick_indexes: Rc::new(Vec::new()),
            messages: Vec::new(),
            context_zone: None,
        }
    }

    /// Whether the call's messageId was already accepted less than the dedup window before `now`.
    pub(crate) fn is_duplicate(&self, call: &OracleCall, now: i64, rules: &OracleRules) -> bool {
        let Some(message) = &call.message else { return false };
        self.messages.iter().any(|(id, accepted)| id == message && *accepted > now - rules.dedup_window)
    }

    /// Evaluates at every instant up to and including `until` at which something could change.
    pub(crate) fn advance(&mut self, rules: &OracleRules, until: i64, journal: &mut Vec<Json>) {
        while self.now < until || self.next_due(rules).is_some_and(|due| due <= until) {
            self.advance_to_an_ask(rules, until, journal);
        }
    }

    /// The same, until a campaign is set off that waits for the end of a beat.
    pub(crate) fn advance_to_an_ask(&mut self, rules: &OracleRules, until: i64, journal: &mut Vec<Json>) {
        if until < self.nothing_before {
            self.now = self.now.max(until);
            return;
        }
        let asked = self.asks.len();
        let mut instants = self.change_instants(rules, until);
        loop {
            let due =
                self.next_due(rules).filter(|due| *due <= until).into_iter().chain(instants.first().copied()).min();
            let Some(due) = due else { break };
            let lines = journal.len();
            self.now = self.now.max(due);
            self.forget_keys(rules, journal);
            self.release(rules, journal);
            self.expire_points(rules, journal);
            self.evaluate(&[], rules, journal);
            self.release_deferred(rules, journal);
            self.evaluate_what_payments_change(rules, journal);
            self.mature(rules, journal);
            // A change may move others: `keys_in` may stand beside what moves with time.
            if journal.len() > lines {
                instants = self.change_instants(rules, until);
            }
            instants.retain(|instant| *instant > self.now);
            if self.asks.len() > asked {
                return;
            }
        }
        self.now = self.now.max(until);
    }

    /// Finds out until when, at most to a horizon, time changes nothing.
    pub(crate) fn look_ahead(&mut self, rules: &OracleRules, horizon: i64) {
        let instants = self.change_instants(rules, horizon);
        self.nothing_before = instants.first().copied().into_iter().chain(self.next_due(rules)).fold(horizon, i64::min);
    }

    /// When the first of what has an instant of its own is due.
    pub(crate) fn next_due(&self, rules: &OracleRules) -> Option<i64> {
        let (deferred, reserved) =
            (self.deferred.iter().map(|one| one.until), self.reservations.iter().map(|one| one.due));
        let others = self.next_forgetting(rules).into_iter().chain(self.next_expiry()).chain(self.next_maturity(rules));
        deferred.chain(reserved).chain(others).min()
    }

    /// The instants after now and up to `until` at which time alone could change a segment.
    pub(super) fn change_instants(&self, rules: &OracleRules, until: i64) -> BTreeSet<i64> {
        let mut instants = BTreeSet::new();
        if until > self.now {
            for segment in &rules.segments {
                for scope in self.scopes(segment, rules) {
                    scope.collect_instants(&segment.when, until, &mut instants);
                }
            }
        }
        instants
    }

    /// What a segment is evaluated on: the user, or each of its instances in the order of their keys.
    pub(crate) fn scopes<'a>(&'a self, segment: &OracleSegment, rules: &'a OracleRules) -> Vec<EvaluationScope<'a>> {
        if segment.of != self.group {
            return Vec::new();
        }
        let of_user = EvaluationScope::of_user(self, rules);
        let Some(per) = segment.per else { return vec![of_user] };
        let instances = self.keys(per).map(|(key, instance)| Some((key.as_str(), instance)));
        instances.map(|instance| EvaluationScope { instance, ..of_user }).collect()
    }

    /// Adds an event to the state, at its own time, and evaluates.
    pub(crate) fn accept(
        &mut self,
        call: OracleCall,
        now: i64,
        arrival: usize,
        rules: &OracleRules,
        journal: &mut Vec<Json>,
    ) {
        self.now = now;
        let matches = self.matches(&call, arrival, rules);
        self.brought = matches.clone();
        if call.kind == OracleCallType::Identify {
            self.learn(call.traits, call.at);
        }
        self.hear(&call.context, call.at);
        self.history.times.push(call.at);
        let mut causes: Vec<OracleMatchCause> = Vec::new();
        for one in &matches {
            self.history.add(one.clone());
            self.count_purchase(one, rules);
            self.touch_keys(one, rules, journal);
        }
        self.touch_items(&matches, rules);
        self.settle(&matches, rules, journal);
        self.move_points(&matches, rules, journal);
        for one in matches {
            self.count_for_goals(&one, rules);
            let earlier = causes.iter().filter(|cause| cause.one.name == one.name).count();
            let ordinal = if earlier > 0 { format!("#{}", earlier + 1) } else { String::new() };
            let event = call.message.clone().unwrap_or_else(|| print_time(call.at));
            causes.push(OracleMatchCause { one, text: event + &ordinal });
        }
        self.messages.extend(call.message.map(|id| (id, now)));
        if let Some(zone) = call.context.get("timezone").and_then(Json::as_str) {
            self.context_zone = Some((arrival, zone.to_owned()));
        }
        let causes: Vec<OracleCause> = causes.into_iter().map(OracleCause::Match).collect();
        self.evaluate(&causes, rules, journal);
    }

    /// The matches of an event, by file order of the names, then by the array's.
    fn matches(&self, call: &OracleCall, arrival: usize, rules: &OracleRules) -> Vec<OracleMatch> {
        let mut matches = Vec::new();
        for (index, name) in rules.names.iter().enumerate() {
            let is_of_name = name.notice.is_none()
                && name.rank.is_none()
                && name.kind == call.kind
                && (name.kind != OracleCallType::Track || name.event.is_none() || name.event == call.event);
            if !is_of_name {
                continue;
            }
            let items: Vec<Option<&Json>> = match &name.each {
                None => vec![None],
                Some(path) => {
                    let array = path.iter().try_fold(&call.properties, |json, key| json.as_object()?.get(key));
                    let elements = array.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
                    elements.iter().take(ELEMENTS_MAX).filter(|item| item.is_object()).map(Some).collect()
                }
            };
            matches.extend(items.into_iter().filter_map(|item| self.match_of(index, call, item, arrival, rules)));
        }
        matches
    }

    fn match_of(
        &self,
        name: usize,
        call: &OracleCall,
        item: Option<&Json>,
        arrival: usize,
        rules: &OracleRules,
    ) -> Option<OracleMatch> {
        let seen = ScopedCall { properties: &call.properties, context: &call.context, item };
        let scope = EvaluationScope { call: Some(seen), ..EvaluationScope::of_user(self, rules) };
        let OracleEventName { filter, lets, .. } = &rules.names[name];
        if filter.as_ref().is_some_and(|filter| !scope.holds(filter)) {
            return None;
        }
        let mut one = OracleMatch::new(call.at, arrival, name, call.properties.clone());
        one.item = item.cloned();
        one.lets = lets.iter().map(|(id, term)| (id.clone(), scope.value(term))).collect();
        Some(one)
    }

    /// Evaluates at `now`, and again as long as decisions spend points.
    pub(crate) fn evaluate(&mut self, matches: &[OracleCause], rules: &OracleRules, journal: &mut Vec<Json>) {
        self.evaluate_once(matches, rules, journal);
        self.evaluate_what_payments_change(rules, journal);
    }

    pub(crate) fn evaluate_what_payments_change(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        while std::mem::take(&mut self.has_paid) {
            self.evaluate_once(&[], rules, journal);
        }
    }

    /// Evaluates every segment once, at `now`, and decides the campaigns that its changes and the matches set off.
    fn evaluate_once(&mut self, matches: &[OracleCause], rules: &OracleRules, journal: &mut Vec<Json>) {
        self.nothing_before = super::BEGINNING;
        let mut causes = Vec::new();
        for (index, segment) in rules.segments.iter().enumerate() {
            let is_inside = |scope: EvaluationScope<'_>| {
                let place = segment.per.zip(scope.instance.map(|(key, _)| key.to_owned()));
                (place, scope.holds(&segment.when))
            };
            let values: Vec<_> = self.scopes(segment, rules).into_iter().map(is_inside).collect();
            for (instance, enter) in values {
                let members = match &instance {
                    None => &mut self.member_of,
                    Some(place) => &mut self.instances.get_mut(place).expect("it was evaluated").member_of,
                };
                if members[index] == enter {
                    continue;
                }
                members[index] = enter;
                let mut line = json!({
                    "kind": "transition", "segment": segment.id,
                    "change": if enter { "enter" } else { "exit" }, "at": print_time(self.now),
                });
                match self.group {
                    Some(kind) => (line["of"], line["key"]) = (json!(rules.groups[kind].id), json!(self.id)),
                    None => line["user"] = json!(self.id),
                }
                if let Some((_, key)) = &instance {
                    line["key"] = json!(key);
                }
                journal.push(line);
                self.note_told(index, enter, rules);
                causes.push(OracleCause::Change(OracleChange { segment: index, enter, instance, at: self.now }));
            }
        }
        self.tell_partners(rules, journal);
        causes.extend_from_slice(matches);
        self.run_campaigns(&causes, rules, journal);
    }

    /// Adds the past of a visitor whose clock is at the same instant.
    pub(crate) fn merge(&mut self, visitor: OracleUser, rules: &OracleRules) {
        self.history.merge(visitor.history);
        self.merge_keys(visitor.instances, rules);
        self.messages.extend(visitor.messages);
        self.sayings.extend(visitor.sayings);
        self.exposures.extend(visitor.exposures);
        self.merge_trials(visitor.trials);
        self.merge_points(visitor.accounts);
        self.merge_purchases(visitor.purchases);
        self.merge_rankings(&visitor.rankings);
        self.merge_touches(visitor.touches, rules);
        self.reservations.extend(visitor.reservations);
        self.budget_changes.extend(visitor.budget_changes);
        self.context_zone = self.context_zone.take().or(visitor.context_zone);
        self.identified = self.identified.max(visitor.identified);
        let (Json::Object(own), Json::Object(theirs)) = (&mut self.traits, visitor.traits) else { return };
        for (key, value) in theirs {
            own.entry(key).or_insert(value);
        }
    }

    /// An identify call that is older than the latest adds only what is not there.
    fn learn(&mut self, traits: Map<String, Json>, at: i64) {
        let Json::Object(known) = &mut self.traits else { return };
        let is_old = self.identified.is_some_and(|latest| at < latest);
        self.identified = self.identified.max(Some(at));
        for (key, value) in traits {
            if !(is_old && known.contains_key(&key)) {
                known.insert(key, value);
            }
        }
    }
}
