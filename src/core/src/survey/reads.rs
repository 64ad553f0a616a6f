//! What the rules read of the events of a name: values of its matches, and what its `where` and `let` look at.

use std::collections::BTreeSet;

use crate::engine::evaluate::EvaluationContext;
use crate::event::{ArrayId, FieldId, ItemFieldId, Scalar, TraitId, field_value};
use crate::rules::ruleset::{CampaignTrigger, EventName, Ledger, MatchValueSource, NameId, PerKey, Ruleset, Term};
use crate::rules::{dependencies, notation};

/// A value that the rules read of the events of a name.
#[derive(Clone, Debug)]
pub(super) struct ValueRead {
    /// As the rules write it: `order.total`, `properties.total`, `item.price`.
    pub(super) written: String,
    pub(super) source: ValueSource,
    /// Whether it is summed or averaged.
    pub(super) is_amount: bool,
}

/// Where a value of a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ValueSource {
    /// The event.
    Event(FieldId),
    /// An element of the array.
    Item(ItemFieldId),
    /// An element, or else the event.
    ItemOrEvent(ItemFieldId, FieldId),
    /// The term of `let` at this index.
    Let(usize),
    /// The term of `let` at this index, which reads traits of the user, and so has no value here.
    LetOfTraits(usize),
}

impl ValueSource {
    /// Whether it is found once for each element of the array of `each`, and not once for each event.
    pub(super) fn is_of_elements(self) -> bool {
        !matches!(self, ValueSource::Event(_))
    }

    /// Whether events alone tell if it is there.
    pub(super) fn is_known(self) -> bool {
        !matches!(self, ValueSource::LetOfTraits(_))
    }

    /// The value, in the event and the element of a context.
    pub(super) fn find<'a>(self, name: &'a EventName, scope: &EvaluationContext<'a>) -> Option<Scalar<'a>> {
        let of_item = |id| scope.item.iter().find(|(other, _)| *other == id).map(|(_, value)| value);
        let found = match self {
            ValueSource::Event(field) => field_value(scope.fields, field),
            ValueSource::Item(item) => of_item(item),
            ValueSource::ItemOrEvent(item, field) => of_item(item).or_else(|| field_value(scope.fields, field)),
            ValueSource::Let(index) => return scope.value(&name.lets[index].term).to_scalar(),
            ValueSource::LetOfTraits(_) => None,
        };
        found.map(Scalar::borrowed)
    }

    /// The event's field that it reads, if it does.
    pub(super) fn field(self) -> Option<FieldId> {
        match self {
            ValueSource::Event(field) | ValueSource::ItemOrEvent(_, field) => Some(field),
            ValueSource::Item(_) | ValueSource::Let(_) | ValueSource::LetOfTraits(_) => None,
        }
    }
}

/// The values that are read of a name's events, each once.
pub(super) fn values_of(rules: &Ruleset, id: NameId) -> Vec<ValueRead> {
    let name = &rules.names[usize::from(id.0)];
    let amounts: BTreeSet<FieldId> =
        rules.amounts.iter().filter(|amount| amount.name == id).map(|amount| amount.field).collect();
    let mut values: Vec<ValueRead> = fields_of_matches(rules, id)
        .into_iter()
        .map(|field| {
            let written = format!("{}.{}", name.id, rules.projection.fields[usize::from(field.0)][1..].join("."));
            ValueRead { written, source: source_of(rules, id, field), is_amount: amounts.contains(&field) }
        })
        .collect();
    let known: BTreeSet<ValueSource> = values.iter().map(|value| value.source).collect();
    let mut looked_at = BTreeSet::new();
    let mut see = |term: &Term| match term {
        Term::Field(field) => _ = looked_at.insert((ValueSource::Event(*field), notation::field(rules, *field))),
        Term::Item { array, field } => {
            let written = format!("item.{}", item_path(rules, *array, *field));
            looked_at.insert((ValueSource::Item(*field), written));
        }
        _ => {}
    };
    name.filter.iter().for_each(|filter| dependencies::each_term(filter, &mut see));
    name.lets.iter().for_each(|value| dependencies::each_in_term(&value.term, &mut see));
    values.extend(
        looked_at.into_iter().filter(|(source, _)| !known.contains(source)).map(|(source, written)| ValueRead {
            written,
            source,
            is_amount: false,
        }),
    );
    values
}

/// The keys in a name's matches, by `PerId`.
pub(super) fn keys_of(rules: &Ruleset, id: NameId) -> Vec<ValueRead> {
    let name = &rules.names[usize::from(id.0)];
    let key = |per: &PerKey| {
        let source = source_of(rules, id, per.field(id));
        ValueRead { written: format!("{}.{}", name.id, per.key), source, is_amount: false }
    };
    rules.pers.iter().map(key).collect()
}

/// The traits that the rules read.
pub(super) fn traits(rules: &Ruleset) -> BTreeSet<TraitId> {
    dependencies::traits_in_rules(rules)
}

/// The fields that features, campaigns, ledgers and growth numbers read of a name's matches.
fn fields_of_matches(rules: &Ruleset, id: NameId) -> BTreeSet<FieldId> {
    let mut fields: BTreeSet<FieldId> =
        rules.amounts.iter().filter(|amount| amount.name == id).map(|amount| amount.field).collect();
    for feature in rules.features.iter().filter(|feature| feature.name() == Some(id)) {
        fields.extend(feature.kind.fields());
    }
    for campaign in rules.campaigns.iter().filter(|campaign| campaign.on == CampaignTrigger::Match(id)) {
        fields.extend(&campaign.reads);
    }
    for settle in rules.campaigns.iter().filter_map(|campaign| campaign.settle.as_ref()).filter(|it| it.on == id) {
        fields.extend(dependencies::fields_of_settlement(settle));
    }
    for entry in rules.ledgers.iter().flat_map(Ledger::entries).filter(|entry| entry.on == id) {
        fields.extend(&entry.reads);
    }
    if let Some(orders) = rules.growth.iter().filter_map(|growth| growth.orders.as_ref()).find(|it| it.name == id) {
        fields.extend([orders.coupon, orders.category, orders.order_id]);
    }
    let orders = rules.growth.iter().filter_map(|growth| growth.orders.as_ref());
    if let Some(items) = orders.filter_map(|orders| orders.items.as_ref()).find(|items| items.name == id) {
        fields.extend([items.category, items.price, items.quantity, items.id, items.title]);
    }
    fields
}

/// Where a field of a match comes from.
fn source_of(rules: &Ruleset, id: NameId, field: FieldId) -> ValueSource {
    let name = &rules.names[usize::from(id.0)];
    let own = name.values.iter().find(|value| value.field == field);
    match own.map(|value| value.source) {
        None => ValueSource::Event(field),
        Some(MatchValueSource::Property { item: None, property }) => ValueSource::Event(property),
        Some(MatchValueSource::Property { item: Some(item), property }) => ValueSource::ItemOrEvent(item, property),
        Some(MatchValueSource::Let(index)) => {
            let mut has_traits = false;
            let term = &name.lets[usize::from(index)].term;
            dependencies::each_in_term(term, &mut |term| has_traits |= matches!(term, Term::Trait(_)));
            let index = usize::from(index);
            if has_traits { ValueSource::LetOfTraits(index) } else { ValueSource::Let(index) }
        }
    }
}

fn item_path(rules: &Ruleset, array: ArrayId, field: ItemFieldId) -> String {
    notation::item_path(rules, array, field).join(".")
}
