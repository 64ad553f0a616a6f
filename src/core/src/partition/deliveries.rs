//! What users share at the end of a beat (semantics §8): their matches go to groups; and what groups tell, rows and ranks that changed
//! reach them: all of it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::firing::arm;
use super::io::{LogInstant, Output};
use super::ranks::RankDelivery;
use super::{ExecutionPlan, Partition, WARM_FROM};
use crate::groups::{GroupMatch, GroupRules, ToldNotice};
use crate::rows::{RowChange, TableRows};
use crate::rules::ruleset::{NameId, PerId, TableId};
use crate::secret::DrawSecret;

/// The state of how many users is fetched together.
const BLOCK: usize = 32;

/// All that reaches users at the end of a beat, beside what takings of ranks bring them.
#[derive(Debug, Default)]
pub struct BeatDeliveries<'n> {
    /// What groups tell.
    pub notices: Vec<NoticeDelivery<'n>>,
    /// The rows of which other things can be read than before.
    pub rows: &'n [RowChange],
}

/// All that groups tell one user.
#[derive(Debug)]
pub struct NoticeDelivery<'n> {
    /// The user.
    pub user: Arc<str>,
    /// By file order of names, then by key, then as it arose.
    pub notices: Vec<&'n ToldNotice>,
}

/// What reaches the user in one slot.
struct SlotDelivery<'d, 'n> {
    notices: &'d [&'n ToldNotice],
    /// The keys whose rows changed, of which the user may have instances.
    rows: &'d [(u32, PerId, &'n RowChange)],
    ranks: Option<&'d RankDelivery>,
}

impl ExecutionPlan {
    /// What groups are evaluated by.
    pub fn group_rules<'p>(&'p self, secret: &'p DrawSecret, rows: &'p TableRows) -> GroupRules<'p> {
        GroupRules { rules: &self.rules, dispatch: &self.dispatch, secret, rows }
    }
}

impl Partition {
    /// Delivers to users at the end of a beat, at that watermark: what is due for them by then fires first. Nothing happens to
    /// who is not there, or not any more by then, and to users without an instance of a key whose row changed. Returns the name of
    /// each notice that was delivered.
    pub fn deliver(
        &mut self,
        plan: &ExecutionPlan,
        deliveries: &BeatDeliveries<'_>,
        end: LogInstant,
        out: &mut Vec<Output>,
    ) -> Vec<NameId> {
        let told = deliveries.notices.iter();
        let told: BTreeMap<u32, &[&ToldNotice]> =
            told.filter_map(|delivery| Some((self.users.find(&delivery.user)?, &*delivery.notices))).collect();
        let ranks = self.take_rank_deliveries();
        let (mut concerned, mut delivered) = (Vec::new(), Vec::new());
        for change in deliveries.rows {
            for per in plan.dispatch.pers_of_table(change.table) {
                concerned.extend(self.keys.slots(*per, &change.key).map(|slot| (slot, *per, change)));
            }
        }
        // Stable: the changes of one user are in the order of tables and keys.
        concerned.sort_by_key(|(slot, ..)| *slot);
        let mut of_rows = concerned.as_slice();
        let of_keys = concerned.iter().map(|(slot, ..)| *slot);
        let slots: BTreeSet<u32> = told.keys().copied().chain(of_keys).chain(ranks.slots()).collect();
        let slots: Vec<u32> = slots.into_iter().collect();
        for block in slots.chunks(BLOCK) {
            if self.users.len() >= WARM_FROM {
                self.users.warm_slots(block);
            }
            for slot in block {
                let (rows, rest) = of_rows.split_at(of_rows.partition_point(|(other, ..)| other <= slot));
                of_rows = rest;
                let (groups, ranks) = (told.get(slot).copied().unwrap_or_default(), ranks.of(*slot));
                let of_ranks: Vec<ToldNotice> = ranks.iter().flat_map(|ranks| ranks.notices(plan)).collect();
                let mut notices: Vec<&ToldNotice> = groups.iter().copied().chain(&of_ranks).collect();
                // Stable: what one group tells by one name stays in its order.
                notices.sort_by(|a, b| (a.name, &a.key).cmp(&(b.name, &b.key)));
                if self.deliver_to(plan, *slot, SlotDelivery { notices: &notices, rows, ranks }, end, out) {
                    delivered.extend(notices.iter().map(|notice| notice.name));
                }
            }
        }
        delivered
    }

    /// False, and nothing is delivered: the user is not there any more by then.
    fn deliver_to(
        &mut self,
        plan: &ExecutionPlan,
        slot: u32,
        delivery: SlotDelivery<'_, '_>,
        end: LogInstant,
        out: &mut Vec<Output>,
    ) -> bool {
        let SlotDelivery { notices, rows, ranks } = delivery;
        let Partition { users, timers, steps, snapshots, keys, .. } = self;
        let changed = ranks.map_or(&[][..], |ranks| &ranks.changed);
        let expired = users.change(slot, |user| {
            let has_key = |(_, per, change): &&(u32, PerId, &RowChange)| user.profile.keys.contains(*per, &change.key);
            let of_rows = rows.iter().filter(has_key).map(|(.., change)| change.at).max();
            let times = notices.iter().map(|notice| notice.at).chain(of_rows).chain(ranks.map(|ranks| ranks.at));
            let at = times.max()?;
            snapshots.touch(slot, user);
            let now = at.max(user.profile.now).max(end.at);
            if of_rows.is_some() || !changed.is_empty() {
                // What is due before that instant sees rows and ranks as they are now.
                rows.iter().for_each(|(_, per, change)| user.profile.keys.mark(*per, &change.key));
                let first = steps.next_instant(plan, user, end.at);
                if first <= now {
                    user.segments_due = user.segments_due.min(first);
                }
            }
            steps.enter_beat(end.at);
            let expired = steps.fire_due(plan, user, LogInstant { at: now, position: end.position }, out);
            keys.follow(slot, &mut steps.key_changes);
            if let Some(at) = expired {
                steps.note_expired(plan, user, LogInstant { at, position: end.position }, out);
                return Some(Arc::clone(&user.id));
            }
            steps.enter_beat(end.at);
            user.profile.now = now;
            rows.iter().for_each(|(_, per, change)| user.profile.keys.mark(*per, &change.key));
            steps.take_delivery(plan, user, (notices, changed), end.position, out);
            arm(timers, slot, user, steps.state_ttl);
            keys.follow(slot, &mut steps.key_changes);
            None
        });
        let expired = expired.flatten();
        if let Some(id) = &expired {
            self.remove(id);
        }
        expired.is_none()
    }

    /// The ids of users with an instance of a key whose rows are those of a table, of the first `most` that are found.
    pub fn watching_users(&self, plan: &ExecutionPlan, table: TableId, key: &str, most: usize) -> Vec<&str> {
        let pers = plan.dispatch.pers_of_table(table).iter();
        pers.flat_map(|per| self.keys.slots(*per, key)).take(most).map(|slot| self.users.id_of(slot)).collect()
    }

    /// From here on users see these rows of tables.
    pub fn see_rows(&mut self, rows: &Arc<TableRows>) {
        self.steps.rows = Arc::clone(rows);
    }

    /// From here on users see no rows, until they see others: so that nobody holds those that are about to change.
    pub fn release_rows(&mut self) {
        self.steps.rows = Arc::default();
    }

    /// The matches for groups that came since this was last called, in the order of each user.
    pub fn take_group_matches(&mut self) -> Vec<GroupMatch> {
        std::mem::take(&mut self.steps.group_matches)
    }
}
