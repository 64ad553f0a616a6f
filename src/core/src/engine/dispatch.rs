//! Which parts of the rules an event can touch, worked out once per rules file.

use super::evaluate::EvaluationContext;
use super::group_dispatch::GroupDispatch;
use super::key_instance::key_of;
use super::profile::UserProfile;
pub use super::segment_set::SegmentSet;
use crate::event::{CallType, Event, FieldId, TraitId, field_value};
use crate::rules::dependencies::each_in_term;
use crate::rules::ruleset::{
    CampaignId, CampaignTrigger, Feature, FeatureId, FeatureSource, GroupId, LedgerId, NameId, PerId, PurposeId,
    RankId, Ruleset, SegmentId, TableId, Term, TransitionKind,
};
use crate::time::Timestamp;

/// The rules, indexed by what sets their parts off.
#[derive(Clone, Debug)]
pub struct DispatchIndex {
    tracked: Vec<Vec<NameId>>,
    /// Names of every track call.
    untracked: Vec<NameId>,
    pages: Vec<NameId>,
    screens: Vec<NameId>,
    features_by_name: Vec<Vec<FeatureId>>,
    /// By name: the features whose second name it is.
    features_by_second_name: Vec<Vec<FeatureId>>,
    /// By `[per.K]`: the features of its instances, those by name and those by second name.
    keyed_features: Vec<Vec<[Vec<FeatureId>; 2]>>,
    /// By `[per.K]`: the segments of its instances.
    segments_by_per: Vec<SegmentSet>,
    /// By name: its amounts, each with its index in the rules.
    amounts_by_name: Vec<Vec<(usize, FieldId)>>,
    /// By `[groups.G]`: what its matches can change.
    groups: Vec<GroupDispatch>,
    /// By track event: the table whose rows its calls are.
    tables: Vec<Option<TableId>>,
    /// By table: the `[per.K]` whose keys its rows have.
    pers_by_table: Vec<Vec<PerId>>,
    /// The field that says whose match it is, if anything reads it.
    match_user_field: Option<FieldId>,
    /// By ledger: the features of what is earned and spent in it.
    features_by_ledger: Vec<Vec<FeatureId>>,
    segments_by_name: Vec<SegmentSet>,
    segments_by_ledger: Vec<SegmentSet>,
    segments_by_trait: Vec<SegmentSet>,
    segments_by_purpose: Vec<SegmentSet>,
    segments_by_rank: Vec<SegmentSet>,
    /// By rank: the names that tell of it.
    names_by_rank: Vec<Vec<NameId>>,
    /// Ranks that partners' subjects read.
    ranks_of_subjects: Vec<RankId>,
    readers: Vec<SegmentSet>,
    campaigns: Vec<[Vec<CampaignId>; 2]>,
    campaigns_by_name: Vec<Vec<CampaignId>>,
    /// Segments that any event can change.
    pub any_event: SegmentSet,
    /// Segments that time alone can change.
    pub timed: SegmentSet,
    /// Those of them that it can change whatever the user did.
    always_timed: SegmentSet,
    /// By feature: those of them that read its event.
    timed_by_feature: Vec<SegmentSet>,
    /// Segments to look at when somebody's first event comes, beside those that the event touches.
    pub at_first: SegmentSet,
    /// Every segment.
    pub all: SegmentSet,
}

impl DispatchIndex {
    /// Indexes the rules.
    pub fn new(rules: &Ruleset) -> DispatchIndex {
        let mut dispatch = DispatchIndex {
            tracked: vec![Vec::new(); rules.projection.tracked.len()],
            untracked: Vec::new(),
            pages: Vec::new(),
            screens: Vec::new(),
            features_by_name: vec![Vec::new(); rules.names.len()],
            features_by_second_name: vec![Vec::new(); rules.names.len()],
            keyed_features: vec![vec![Default::default(); rules.names.len()]; rules.pers.len()],
            segments_by_per: vec![SegmentSet::default(); rules.pers.len()],
            groups: (0..).map(GroupId).take(rules.groups.len()).map(|id| GroupDispatch::new(rules, id)).collect(),
            tables: vec![None; rules.projection.tracked.len()],
            pers_by_table: vec![Vec::new(); rules.tables.len()],
            match_user_field: rules.match_user_field(),
            amounts_by_name: vec![Vec::new(); rules.names.len()],
            features_by_ledger: vec![Vec::new(); rules.ledgers.len()],
            segments_by_ledger: vec![SegmentSet::default(); rules.ledgers.len()],
            segments_by_name: vec![SegmentSet::default(); rules.names.len()],
            segments_by_trait: vec![SegmentSet::default(); rules.projection.traits.len()],
            segments_by_purpose: vec![SegmentSet::default(); rules.purposes.len()],
            segments_by_rank: vec![SegmentSet::default(); rules.ranks.len()],
            names_by_rank: vec![Vec::new(); rules.ranks.len()],
            ranks_of_subjects: ranks_of_subjects(rules),
            readers: vec![SegmentSet::default(); rules.segments.len()],
            campaigns: vec![[Vec::new(), Vec::new()]; rules.segments.len()],
            campaigns_by_name: vec![Vec::new(); rules.names.len()],
            any_event: SegmentSet::default(),
            timed: SegmentSet::default(),
            always_timed: SegmentSet::default(),
            timed_by_feature: vec![SegmentSet::default(); rules.features.len()],
            at_first: SegmentSet::default(),
            all: SegmentSet::default(),
        };
        for (name, id) in rules.names.iter().zip((0..).map(NameId)) {
            match (name.call, &name.event) {
                // They are told.
                _ if name.is_told() => {
                    if let Some(rank) = name.rank {
                        dispatch.names_by_rank[usize::from(rank.0)].push(id);
                    }
                }
                (CallType::Track, Some(event)) => {
                    if let Some(tracked) = rules.projection.tracked.iter().position(|other| other == event) {
                        dispatch.tracked[tracked].push(id);
                    }
                }
                (CallType::Track, None) => {
                    dispatch.tracked.iter_mut().chain([&mut dispatch.untracked]).for_each(|names| names.push(id));
                }
                (CallType::Page, _) => dispatch.pages.push(id),
                (CallType::Screen, _) => dispatch.screens.push(id),
                _ => {}
            }
        }
        for (table, id) in rules.tables.iter().zip((0..).map(TableId)) {
            if let Some(tracked) = table.tracked {
                dispatch.tables[usize::from(tracked.0)] = Some(id);
            }
        }
        for (per, id) in rules.pers.iter().zip((0..).map(PerId)) {
            if let Some(table) = per.table {
                dispatch.pers_by_table[usize::from(table.0)].push(id);
            }
        }
        for (feature, id) in rules.features.iter().zip((0..).map(FeatureId)) {
            dispatch.index_feature(feature, id);
        }
        for (at, amount) in rules.amounts.iter().enumerate() {
            dispatch.amounts_by_name[usize::from(amount.name.0)].push((at, amount.field));
        }
        let nobody = UserProfile::new(Timestamp::MIN);
        let blank = EvaluationContext::new(rules, &nobody, nobody.now);
        for (segment, id) in rules.segments.iter().zip((0..).map(SegmentId)) {
            dispatch.index_segment(rules, id);
            if segment.group.is_some() {
                continue;
            }
            if segment.per.is_some() {
                // A new user has no instances but those that its first event touches.
                continue;
            }
            // Without the event it reads, a segment is what it is without any; what others come to is not known here.
            if !segment.reads.segments.is_empty() || blank.holds(&segment.when) {
                dispatch.at_first.insert(id);
            }
        }
        for (campaign, id) in rules.campaigns.iter().zip((0..).map(CampaignId)) {
            match campaign.on {
                CampaignTrigger::Transition { segment, change } => {
                    dispatch.campaigns[usize::from(segment.0)][change as usize].push(id);
                }
                CampaignTrigger::Match(name) => dispatch.campaigns_by_name[usize::from(name.0)].push(id),
            }
        }
        dispatch
    }

    fn index_feature(&mut self, feature: &Feature, id: FeatureId) {
        if feature.group.is_some() {
            return;
        }
        if let FeatureSource::Points(ledger) = feature.source {
            self.features_by_ledger[usize::from(ledger.0)].push(id);
        }
        let (first, second) = (feature.name(), feature.second);
        for (is_second, name) in [first, second].into_iter().enumerate() {
            let Some(name) = name.map(|name| usize::from(name.0)) else { continue };
            match (feature.per, is_second) {
                (None, 0) => self.features_by_name[name].push(id),
                (None, _) => self.features_by_second_name[name].push(id),
                (Some(per), _) => self.keyed_features[usize::from(per.0)][name][is_second].push(id),
            }
        }
    }

    fn index_segment(&mut self, rules: &Ruleset, id: SegmentId) {
        let segment = &rules.segments[usize::from(id.0)];
        let reads = &segment.reads;
        if segment.group.is_some() {
            return;
        }
        self.all.insert(id);
        if reads.any_event {
            self.any_event.insert(id);
        }
        if let Some(per) = segment.per {
            // Of what time alone changes, each instance knows when.
            self.segments_by_per[usize::from(per.0)].insert(id);
        } else if reads.time {
            self.timed.insert(id);
            let is_of_features = !reads.names.is_empty() || !reads.ledgers.is_empty();
            if reads.any_event || reads.time_of_traits || reads.time_of_points || !is_of_features {
                self.always_timed.insert(id);
            }
            let of_names = reads.names.iter().flat_map(|name| &self.features_by_name[usize::from(name.0)]);
            let of_ledgers = reads.ledgers.iter().flat_map(|ledger| &self.features_by_ledger[usize::from(ledger.0)]);
            for feature in of_names.chain(of_ledgers) {
                self.timed_by_feature[usize::from(feature.0)].insert(id);
            }
        }
        for name in &reads.names {
            self.segments_by_name[usize::from(name.0)].insert(id);
        }
        for ledger in &reads.ledgers {
            self.segments_by_ledger[usize::from(ledger.0)].insert(id);
        }
        for read in &reads.traits {
            self.segments_by_trait[usize::from(read.0)].insert(id);
        }
        for read in &reads.purposes {
            self.segments_by_purpose[usize::from(read.0)].insert(id);
        }
        for read in &reads.ranks {
            self.segments_by_rank[usize::from(read.0)].insert(id);
        }
        for read in &reads.segments {
            // Where an instance changed, its other segments are evaluated anyway.
            if segment.per.is_none() || rules.segments[usize::from(read.0)].per.is_none() {
                self.readers[usize::from(read.0)].insert(id);
            }
        }
    }

    /// Adds the segments that time alone can change for a user with state for these features.
    pub fn timed_for(&self, features: impl Iterator<Item = FeatureId>, set: &mut SegmentSet) {
        set.extend(&self.always_timed);
        for feature in features {
            set.extend(&self.timed_by_feature[usize::from(feature.0)]);
        }
    }

    /// The names an event may go by, before their `where` is asked.
    pub fn candidate_names(&self, event: &Event<'_>) -> &[NameId] {
        match event.call {
            CallType::Track => event.tracked.map_or(&self.untracked, |id| &self.tracked[usize::from(id.0)]),
            CallType::Page => &self.pages,
            CallType::Screen => &self.screens,
            CallType::Identify | CallType::Alias | CallType::Group => &[],
        }
    }

    /// The features an event of this name feeds.
    pub fn features(&self, name: NameId) -> &[FeatureId] {
        &self.features_by_name[usize::from(name.0)]
    }

    /// The features it feeds whose second name this is.
    pub fn features_second(&self, name: NameId) -> &[FeatureId] {
        &self.features_by_second_name[usize::from(name.0)]
    }

    /// The features of an instance that a match of this name feeds: those by name, and those whose second name it is.
    pub fn keyed_features(&self, per: PerId, name: NameId) -> &[Vec<FeatureId>; 2] {
        &self.keyed_features[usize::from(per.0)][usize::from(name.0)]
    }

    /// The segments with this `per`.
    pub fn segments_of(&self, per: PerId) -> &SegmentSet {
        &self.segments_by_per[usize::from(per.0)]
    }

    /// What the matches of these groups can change.
    pub fn group(&self, id: GroupId) -> &GroupDispatch {
        &self.groups[usize::from(id.0)]
    }

    /// Whether a match of an event may bear the key of a group.
    pub fn brings_to_groups(&self, rules: &Ruleset, event: &Event<'_>) -> bool {
        let bears_key = |name: &NameId| {
            let has_own_values = rules.names[usize::from(name.0)].has_own_values();
            let mut groups = rules.groups.iter();
            groups.any(|group| has_own_values || key_of(field_value(&event.fields, group.field(*name))).is_some())
        };
        self.candidate_names(event).iter().any(bears_key)
    }

    /// The table of which the event is a row; `None`: it is a user's event.
    pub fn table_of(&self, event: &Event<'_>) -> Option<TableId> {
        let tracked = event.tracked.filter(|_| event.call == CallType::Track)?;
        self.tables.get(usize::from(tracked.0)).copied().flatten()
    }

    /// The `[per.K]` whose keys the rows of a table have.
    pub fn pers_of_table(&self, table: TableId) -> &[PerId] {
        &self.pers_by_table[usize::from(table.0)]
    }

    /// The field that says whose match it is; `None`: nothing reads it.
    pub fn match_user_field(&self) -> Option<FieldId> {
        self.match_user_field
    }

    /// The amounts of an event of this name: the index in the rules, and the property.
    pub fn amounts(&self, name: NameId) -> &[(usize, FieldId)] {
        &self.amounts_by_name[usize::from(name.0)]
    }

    /// The segments that read an event of this name.
    pub fn segments_reading_name(&self, name: NameId) -> &SegmentSet {
        &self.segments_by_name[usize::from(name.0)]
    }

    /// The features that what is earned and spent in a ledger feeds.
    pub fn features_of_ledger(&self, ledger: LedgerId) -> &[FeatureId] {
        &self.features_by_ledger[usize::from(ledger.0)]
    }

    /// The segments that read the points of a ledger.
    pub fn segments_reading_ledger(&self, ledger: LedgerId) -> &SegmentSet {
        &self.segments_by_ledger[usize::from(ledger.0)]
    }

    /// The segments that read this trait.
    pub fn segments_reading_trait(&self, id: TraitId) -> &SegmentSet {
        &self.segments_by_trait[usize::from(id.0)]
    }

    /// The segments that ask about consent to this.
    pub fn segments_reading_purpose(&self, id: PurposeId) -> &SegmentSet {
        &self.segments_by_purpose[usize::from(id.0)]
    }

    /// The segments that ask what came of a rank.
    pub fn segments_reading_rank(&self, id: RankId) -> &SegmentSet {
        &self.segments_by_rank[usize::from(id.0)]
    }

    /// Whether anything may happen to a user because another rank came of a taking.
    pub fn is_rank_heard(&self, id: RankId) -> bool {
        self.segments_reading_rank(id).next_from(0).is_some() || self.ranks_of_subjects.contains(&id)
    }

    /// The names that tell of a rank, in file order.
    pub fn names_of_rank(&self, id: RankId) -> &[NameId] {
        &self.names_by_rank[usize::from(id.0)]
    }

    /// The segments that read membership in this one, of instances of the same key apart; all come after it.
    pub fn readers(&self, segment: SegmentId) -> &SegmentSet {
        &self.readers[usize::from(segment.0)]
    }

    /// The campaigns that a change of this segment triggers, in file order.
    pub fn campaigns(&self, segment: SegmentId, change: TransitionKind) -> &[CampaignId] {
        &self.campaigns[usize::from(segment.0)][change as usize]
    }

    /// The campaigns that a match of this name triggers, in file order.
    pub fn campaigns_on_match(&self, name: NameId) -> &[CampaignId] {
        &self.campaigns_by_name[usize::from(name.0)]
    }
}

/// The ranks that the subjects of partners read: who is shared with them, and as whom, is asked after every evaluation.
fn ranks_of_subjects(rules: &Ruleset) -> Vec<RankId> {
    let mut found = Vec::new();
    for subject in rules.partners.iter().filter_map(|partner| partner.subject.as_ref()) {
        each_in_term(subject, &mut |term| {
            if let Term::Ranked { rank, .. } = term {
                found.push(*rank);
            }
        });
    }
    found
}
