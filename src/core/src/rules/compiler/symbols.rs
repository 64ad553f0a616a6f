//! The names that conditions can refer to.

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};

use super::feature_registry::{FeatureRegistry, IdSpaceExhausted};
use crate::event::{ArrayId, FieldId};
use crate::rules::ruleset::{
    CampaignTrigger, CustomerModel, Feature, GroupId, LedgerId, MATCH_USER_PATH, MatchValueSource, NameId, PerId,
    Projection, Purpose, PurposeId, RankId, TableId,
};

/// The names of a rules file, and the features, fields and traits that its conditions read, while it is compiled.
#[derive(Default)]
pub(in crate::rules) struct SymbolTable {
    /// Names of `[events]`, also those with mistakes, so that using them is not a second mistake.
    pub(in crate::rules) names: HashMap<String, NameId>,
    /// What matches of a name have of their own; only of names with `each` or `let`.
    pub(in crate::rules) match_shapes: HashMap<NameId, MatchShape>,
    /// The names with `of` or `rank`, which are told to users.
    pub(in crate::rules) notice_names: HashSet<NameId>,
    /// The names whose events have their products in an array.
    pub(in crate::rules) product_arrays: HashSet<NameId>,
    /// Event names in file order.
    pub(in crate::rules) name_order: Vec<String>,
    /// The ids of `[[budgets]]`, in file order, also those with mistakes.
    pub(in crate::rules) budget_order: Vec<String>,
    /// The ids of `[per.K]`, in file order, also those with mistakes.
    pub(in crate::rules) per_order: Vec<String>,
    /// The table of each `[per.K]`.
    pub(in crate::rules) per_tables: Vec<Option<TableId>>,
    /// `[tables.T]`, in file order, also those with mistakes.
    pub(in crate::rules) tables: Vec<TableShape>,
    /// The ids of `[groups.G]`, in file order, also those with mistakes.
    pub(in crate::rules) group_order: Vec<String>,
    /// The keys of `[groups.G]`, as the rules write them.
    pub(in crate::rules) group_keys: Vec<String>,
    /// The ids of `[[ledgers]]`, in file order, also those with mistakes.
    pub(in crate::rules) ledger_order: Vec<String>,
    /// The ids of `[[ranks]]`, in file order, also those with mistakes.
    pub(in crate::rules) rank_order: Vec<String>,
    /// The ids of `[[picks]]`, in file order, also those with mistakes.
    pub(in crate::rules) pick_order: Vec<String>,
    /// The `[per.K]` whose instances the condition that is being compiled asks about; `None`: it asks about users.
    pub(in crate::rules) per: Option<PerId>,
    /// The `[groups.G]` whose groups the condition that is being compiled asks about.
    pub(in crate::rules) group: Option<GroupId>,
    /// The condition that is being compiled belongs to a `[per.K]`, and the part that is being compiled to the user.
    pub(in crate::rules) is_user_part: bool,
    /// The models by id, in file order; `None`: it has a mistake.
    pub(in crate::rules) models: Vec<(String, Option<CustomerModel>)>,
    /// The `[per.K]` of each segment.
    pub(in crate::rules) segment_pers: Vec<Option<PerId>>,
    /// The `[groups.G]` of each segment.
    pub(in crate::rules) segment_groups: Vec<Option<GroupId>>,
    /// Segments by id, also those with mistakes; of two with the same id, the first.
    pub(in crate::rules) segments: HashMap<String, usize>,
    /// Segment ids in file order.
    pub(in crate::rules) segment_order: Vec<String>,
    /// Byte offset of each segment in the file.
    pub(in crate::rules) segment_places: Vec<usize>,
    /// Which segments each segment's `when` names.
    pub(in crate::rules) segment_uses: Vec<Vec<usize>>,
    /// Goal ids in file order, also those with mistakes.
    pub(in crate::rules) goal_order: Vec<String>,
    /// What is asked about consent, in the order in which it is named first.
    pub(in crate::rules) purposes: Vec<Purpose>,
    pub(in crate::rules) registry: FeatureRegistry,
    /// Something asks for the user's local time.
    pub(in crate::rules) reads_local_time: bool,
    /// That an id space is exhausted was reported.
    pub(super) is_overflow_reported: bool,
    /// Segments visited so far in the search for cycles.
    cycle_steps: Cell<usize>,
}

/// What `E.user` is called: the id of the user whose match it is.
/// What matches of a name have beside the event's properties.
#[derive(Clone, Debug, Default)]
pub(in crate::rules) struct MatchShape {
    /// The array whose elements they are.
    pub(in crate::rules) each: Option<ArrayId>,
    /// The names of `let`, in file order; of a notice, then the group's key.
    pub(in crate::rules) lets: Vec<String>,
}

/// What rows of a table have.
#[derive(Clone, Debug, Default)]
pub(in crate::rules) struct TableShape {
    /// The table's id.
    pub(in crate::rules) id: String,
    /// The track event whose calls are rows.
    pub(in crate::rules) event: String,
    /// What is kept of them, in the order of `keep`.
    pub(in crate::rules) columns: Vec<String>,
}

/// Segments visited in the search for cycles, over all conditions. Beyond it, a cycle is reported as a segment that is defined
/// further down.
const CYCLE_STEPS_MAX: usize = 200_000;

impl SymbolTable {
    /// The ids of a cycle that starts with segment `from` referring to segment `to`: `from` is first and last.
    pub(in crate::rules) fn cycle(&self, from: usize, to: usize) -> Option<Vec<&str>> {
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([to]);
        while let Some(at) = queue.pop_front() {
            if self.cycle_steps.get() >= CYCLE_STEPS_MAX {
                return None;
            }
            self.cycle_steps.set(self.cycle_steps.get() + 1);
            if at == from {
                let mut path = vec![self.segment_order[from].as_str()];
                let mut step = from;
                while step != to {
                    step = came_from[&step];
                    path.push(&self.segment_order[step]);
                }
                path.push(&self.segment_order[from]);
                path.reverse();
                return Some(path);
            }
            for &next in &self.segment_uses[at] {
                if next != to && !came_from.contains_key(&next) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The field that has `E.p`: the event's property, or a value of the match.
    pub(in crate::rules) fn value_field(
        &mut self,
        name: NameId,
        event: &str,
        property: &[String],
    ) -> Result<FieldId, IdSpaceExhausted> {
        if self.group.is_some() && property == [MATCH_USER_PATH[1]] {
            return self.match_user_field();
        }
        let below = |root: &str| std::iter::once(root.to_owned()).chain(property.iter().cloned()).collect::<Vec<_>>();
        let Some(shape) = self.match_shapes.get(&name) else { return self.registry.field(below("properties")) };
        let written = property.join(".");
        let of_let = shape.lets.iter().position(|id| *id == written);
        self.registry.match_field(name, below(event), |registry| {
            if let Some(index) = of_let.and_then(|index| u16::try_from(index).ok()) {
                return Ok(MatchValueSource::Let(index));
            }
            let item = shape.each.map(|array| registry.item_field(array, property.to_vec())).transpose()?;
            Ok(MatchValueSource::Property { item, property: registry.field(below("properties"))? })
        })
    }

    /// The `[per.K]` of the keys that trigger a campaign; `None`: users do.
    pub(in crate::rules) fn per_of(&self, on: CampaignTrigger) -> Option<PerId> {
        match on {
            CampaignTrigger::Transition { segment, .. } => {
                self.segment_pers.get(usize::from(segment.0)).copied().flatten()
            }
            CampaignTrigger::Match(_) => None,
        }
    }

    /// The table whose rows the calls of a track event are.
    pub(in crate::rules) fn table_of_event(&self, event: &str) -> Option<&str> {
        self.tables.iter().find(|shape| shape.event == event && !event.is_empty()).map(|shape| shape.id.as_str())
    }

    /// The purpose of a name, which is registered if it is new.
    pub(in crate::rules) fn purpose(&mut self, name: &str) -> Result<PurposeId, IdSpaceExhausted> {
        let known = self.purposes.iter().position(|purpose| purpose.name == name);
        let place = known.unwrap_or(self.purposes.len());
        let id = u16::try_from(place).map(PurposeId).map_err(|_| IdSpaceExhausted { what: "purposes" })?;
        if known.is_none() {
            let path = ["context", "consent", "categoryPreferences", name].map(str::to_owned).to_vec();
            let field = self.registry.field(path)?;
            self.purposes.push(Purpose { name: name.to_owned(), field });
        }
        Ok(id)
    }

    /// The field that has the id of the user whose match it is.
    pub(in crate::rules) fn match_user_field(&mut self) -> Result<FieldId, IdSpaceExhausted> {
        self.registry.field(MATCH_USER_PATH.map(str::to_owned).to_vec())
    }

    /// The ledger of an id; of two with the same id, the first.
    pub(in crate::rules) fn ledger(&self, id: &str) -> Option<LedgerId> {
        let index = self.ledger_order.iter().position(|other| other == id)?;
        u16::try_from(index).ok().map(LedgerId)
    }

    /// The rank of an id; of two with the same id, the first.
    pub(in crate::rules) fn rank(&self, id: &str) -> Option<RankId> {
        let index = self.rank_order.iter().position(|other| other == id)?;
        u16::try_from(index).ok().map(RankId)
    }

    /// The compiled features and projection.
    pub(in crate::rules) fn into_parts(self) -> (Vec<Feature>, Projection) {
        self.registry.into_parts()
    }
}
