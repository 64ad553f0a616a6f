//! Takings of ranks in a partition (semantics §19): which numbers its users have, what comes of them, and what they are told; and the
//! weights of variants that stand.
//!
//! What comes of a taking is there for all users before anything is delivered to one of them, since what is due for it then
//! sees the ranks as they are by then. Whom it concerns is noted until the [delivery](super::Partition::deliver).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ExecutionPlan, Partition};
use crate::campaigns::StandingWeights;
use crate::engine::evaluate::EvaluationContext;
use crate::event::{FieldId, Scalar};
use crate::groups::ToldNotice;
use crate::ranks::{RankCounts, RankNumber, RankTable};
use crate::rules::ruleset::{EventName, MatchValueSource, NameId, RankId};
use crate::time::Timestamp;

/// The numbers of the users of a partition who are taken for a rank.
#[derive(Debug, Default)]
pub struct RankScan {
    /// By slot.
    numbers: Vec<(u32, RankNumber)>,
}

/// Whom takings concern, by slot, until it is delivered to them.
#[derive(Debug, Default)]
pub(super) struct RankDeliveries(BTreeMap<u32, RankDelivery>);

/// What takings bring one user.
#[derive(Debug)]
pub(super) struct RankDelivery {
    /// The instant of the takings.
    pub(super) at: Timestamp,
    /// The ranks of which something else came than before, and that something asks for.
    pub(super) changed: Vec<RankId>,
    /// What they tell the user.
    told: Vec<ToldRank>,
}

/// What a rank tells a user.
#[derive(Debug)]
struct ToldRank {
    name: NameId,
    values: Vec<(FieldId, Scalar<'static>)>,
}

impl RankScan {
    /// How many of the users have which number.
    pub fn counts(&self) -> RankCounts {
        RankCounts::new(self.numbers.iter().map(|(_, number)| *number).collect())
    }
}

impl RankDeliveries {
    /// The slots of those whom it concerns.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// What it brings the user in a slot.
    pub(super) fn of(&self, slot: u32) -> Option<&RankDelivery> {
        self.0.get(&slot)
    }
}

impl RankDelivery {
    /// The notices in it, in the order in which they arose.
    pub(super) fn notices(&self, plan: &ExecutionPlan) -> impl Iterator<Item = ToldNotice> {
        self.told.iter().map(|told| ToldNotice {
            name: told.name,
            key: "".into(),
            at: self.at,
            message_id: format!("{}:{}", plan.rules.names[usize::from(told.name.0)].id, self.at).into(),
            to: Vec::new(),
            values: told.values.clone(),
        })
    }
}

impl Partition {
    /// From here on these weights of variants stand.
    pub fn use_weights(&mut self, weights: &Arc<StandingWeights>) {
        self.steps.weights = Arc::clone(weights);
    }

    /// Asks all users who may be taken for a rank, at an instant or at their clocks where these are ahead.
    pub fn scan_rank(&self, plan: &ExecutionPlan, rank: RankId, at: Timestamp) -> RankScan {
        let definition = &plan.rules.ranks[usize::from(rank.0)];
        let number = |slot: u32| {
            let user = self.users.get(slot)?;
            if definition.among.is_some_and(|segment| !user.profile.members.contains(segment)) {
                return None;
            }
            let scope = EvaluationContext::new(&plan.rules, &user.profile, user.profile.now.max(at));
            let scope = scope.with_rows(&self.steps.rows);
            Some((slot, RankNumber::of(&scope.value(&definition.of))?))
        };
        RankScan { numbers: (0..self.users.slots()).filter_map(number).collect() }
    }

    /// What came of all users at a taking is theirs from here on. What it tells is worked out; whom it concerns awaits a
    /// delivery.
    pub fn take_rank(
        &mut self,
        plan: &ExecutionPlan,
        rank: RankId,
        (scan, table): (&RankScan, &RankTable),
        at: Timestamp,
    ) {
        let is_heard = plan.dispatch.is_rank_heard(rank);
        let names = plan.dispatch.names_of_rank(rank);
        let mut taken = scan.numbers.iter().copied().peekable();
        let Partition { users, snapshots, rank_deliveries, steps, .. } = self;
        for slot in 0..users.slots() {
            let number = taken.next_if(|(other, _)| *other == slot).map(|(_, number)| number);
            let found = number.and_then(|number| table.rank_of(rank, number));
            users.change(slot, |user| {
                let is_changed = user.profile.ranks.of(rank) != found.as_ref();
                if is_changed {
                    snapshots.touch(slot, user);
                    user.profile.ranks.set(rank, found);
                }
                let mut told = Vec::new();
                if found.is_some() {
                    let scope = EvaluationContext::new(&plan.rules, &user.profile, user.profile.now.max(at));
                    let scope = scope.with_rows(&steps.rows);
                    told.extend(names.iter().filter_map(|name| told_rank(&scope, *name)));
                }
                if is_changed && is_heard || !told.is_empty() {
                    let delivery = rank_deliveries.0.entry(slot).or_insert_with(|| RankDelivery {
                        at,
                        changed: Vec::new(),
                        told: Vec::new(),
                    });
                    delivery.changed.extend(Some(rank).filter(|_| is_changed && is_heard));
                    delivery.told.append(&mut told);
                }
            });
        }
    }

    /// What was noted of takings, for the deliveries.
    pub(super) fn take_rank_deliveries(&mut self) -> RankDeliveries {
        std::mem::take(&mut self.rank_deliveries)
    }
}

/// What a name tells a user of a rank; `None`: nothing.
fn told_rank(scope: &EvaluationContext<'_>, name: NameId) -> Option<ToldRank> {
    let definition: &EventName = &scope.rules.names[usize::from(name.0)];
    if definition.filter.as_ref().is_some_and(|filter| !scope.holds(filter)) {
        return None;
    }
    let value = |index: u16| scope.value(&definition.lets[usize::from(index)].term).to_scalar().map(Scalar::into_owned);
    let values = definition.values.iter().filter_map(|found| match found.source {
        MatchValueSource::Let(index) => Some((found.field, value(index)?)),
        MatchValueSource::Property { .. } => None,
    });
    Some(ToldRank { name, values: values.collect() })
}
