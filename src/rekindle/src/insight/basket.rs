//! What is bought together, and looked at together: the products of completed orders, and those of sessions.
//!
//! An order's basket is the products it lists (`properties.products`), or its own where it lists none. A session's basket
//! is the products that were looked at, put into the cart or bought in it: of every event that names one (other than
//! `Product Removed`, which takes none out either), and of its orders. A visitor's session goes on under the id of the user
//! who the visitor turns out to be: with the user's own it is one basket where the gap between the two is no longer than that
//! of a session, and else a basket by itself. A user's own events alone decide where a session ends, so those under way are
//! kept until the user's next, or to the end.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::Serialize;
use serde_json::Value;

use rekindle_core::growth::models::{Baskets, PairFigures, PairRule};
use rekindle_core::growth::{Sale, Sighting};
use rekindle_core::time::{Span, Timestamp};

type Hasher = foldhash::fast::FixedState;

/// Room for different items, and for different pairs, unless said otherwise.
pub const ITEMS_ROOM: usize = 1_000_000;
/// See [`ITEMS_ROOM`].
pub const PAIRS_ROOM: usize = 4_000_000;

/// Counts baskets.
#[derive(Debug)]
pub struct BasketCounter {
    /// The property that says which product it is.
    key: String,
    /// The same, as it stands in an event's text.
    quoted: Vec<u8>,
    names: Names,
    orders: Baskets,
    sessions: Baskets,
    open: HashMap<Arc<str>, Open, Hasher>,
    gap: Span,
}

/// A session under way.
#[derive(Debug)]
struct Open {
    position: u64,
    first: Timestamp,
    last: Timestamp,
    items: Vec<u32>,
}

#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32, Hasher>,
    /// By number: the item, and its name where the first event with it had one.
    items: Vec<(Arc<str>, Option<Box<str>>)>,
}

/// The pairs of one kind of baskets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BasketReport {
    /// `orders` or `sessions`.
    pub of: &'static str,
    /// How many baskets there were.
    pub baskets: u64,
    /// How many different items.
    pub items: usize,
    /// By how much baskets with an item may be more than is told; 0: the counts are exact.
    pub items_error: u64,
    /// By how much baskets with a pair may be more than is told; 0: the counts are exact.
    pub pairs_error: u64,
    /// Baskets with more than 1,000 different items, of which only the first 1,000 were looked at.
    pub cut_baskets: u64,
    /// How many pairs the items could make: each is a test, and what is significant must be so among so many.
    pub possible_pairs: u64,
    /// Each pair once, likeliest first: by lift, then by the number of baskets.
    pub rules: Vec<NamedRule>,
}

/// "Who has `item` also has `with`", with what they are called; of two items the way that holds more often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedRule {
    /// What is there.
    pub item: Arc<str>,
    /// What is there with it.
    pub with: Arc<str>,
    /// What the first is called, where its events say.
    pub item_name: Option<Box<str>>,
    /// What the second is called.
    pub with_name: Option<Box<str>>,
    /// How often, and what of it is more than chance.
    #[serde(flatten)]
    pub figures: PairFigures,
}

/// What a rule must come to.
#[derive(Clone, Copy, Debug)]
pub struct Least {
    /// The least number of baskets with both.
    pub baskets: u64,
    /// The least share of baskets with both.
    pub support: f64,
    /// The least confidence.
    pub confidence: f64,
    /// The least lift.
    pub lift: f64,
    /// The most that the odds may be that any pair at all is listed by chance alone; 1: whatever they are.
    pub significance: f64,
}

impl Default for Least {
    /// Ten baskets, and odds of one in twenty.
    fn default() -> Least {
        Least { baskets: 10, support: 0.001, confidence: 0.0, lift: 0.0, significance: 0.05 }
    }
}

impl Least {
    /// Whether it is met, the odds of one pair being no more than `bound`.
    fn is_met_by(&self, figures: &PairFigures, bound: f64) -> bool {
        figures.support >= self.support
            && figures.confidence >= self.confidence
            && figures.lift >= self.lift
            && (self.significance >= 1.0 || figures.p_value <= bound)
    }
}

impl BasketCounter {
    /// Counts products by the property `key`, in sessions that a longer `gap` ends; `room` is for items and pairs.
    pub fn new(key: &str, gap: Span, room: (usize, usize)) -> BasketCounter {
        BasketCounter {
            key: key.to_owned(),
            quoted: format!("\"{key}\"").into_bytes(),
            names: Names::default(),
            orders: Baskets::with_room(room.0, room.1),
            sessions: Baskets::with_room(room.0, room.1),
            open: HashMap::default(),
            gap,
        }
    }

    /// Takes in an event and its text, in the log's order.
    pub fn take(&mut self, seen: &Sighting, text: &[u8]) {
        if let Some(visitor) = seen.visitor.as_ref().and_then(|visitor| self.open.remove(visitor)) {
            self.unite(&seen.user, visitor);
        }
        let is_over = |open: &&Open| seen.begins_session || open.last + self.gap < seen.ts;
        if let Some(ended) = self.open.get(&seen.user).filter(is_over) {
            self.sessions.add(&ended.items);
            self.open.remove(&seen.user);
        }
        let is_order = matches!(seen.sale, Some(Sale::Order { .. }));
        if !seen.in_session && !is_order || memchr::memmem::find(text, &self.quoted).is_none() {
            self.touch(seen);
            return;
        }
        let items = self.items(text, is_order);
        if is_order {
            self.orders.add(&items);
        }
        if seen.in_session && !items.is_empty() {
            let new = || Open { position: seen.position, first: seen.ts, last: seen.ts, items: Vec::new() };
            let open = self.open.entry_ref(&seen.user).or_insert_with(new);
            open.items.extend(items);
        }
        self.touch(seen);
    }

    /// A visitor's session becomes part of the user's, unless one was over before the other began.
    fn unite(&mut self, user: &Arc<str>, mut visitor: Open) {
        let Some(own) = self.open.get_mut(user) else {
            self.open.insert(Arc::clone(user), visitor);
            return;
        };
        if visitor.first < own.first {
            std::mem::swap(own, &mut visitor);
        }
        // The visitor's is the later one now.
        if own.last + self.gap < visitor.first {
            self.sessions.add(&own.items);
            *own = visitor;
            return;
        }
        own.position = own.position.min(visitor.position);
        own.last = own.last.max(visitor.last);
        own.items.extend(visitor.items);
    }

    /// The session goes on.
    fn touch(&mut self, seen: &Sighting) {
        if let Some(open) = self.open.get_mut(&seen.user) {
            open.first = open.first.min(seen.ts);
            open.last = open.last.max(seen.ts);
        }
    }

    /// The products that an event names.
    fn items(&mut self, text: &[u8], is_order: bool) -> Vec<u32> {
        let Ok(event) = serde_json::from_slice::<Value>(text) else { return Vec::new() };
        let properties = &event["properties"];
        let own = [properties];
        let products: Vec<&Value> = match properties["products"].as_array() {
            Some(products) if is_order => products.iter().collect(),
            _ if event["event"] == "Product Removed" => Vec::new(),
            _ => own.to_vec(),
        };
        products.into_iter().filter_map(|product| self.number(product)).collect()
    }

    fn number(&mut self, product: &Value) -> Option<u32> {
        let id: Arc<str> = match &product[self.key.as_str()] {
            Value::String(id) if !id.is_empty() => id.as_str().into(),
            Value::Number(id) => id.to_string().into(),
            _ => return None,
        };
        if let Some(number) = self.names.numbers.get(&id) {
            return Some(*number);
        }
        let number = u32::try_from(self.names.items.len()).ok()?;
        let name = product["name"].as_str().filter(|_| self.key != "name").map(|name| name.trim().into());
        self.names.items.push((Arc::clone(&id), name));
        self.names.numbers.insert(id, number);
        Some(number)
    }

    /// The pairs of orders, and those of sessions.
    pub fn finish(mut self, least: Least) -> [BasketReport; 2] {
        let mut left: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        left.sort_unstable_by_key(|open| open.position);
        left.iter().for_each(|open| self.sessions.add(&open.items));
        [("orders", &self.orders), ("sessions", &self.sessions)].map(|(of, baskets)| {
            let bound = least.significance / baskets.possible_pairs() as f64;
            let rules = baskets.rules(least.baskets).into_iter().filter(|rule| least.is_met_by(&rule.figures, bound));
            BasketReport {
                of,
                baskets: baskets.baskets(),
                items: baskets.items(),
                items_error: baskets.items_error(),
                pairs_error: baskets.pairs_error(),
                cut_baskets: baskets.cut(),
                possible_pairs: baskets.possible_pairs(),
                rules: rules.map(|rule| self.names.rule(&rule)).collect(),
            }
        })
    }
}

impl Names {
    fn rule(&self, rule: &PairRule) -> NamedRule {
        let [(item, item_name), (with, with_name)] = [rule.item, rule.with].map(|at| self.items[at as usize].clone());
        NamedRule { item, with, item_name, with_name, figures: rule.figures }
    }
}
