//! What users touch, and the lists that decisions offer them (semantics §20).

use std::sync::Arc;

use super::StepContext;
use super::matches::EventMatch;
use crate::engine::evaluate::EvaluationContext;
use crate::engine::key_instance::key_of;
use crate::event::{FieldId, Scalar, field_value};
use crate::json::JsonText;
use crate::partition::{ExecutionPlan, User};
use crate::picks::{ItemFilter, Pick, PickQuery, PickSubject, Touch, picks_json};
use crate::rows::TableRows;
use crate::rules::ruleset::{Campaign, PayloadPicks, PickList, PickListId};

/// The most matches of one event that have places of their own; all later ones share the last.
const ORDINAL_BITS: u32 = 16;

/// The places in the log of the touches of one event, or of one delivery: what is delivered at a position precedes its event.
#[derive(Clone, Copy, Debug)]
pub(super) struct TouchPlaces(u64);

impl TouchPlaces {
    /// Those of an event.
    pub(super) fn of_event(position: u64) -> TouchPlaces {
        TouchPlaces(position << 1 | 1)
    }

    /// Those of a delivery.
    pub(super) fn of_delivery(position: u64) -> TouchPlaces {
        TouchPlaces(position << 1)
    }

    /// The place of a match.
    pub(super) fn of(self, ordinal: usize) -> u64 {
        let last = (1 << ORDINAL_BITS) - 1;
        self.0 << ORDINAL_BITS | u64::try_from(ordinal).unwrap_or(last).min(last)
    }
}

/// The rows of items, as the user sees them.
struct RowFilter<'f> {
    plan: &'f ExecutionPlan,
    user: &'f User,
    rows: &'f TableRows,
}

impl ItemFilter for RowFilter<'_> {
    fn admits(&self, list: &PickList, item: &str) -> bool {
        let profile = &self.user.profile;
        let scope = EvaluationContext::new(&self.plan.rules, profile, profile.now).with_rows(self.rows);
        let scope = EvaluationContext { item_key: Some(item), ..scope };
        list.filter.as_ref().is_none_or(|filter| scope.holds(filter))
    }
}

impl StepContext {
    /// Adds a match to what the user touched, for each list that it concerns.
    pub(super) fn record_touch(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        place: u64,
        found: &EventMatch,
        fields: &[(FieldId, Scalar<'_>)],
    ) {
        for (id, list) in (0..).map(PickListId).zip(&plan.rules.picks) {
            let (is_touch, is_left_out) = (list.on.contains(&found.name), list.without.contains(&found.name));
            if !is_touch && !is_left_out {
                continue;
            }
            let Some(item) = key_of(field_value(fields, list.item_field(found.name))) else { continue };
            let item: Arc<str> = Arc::from(&*item);
            let touch = Touch { item: &item, ts: found.ts, place, watermark: self.watermark };
            let touches = user.picks.of_mut(id);
            if is_left_out {
                touches.leave_out(list, touch);
            }
            if is_touch {
                touches.touch(list, touch, &mut self.pick_tables[usize::from(id.0)]);
            }
        }
    }

    /// Remembers an item that the storefront showed.
    pub(super) fn record_shown(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        found: &EventMatch,
        fields: &[(FieldId, Scalar<'_>)],
    ) {
        let Some(sales) = plan.growth.as_ref().and_then(|growth| growth.rules.picks.as_ref()) else { return };
        for (_, field) in sales.shown.iter().filter(|(name, _)| *name == found.name) {
            if let Some(item) = key_of(field_value(fields, *field)) {
                user.shown.show(&item, found.ts, sales.within);
            }
        }
    }

    /// What a user is offered, at its clock. `seeds` stand for its current session.
    pub(in crate::partition) fn pick(
        &self,
        plan: &ExecutionPlan,
        user: &User,
        list: PickListId,
        items: usize,
        seeds: Option<&[Arc<str>]>,
    ) -> Vec<Pick> {
        let indexes = (0..).map(PickListId).zip(self.pick_indexes.iter());
        let subjects: Vec<PickSubject<'_>> =
            indexes.map(|(id, index)| PickSubject { index, user: user.picks.of(id) }).collect();
        let filter = &RowFilter { plan, user, rows: &self.rows };
        let query = PickQuery { lists: &plan.rules.picks, subjects: &subjects, now: user.profile.now, seeds, filter };
        query.list(list, items)
    }

    /// The lists in the payload of an action, which are shown to the user from here on; `key`: of the instance of a key that it is about.
    pub(super) fn payload_picks(
        &self,
        plan: &ExecutionPlan,
        user: &mut User,
        campaign: &Campaign,
        key: Option<&str>,
    ) -> Vec<(String, JsonText)> {
        let key: Option<Arc<str>> = key.map(Arc::from);
        let sales = plan.growth.as_ref().and_then(|growth| growth.rules.picks.as_ref());
        let mut lists = Vec::with_capacity(campaign.payload_picks.len());
        for picks in &campaign.payload_picks {
            let picks: &PayloadPicks = picks;
            let seeds = key.as_ref().map(std::slice::from_ref);
            let picked = self.pick(plan, user, picks.list, picks.items.into(), seeds);
            if let Some(sales) = sales {
                picked.iter().for_each(|pick| user.shown.show(&pick.item, user.profile.now, sales.within));
            }
            lists.push((picks.field.clone(), picks_json(&picked)));
        }
        lists
    }
}
