//! A compiled rules file, [`Ruleset`]: every name is resolved, every type is checked.
//!
//! It is data only. `decode` reads [`Projection`], `engine` evaluates [`Condition`] and [`Term`], `campaigns` decides by
//! [`Campaign`] and [`Cap`].
//!
//! # Invariants
//! - Ids are indexes: `FeatureId(3)` is `features[3]`, and so on. Segments and campaigns are in file order.
//! - `Condition::InSegment` only names a segment above the one it is part of.
//! - No two features are equal: two segments that read the same event, property and window share one.

mod budget;
mod campaign;
mod condition;
mod event_name;
mod feature;
mod goal;
mod group;
mod ledger;
mod model;
mod moving_term;
mod partner;
mod per;
mod pick_list;
mod projection;
mod rank;
mod row_table;
mod term;

pub use budget::{Budget, BudgetId, Coupon, Settlement, Spend};
pub use campaign::{Adaptation, Campaign, CampaignTrigger, Cap, PayloadPicks, QuietHours, TransitionKind, Variant};
pub use condition::{Condition, ConditionDependencies, TextTest};
pub use event_name::{EventName, LetTerm, MatchValue, MatchValueSource};
pub use feature::{Feature, FeatureSource};
pub use goal::{Goal, GoalId};
pub use group::{GroupId, GroupKind, GroupNotice, NoticeAddressees};
pub use ledger::{CampaignPrice, Ledger, LedgerEntry, LedgerId};
pub use model::{CustomerModel, ModelId, ModelQuestion, ModelScore};
pub use moving_term::{MovingTerm, MovingTermStep};
pub(in crate::rules) use partner::purpose_mistake;
pub use partner::{Partner, PartnerId, Purpose, PurposeId};
pub use per::{PerId, PerKey};
pub use pick_list::{PickColumn, PickInterval, PickKind, PickList, PickListId, PickSource};
pub use projection::{ArrayProjection, Projection};
pub use rank::{Rank, RankFigure, RankId, TakingInterval};
pub use row_table::{ColumnId, RowTable, TableColumn, TableId};
pub use term::Term;

use std::sync::Arc;

use super::growth::GrowthRules;
use crate::event::FieldId;
pub use crate::features::{CalendarWindow, FeatureKind, Window};
use crate::time::{Span, ZoneCalendar};
pub use crate::value::{Arithmetic, Comparison};

/// A rules file, checked and compiled.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// `xxh3_64` of the file's text, as 16 hex digits: it identifies the rules of a decision.
    pub version: String,
    /// The zone of users whose own is unknown; UTC by default.
    pub timezone: jiff::tz::TimeZone,
    /// The days, weeks, months, quarters and years of `timezone`.
    pub calendar: Arc<ZoneCalendar>,
    /// IANA name of `timezone`.
    pub timezone_name: String,
    /// How long a user's messageIds are remembered; 24 hours by default.
    pub dedup_window: Span,
    /// The share of users, 0 to 1, in the global control group.
    pub control: f64,
    /// `[events]`, in file order.
    pub names: Vec<EventName>,
    /// `[per.K]`, in file order.
    pub pers: Vec<PerKey>,
    /// `[groups.G]`, in file order.
    pub groups: Vec<GroupKind>,
    /// `[tables.T]`, in file order.
    pub tables: Vec<RowTable>,
    /// `[[models]]`, in file order.
    pub models: Vec<CustomerModel>,
    /// `[[ledgers]]`, in file order.
    pub ledgers: Vec<Ledger>,
    /// Everything that is remembered per user, or per instance of a key.
    pub features: Vec<Feature>,
    /// `[[segments]]`, in file order.
    pub segments: Vec<Segment>,
    /// `[[budgets]]`, in file order.
    pub budgets: Vec<Budget>,
    /// `[[campaigns]]`, in file order.
    pub campaigns: Vec<Campaign>,
    /// What is asked about consent, in the order in which the file names it first.
    pub purposes: Vec<Purpose>,
    /// `[[partners]]`, in file order.
    pub partners: Vec<Partner>,
    /// `[[ranks]]`, in file order.
    pub ranks: Vec<Rank>,
    /// `[[picks]]`, in file order.
    pub picks: Vec<PickList>,
    /// `[[caps]]`, in file order.
    pub caps: Vec<Cap>,
    /// `[[goals]]`, in file order.
    pub goals: Vec<Goal>,
    /// `[growth]` and what belongs to it; `None`: no growth numbers are computed.
    pub growth: Option<GrowthRules>,
    /// The properties that features, goals or the growth numbers add up or average; each once.
    pub amounts: Vec<NumericProperty>,
    /// What the decoder keeps of an event.
    pub projection: Projection,
}

/// An event name of `[events]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub u16);

/// A feature: one kind of state per user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(pub u16);

/// A segment, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u16);

/// A campaign, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(pub u16);

/// A segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// One line for people, from the rules' `description`; empty if there is none.
    pub description: String,
    /// The `[per.K]` whose instances are its members; `None`: users are.
    pub per: Option<PerId>,
    /// The `[groups.G]` whose groups are its members; `None`: users, or keys of users, are.
    pub group: Option<GroupId>,
    /// The condition for being a member.
    pub when: Condition,
    /// What can change its value.
    pub reads: ConditionDependencies,
}

/// A property of an event that should be a number; other values are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumericProperty {
    /// The event.
    pub name: NameId,
    /// The property.
    pub field: FieldId,
}

/// The path of `E.user`, the id of the user whose match it is. No property and no value of a match has the same.
pub(crate) const MATCH_USER_PATH: [&str; 2] = ["#match", "user"];

impl Ruleset {
    /// The field of `E.user`; `None`: nothing reads it.
    pub fn match_user_field(&self) -> Option<FieldId> {
        let at = self.projection.fields.iter().position(|path| *path == MATCH_USER_PATH)?;
        u16::try_from(at).ok().map(FieldId)
    }

    /// The features of users, or those of keys of a `[per.K]`, or of groups of a `[groups.G]`.
    pub fn features_of(
        &self,
        per: Option<PerId>,
        group: Option<GroupId>,
    ) -> impl Iterator<Item = (FeatureId, &Feature)> {
        let all = (0..).map(FeatureId).zip(&self.features);
        all.filter(move |(_, feature)| (feature.per, feature.group) == (per, group))
    }

    /// What triggers a campaign, as the rules write it: `enter:dormant`, `event:spin`.
    pub fn trigger_name(&self, on: CampaignTrigger) -> String {
        match on {
            CampaignTrigger::Transition { segment, change } => {
                format!("{}:{}", change.name(), self.segments[usize::from(segment.0)].id)
            }
            CampaignTrigger::Match(name) => format!("event:{}", self.names[usize::from(name.0)].id),
        }
    }

    /// An amount as the rules write it: `order.total`.
    pub fn amount_name(&self, amount: NumericProperty) -> String {
        let path = &self.projection.fields[usize::from(amount.field.0)];
        format!("{}.{}", self.names[usize::from(amount.name.0)].id, path[1..].join("."))
    }
}
