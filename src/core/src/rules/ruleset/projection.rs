//! What the decoder keeps of an event.

use crate::event::{FieldId, TraitId};

/// What the decoder keeps of an event; everything else is skipped, but must be JSON.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    /// Property and context paths, by `FieldId`. The first key is `properties` or `context`; any other is the name of
    /// `[events]` whose matches have the value, which is no part of the event.
    pub fields: Vec<Vec<String>>,
    /// The arrays that are read element by element, by `ArrayId`.
    pub arrays: Vec<ArrayProjection>,
    /// Trait paths below `traits`, by `TraitId`.
    pub traits: Vec<Vec<String>>,
    /// The track events that have names, by `TrackedId`.
    pub tracked: Vec<String>,
    /// The track events whose calls are rows of tables: they need no id of a user, and what is null is told.
    pub row_events: Vec<String>,
    /// The track events of which something reads properties; `None`: of any.
    pub property_events: Option<Vec<String>>,
    /// `context.timezone`, where a campaign has quiet hours or asks for `hour()`, `weekday()`.
    pub timezone_field: Option<FieldId>,
    /// `traits.timezone`, where a campaign has quiet hours or asks for `hour()`, `weekday()`.
    pub timezone_trait: Option<TraitId>,
}

/// An array of which the elements that are objects are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ArrayProjection {
    /// Its path below `properties`.
    pub path: Vec<String>,
    /// The paths that are read of an element, by `ItemFieldId`.
    pub fields: Vec<Vec<String>>,
}

impl Projection {
    /// What several projections read of events, without values of matches: an event that is read by it has what each of them
    /// asks for. Its [`tracked`](Projection::tracked) and [`property_events`](Projection::property_events) are theirs together.
    pub fn of_events<'p>(projections: impl IntoIterator<Item = &'p Projection>) -> Projection {
        let mut united = Projection { property_events: Some(Vec::new()), ..Projection::default() };
        for projection in projections {
            let is_of_event =
                |path: &&Vec<String>| matches!(path.first().map(String::as_str), Some("properties" | "context"));
            add_missing(&mut united.fields, projection.fields.iter().filter(is_of_event));
            add_missing(&mut united.traits, &projection.traits);
            for array in &projection.arrays {
                match united.arrays.iter_mut().find(|known| known.path == array.path) {
                    Some(known) => add_missing(&mut known.fields, &array.fields),
                    None => united.arrays.push(array.clone()),
                }
            }
            united.unite_events(projection);
        }
        united
    }

    /// What is read where nothing is known of the rules but which track events are rows: only these are tracked.
    pub fn of_rows(events: Vec<String>) -> Projection {
        Projection { tracked: events.clone(), row_events: events, ..Projection::of_events([]) }
    }

    /// Adds the events that another projection names, and those of which it reads properties.
    pub(crate) fn unite_events(&mut self, other: &Projection) {
        add_missing(&mut self.tracked, &other.tracked);
        self.tracked.sort_unstable();
        add_missing(&mut self.row_events, &other.row_events);
        match (&mut self.property_events, &other.property_events) {
            (Some(ours), Some(theirs)) => add_missing(ours, theirs),
            (ours, _) => *ours = None,
        }
    }
}

fn add_missing<'p, T: Clone + PartialEq + 'p>(known: &mut Vec<T>, others: impl IntoIterator<Item = &'p T>) {
    for other in others {
        if !known.contains(other) {
            known.push(other.clone());
        }
    }
}
