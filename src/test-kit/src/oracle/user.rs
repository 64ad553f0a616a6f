//! One user: all its accepted events, and what follows from them.

use serde_json::{Map, Value as Json, json};

use super::campaign::{OracleDeferral, OracleExposure};
use super::evaluate::EvaluationScope;
use super::log::{OracleCall, OracleCallType, print_time};
use super::rules::{OracleEventName, OracleRules};

/// An accepted event.
#[derive(Clone, Debug)]
pub(crate) struct OracleEvent {
    /// When it happened, UTC milliseconds.
    pub(crate) at: i64,
    /// Its place in the log, which breaks ties of time.
    pub(crate) arrival: usize,
    /// Indexes of the names that it matches.
    pub(crate) names: Vec<usize>,
    pub(crate) properties: Json,
}

/// A user, or a visitor not yet linked to one.
#[derive(Clone)]
pub(crate) struct OracleUser {
    pub(crate) id: String,
    pub(crate) now: i64,
    pub(crate) entries: Vec<OracleEvent>,
    /// The latest traits, an object; a null is a value.
    pub(crate) traits: Json,
    /// When the latest identify call happened.
    identified: Option<i64>,
    pub(crate) member_of: Vec<bool>,
    pub(crate) exposures: Vec<OracleExposure>,
    pub(crate) deferred: Vec<OracleDeferral>,
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
            entries: Vec::new(),
            traits: Json::Object(Map::new()),
            identified: None,
            member_of: vec![false; rules.segments.len()],
            exposures: Vec::new(),
            deferred: Vec::new(),
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
        let mut instants = rules.change_instants.instants(&self.entries, self.now, until);
        loop {
            let release = self.deferred.iter().map(|one| one.until).filter(|release| *release <= until).min();
            let Some(due) = instants.first().copied().into_iter().chain(release).min() else { break };
            instants.remove(&due);
            self.now = self.now.max(due);
            self.evaluate(rules, journal);
            self.release_deferred(rules, journal);
        }
        self.now = self.now.max(until);
    }

    /// Adds an event to the state, at its own time.
    pub(crate) fn accept(&mut self, call: OracleCall, now: i64, arrival: usize, rules: &OracleRules) {
        let scene = EvaluationScope { user: self, now, event: (&call.properties, &call.context) };
        let matches = |name: &OracleEventName| {
            name.kind == call.kind
                && (name.kind != OracleCallType::Track || name.event.is_none() || name.event == call.event)
                && name.filter.as_ref().is_none_or(|filter| scene.holds(filter))
        };
        let names = (0..rules.names.len()).filter(|index| matches(&rules.names[*index])).collect();
        self.now = now;
        self.entries.push(OracleEvent { at: call.at, arrival, names, properties: call.properties });
        self.messages.extend(call.message.map(|id| (id, now)));
        if call.kind == OracleCallType::Identify {
            self.learn(call.traits, call.at);
        }
        if let Some(zone) = call.context.get("timezone").and_then(Json::as_str) {
            self.context_zone = Some((arrival, zone.to_owned()));
        }
    }

    /// Evaluates every segment once, at `now`, and decides the campaigns that the transitions trigger.
    pub(crate) fn evaluate(&mut self, rules: &OracleRules, journal: &mut Vec<Json>) {
        let mut changed = Vec::new();
        for (index, segment) in rules.segments.iter().enumerate() {
            let inside =
                EvaluationScope { user: self, now: self.now, event: (&Json::Null, &Json::Null) }.holds(&segment.when);
            if inside == self.member_of[index] {
                continue;
            }
            self.member_of[index] = inside;
            changed.push(index);
            journal.push(json!({
                "kind": "transition", "user": self.id, "segment": segment.id,
                "change": if inside { "enter" } else { "exit" }, "at": print_time(self.now),
            }));
        }
        self.run_campaigns(&changed, rules, journal);
    }

    /// Adds the past of a visitor whose clock is at the same instant.
    pub(crate) fn merge(&mut self, visitor: OracleUser) {
        self.entries.extend(visitor.entries);
        self.messages.extend(visitor.messages);
        self.exposures.extend(visitor.exposures);
        self.context_zone = self.context_zone.take().max(visitor.context_zone);
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
