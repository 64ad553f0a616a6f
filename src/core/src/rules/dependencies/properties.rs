//! Which events have properties that anything reads, and which properties should be numbers.

use super::{each_in_term, each_term};
use crate::event::{CallType, FieldId};
use crate::rules::growth::GrowthRules;
use crate::rules::ruleset::{
    Campaign, CampaignTrigger, EventName, Feature, Goal, Ledger, NameId, NumericProperty, RowTable, Term,
};

/// What may read properties of the matches of a name, beside the name itself.
pub(in crate::rules) struct PropertyReaders<'r> {
    pub(in crate::rules) features: &'r [Feature],
    pub(in crate::rules) campaigns: &'r [Campaign],
    pub(in crate::rules) goals: &'r [Goal],
    pub(in crate::rules) ledgers: &'r [Ledger],
    pub(in crate::rules) growth: Option<&'r GrowthRules>,
    pub(in crate::rules) tables: &'r [RowTable],
    pub(in crate::rules) has_keys: bool,
}

/// The track events of which a feature, a `where`, a campaign, a goal, a ledger or the growth numbers read a property. `None`:
/// properties of every event can be read.
pub(in crate::rules) fn property_events(names: &[EventName], readers: &PropertyReaders<'_>) -> Option<Vec<String>> {
    let PropertyReaders { features, campaigns, goals, ledgers, growth, tables, has_keys } = *readers;
    let sales = growth.map(|growth| {
        let (orders, refunds) = (&growth.orders, &growth.refunds);
        [orders.as_ref().map(|orders| orders.name), refunds.as_ref().map(|refunds| refunds.name)]
    });
    let is_read = |id: NameId, name: &EventName| {
        let mut reads = features.iter().any(|feature| feature.name() == Some(id) && !feature.kind.fields().is_empty())
            || campaigns.iter().any(|it| it.on == CampaignTrigger::Match(id) && !it.reads.is_empty())
            || campaigns.iter().filter_map(|it| it.settle.as_ref()).any(|settle| settle.on == id)
            || goals.iter().any(|goal| goal.on == id && goal.value.is_some())
            || ledgers.iter().flat_map(Ledger::entries).any(|entry| entry.on == id && !entry.reads.is_empty())
            || sales.is_some_and(|sales| sales.contains(&Some(id)));
        if let Some(filter) = &name.filter {
            each_term(filter, &mut |term| reads |= matches!(term, Term::Field(_)));
        }
        for value in &name.lets {
            each_in_term(&value.term, &mut |term| reads |= matches!(term, Term::Field(_)));
        }
        reads || has_keys || name.each.is_some() || !name.values.is_empty()
    };
    let read = (0..)
        .map(NameId)
        .zip(names)
        .filter(|(id, name)| name.call == CallType::Track && !name.is_told() && is_read(*id, name));
    let rows = tables.iter().map(|table| Some(table.event.clone()));
    read.map(|(_, name)| name.event.clone()).chain(rows).collect()
}

/// The properties that features, goals, ledgers and growth numbers add up, each once.
pub(in crate::rules) fn amounts(readers: &PropertyReaders<'_>) -> Vec<NumericProperty> {
    let PropertyReaders { features, goals, ledgers, growth, .. } = *readers;
    let of_feature = |feature: &Feature| {
        let fields = feature.kind.numeric_fields().into_iter();
        let properties = feature.name().map(|name| fields.map(move |field| NumericProperty { name, field }));
        properties.into_iter().flatten()
    };
    let mut amounts: Vec<NumericProperty> = features.iter().flat_map(of_feature).collect();
    amounts.extend(goals.iter().filter_map(|goal| Some(NumericProperty { name: goal.on, field: goal.value? })));
    for entry in ledgers.iter().flat_map(Ledger::entries) {
        amounts.extend(numbers_in(&entry.amount).into_iter().map(|field| NumericProperty { name: entry.on, field }));
    }
    if let Some(growth) = growth {
        let orders = growth.orders.iter();
        amounts.extend(
            orders.flat_map(|it| [it.value, it.discount].map(|field| NumericProperty { name: it.name, field })),
        );
        amounts.extend(growth.refunds.iter().map(|it| NumericProperty { name: it.name, field: it.value }));
    }
    amounts.sort_unstable();
    amounts.dedup();
    amounts
}

/// The fields that must be numbers for a term to be one; `number(x)` takes texts too.
fn numbers_in(term: &Term) -> Vec<FieldId> {
    match term {
        Term::Field(id) => vec![*id],
        Term::Negate(inner) => numbers_in(inner),
        Term::Arithmetic { left, right, .. } => [numbers_in(left), numbers_in(right)].concat(),
        _ => Vec::new(),
    }
}
