//! Counts the baskets of a log: the products of completed orders, and those of sessions.
//!
//! The basket of an order is its items, where the rules name them; the products it lists (`properties.products`); or its own product if it lists none. The basket
//! of a session is the products that were viewed, added to the cart or bought in it: of every event that names one (other than
//! `Product Removed`, which removes none either), and of its orders. The session of a visitor continues under the id of the
//! user whom the visitor is merged into: it is one basket with the user's own if the gap between them is no longer than the
//! session gap, and a basket of its own otherwise. Only a user's own events decide where a session ends, so open sessions are
//! kept until the user's next one, or to the end.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::Serialize;
use serde_json::Value;
use strum::AsRefStr;

use super::baskets::{AssociationMeasures, AssociationRule, BasketIndex};
use crate::growth::FixedHashBuilder;
use crate::growth::rollup::{ObservedEvent, PurchasedItem, Sale};
use crate::time::{Span, Timestamp};

/// The most different items and pairs of items that are counted exactly.
#[derive(Clone, Copy, Debug)]
pub struct BasketCapacity {
    /// Different items.
    pub items: usize,
    /// Different pairs.
    pub pairs: usize,
}

/// Counts baskets.
#[derive(Debug)]
pub struct BasketCounter {
    /// The property that identifies a product.
    key: String,
    /// The same, as it is written in an event's text.
    quoted: Vec<u8>,
    names: ItemNames,
    orders: BasketIndex,
    sessions: BasketIndex,
    open: HashMap<Arc<str>, OpenSession, FixedHashBuilder>,
    gap: Span,
    /// Orders are read as their text lists products, also where the rules name their items.
    reads_products: bool,
}

/// A session that has not ended.
#[derive(Debug)]
struct OpenSession {
    position: u64,
    first: Timestamp,
    last: Timestamp,
    items: Vec<u32>,
}

#[derive(Debug, Default)]
struct ItemNames {
    numbers: HashMap<Arc<str>, u32, FixedHashBuilder>,
    /// By number: the item, and its name if the first event with it had one.
    items: Vec<(Arc<str>, Option<Box<str>>)>,
}

/// What a basket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsRefStr, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum BasketKind {
    /// An order.
    Orders,
    /// A session.
    Sessions,
}

/// The pairs of one kind of baskets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BasketReport {
    /// What a basket is.
    pub of: BasketKind,
    /// The number of baskets.
    pub baskets: u64,
    /// The number of different items.
    pub items: usize,
    /// By how much the number of baskets with an item may be too low; 0: the counts are exact.
    pub items_error: u64,
    /// By how much the number of baskets with a pair may be too low; 0: the counts are exact.
    pub pairs_error: u64,
    /// Baskets with more than 1,000 different items, of which only the first 1,000 were counted.
    pub cut_baskets: u64,
    /// The number of pairs that the items could make: each is a test, which the significance accounts for.
    pub possible_pairs: u64,
    /// Each pair once, by lift, then by the number of baskets, highest first.
    pub rules: Vec<NamedAssociationRule>,
}

/// "Baskets with `item` also have `with`", with the names of both, in the direction with the higher confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedAssociationRule {
    /// The item.
    pub item: Arc<str>,
    /// The item it occurs with.
    pub with: Arc<str>,
    /// The name of the first, if its events have one.
    pub item_name: Option<Box<str>>,
    /// The name of the second.
    pub with_name: Option<Box<str>>,
    /// How often they occur together, and how significant that is.
    #[serde(flatten)]
    pub measures: AssociationMeasures,
}

/// What a rule must meet to be listed.
#[derive(Clone, Copy, Debug)]
pub struct AssociationThresholds {
    /// The least number of baskets with both.
    pub baskets: u64,
    /// The least share of baskets with both.
    pub support: f64,
    /// The least confidence.
    pub confidence: f64,
    /// The least lift.
    pub lift: f64,
    /// The highest probability that any pair at all is listed by chance alone; 1 disables the test.
    pub significance: f64,
}

impl Default for BasketCapacity {
    fn default() -> BasketCapacity {
        BasketCapacity { items: 1_000_000, pairs: 4_000_000 }
    }
}

impl Default for AssociationThresholds {
    /// Ten baskets, and a significance of 0.05.
    fn default() -> AssociationThresholds {
        AssociationThresholds { baskets: 10, support: 0.001, confidence: 0.0, lift: 0.0, significance: 0.05 }
    }
}

impl AssociationThresholds {
    /// Whether a pair meets them, if the p-value of one pair must be at most `bound`.
    fn are_met_by(&self, measures: &AssociationMeasures, bound: f64) -> bool {
        measures.support >= self.support
            && measures.confidence >= self.confidence
            && measures.lift >= self.lift
            && (self.significance >= 1.0 || measures.p_value <= bound)
    }
}

impl BasketCounter {
    /// Counts products by the property `key`, in sessions that end with a gap longer than `gap`.
    pub fn new(key: &str, gap: Span, capacity: BasketCapacity) -> BasketCounter {
        BasketCounter {
            key: key.to_owned(),
            quoted: format!("\"{key}\"").into_bytes(),
            names: ItemNames::default(),
            orders: BasketIndex::with_capacity(capacity.items, capacity.pairs),
            sessions: BasketIndex::with_capacity(capacity.items, capacity.pairs),
            open: HashMap::default(),
            gap,
            reads_products: false,
        }
    }

    /// Orders are read as their text lists products, also where the rules name their items: for another key than theirs.
    pub fn reading_products(self) -> BasketCounter {
        BasketCounter { reads_products: true, ..self }
    }

    /// Adds an event with its text, in log order.
    pub fn add(&mut self, event: &ObservedEvent, text: &[u8]) {
        if let Some(visitor) = event.visitor.as_ref().and_then(|visitor| self.open.remove(visitor)) {
            self.merge(&event.user, visitor);
        }
        let is_over = |open: &&OpenSession| event.starts_session || open.last + self.gap < event.ts;
        if let Some(ended) = self.open.get(&event.user).filter(is_over) {
            self.sessions.add(&ended.items);
            self.open.remove(&event.user);
        }
        let is_order = matches!(event.sale, Some(Sale::Order { .. }));
        let items = match &event.sale {
            Some(Sale::Order { items: Some(items), .. }) if !self.reads_products => self.numbers_of(items),
            _ if !event.in_session && !is_order || memchr::memmem::find(text, &self.quoted).is_none() => {
                self.extend(event);
                return;
            }
            _ => self.items(text, is_order),
        };
        if is_order {
            self.orders.add(&items);
        }
        if event.in_session && !items.is_empty() {
            let new = || OpenSession { position: event.position, first: event.ts, last: event.ts, items: Vec::new() };
            let open = self.open.entry_ref(&event.user).or_insert_with(new);
            open.items.extend(items);
        }
        self.extend(event);
    }

    /// Merges a visitor's session into the user's, unless one ended before the other started.
    fn merge(&mut self, user: &Arc<str>, mut visitor: OpenSession) {
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

    /// Extends the open session to an event.
    fn extend(&mut self, event: &ObservedEvent) {
        if let Some(open) = self.open.get_mut(&event.user) {
            open.first = open.first.min(event.ts);
            open.last = open.last.max(event.ts);
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

    /// The products that the rules say an order has.
    fn numbers_of(&mut self, items: &[PurchasedItem]) -> Vec<u32> {
        items.iter().filter_map(|item| self.number_of(&item.id, || item.name.clone())).collect()
    }

    fn number(&mut self, product: &Value) -> Option<u32> {
        let id: Arc<str> = match &product[self.key.as_str()] {
            Value::String(id) if !id.is_empty() => id.as_str().into(),
            Value::Number(id) => id.to_string().into(),
            _ => return None,
        };
        self.number_of(&id, || product["name"].as_str().map(|name| name.trim().into()))
    }

    /// The number of an item; a new one has this name.
    fn number_of(&mut self, id: &str, name: impl FnOnce() -> Option<Box<str>>) -> Option<u32> {
        if let Some(number) = self.names.numbers.get(id) {
            return Some(*number);
        }
        let number = u32::try_from(self.names.items.len()).ok()?;
        let (id, name): (Arc<str>, _) = (id.into(), name().filter(|_| self.key != "name"));
        self.names.items.push((Arc::clone(&id), name));
        self.names.numbers.insert(id, number);
        Some(number)
    }

    /// The pairs of orders, and those of sessions.
    pub fn finish(mut self, thresholds: AssociationThresholds) -> [BasketReport; 2] {
        let mut left: Vec<OpenSession> = self.open.drain().map(|(_, open)| open).collect();
        left.sort_unstable_by_key(|open| open.position);
        left.iter().for_each(|open| self.sessions.add(&open.items));
        [(BasketKind::Orders, &self.orders), (BasketKind::Sessions, &self.sessions)].map(|(of, baskets)| {
            let bound = thresholds.significance / baskets.possible_pairs() as f64;
            let rules = baskets.rules(thresholds.baskets).into_iter();
            let rules = rules.filter(|rule| thresholds.are_met_by(&rule.measures, bound));
            BasketReport {
                of,
                baskets: baskets.baskets(),
                items: baskets.items(),
                items_error: baskets.items_error(),
                pairs_error: baskets.pairs_error(),
                cut_baskets: baskets.truncated(),
                possible_pairs: baskets.possible_pairs(),
                rules: rules.map(|rule| self.names.rule(&rule)).collect(),
            }
        })
    }
}

impl ItemNames {
    fn rule(&self, rule: &AssociationRule) -> NamedAssociationRule {
        let [(item, item_name), (with, with_name)] = [rule.item, rule.with].map(|at| self.items[at as usize].clone());
        NamedAssociationRule { item, with, item_name, with_name, measures: rule.measures }
    }
}
