//! One user: everything that ever happened to them, and what follows from it.

use serde_json::{Map, Value as Json, json};

use super::campaign::{Fired, Held};
use super::evaluate::Scene;
use super::log::{Call, CallType, print_time};
use super::rules::{Name, Rules};

/// An accepted event.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When it happened, UTC milliseconds.
    pub(crate) at: i64,
    /// Its place in the log, which breaks ties of time.
    pub(crate) arrival: usize,
    /// The names it goes by.
    pub(crate) names: Vec<usize>,
    pub(crate) properties: Json,
}

/// A user, or a visitor not yet linked to one.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) now: i64,
    pub(crate) entries: Vec<Entry>,
    /// The latest traits, an object; null is there.
    pub(crate) traits: Json,
    /// When the latest identify call happened.
    identified: Option<i64>,
    pub(crate) member_of: Vec<bool>,
    pub(crate) fired: Vec<Fired>,
    pub(crate) held: Vec<Held>,
    /// Accepted messageIds, and the user's clock when each was.
    messages: Vec<(String, i64)>,
    /// The `context.timezone` that arrived last, and which arrival that was.
    pub(crate) context_zone: Option<(usize, String)>,
}

impl User {
    pub(crate) fn new(id: &str, rules: &Rules) -> User {
        User {
            id: id.to_owned(),
            now: super::BEGINNING,
            entries: Vec::new(),
            traits: Json::Object(Map::new()),
            identified: None,
            member_of: vec![false; rules.segments.len()],
            fired: Vec::new(),
            held: Vec::new(),
            messages: Vec::new(),
            context_zone: None,
        }
    }

    /// Whether the call's messageId was already accepted less than the dedup window before `now`.
    pub(crate) fn is_duplicate(&self, call: &Call, now: i64, rules: &Rules) -> bool {
        let Some(message) = &call.message else { return false };
        self.messages.iter().any(|(id, accepted)| id == message && *accepted > now - rules.dedup_window)
    }

    /// Fires everything due up to and including `until`, each at its own time.
    pub(crate) fn advance(&mut self, rules: &Rules, until: i64, journal: &mut Vec<Json>) {
        let mut instants = rules.clockwork.instants(&self.entries, self.now, until);
        loop {
            let release = self.held.iter().map(|held| held.until).filter(|release| *release <= until).min();
            let Some(due) = instants.first().copied().into_iter().chain(release).min() else { break };
            instants.remove(&due);
            self.now = self.now.max(due);
            self.evaluate(rules, journal);
            self.release_held(rules, journal);
        }
        self.now = self.now.max(until);
    }

    /// Adds an event to the state, at its own time.
    pub(crate) fn accept(&mut self, call: Call, now: i64, arrival: usize, rules: &Rules) {
        let scene = Scene { user: self, now, event: (&call.properties, &call.context) };
        let goes_by = |name: &Name| {
            name.kind == call.kind
                && (name.kind != CallType::Track || name.event.is_none() || name.event == call.event)
                && name.filter.as_ref().is_none_or(|filter| scene.holds(filter))
        };
        let names = (0..rules.names.len()).filter(|index| goes_by(&rules.names[*index])).collect();
        self.now = now;
        self.entries.push(Entry { at: call.at, arrival, names, properties: call.properties });
        self.messages.extend(call.message.map(|id| (id, now)));
        if call.kind == CallType::Identify {
            self.learn(call.traits, call.at);
        }
        if let Some(zone) = call.context.get("timezone").and_then(Json::as_str) {
            self.context_zone = Some((arrival, zone.to_owned()));
        }
    }

    /// Evaluates every segment once, at `now`, and decides the campaigns that the changes set off.
    pub(crate) fn evaluate(&mut self, rules: &Rules, journal: &mut Vec<Json>) {
        let mut changed = Vec::new();
        for (index, segment) in rules.segments.iter().enumerate() {
            let inside = Scene { user: self, now: self.now, event: (&Json::Null, &Json::Null) }.holds(&segment.when);
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

    /// Takes over the past of a visitor whose clock stands at the same time.
    pub(crate) fn absorb(&mut self, visitor: User) {
        self.entries.extend(visitor.entries);
        self.messages.extend(visitor.messages);
        self.fired.extend(visitor.fired);
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
