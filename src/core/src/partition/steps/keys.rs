//! Keys: what a match adds to their instances, and how they are forgotten (semantics §11).

use std::sync::Arc;

use super::StepContext;
use super::matches::EventMatch;
use crate::engine::instances::KeyedMatch;
use crate::engine::key_instance::{KeyInstance, key_of};
use crate::event::{FieldId, Scalar, field_value};
use crate::features::FeatureInput;
use crate::partition::io::{Cause, Output, OutputKind};
use crate::partition::key_index::KeyEntryChange;
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::{PerId, TransitionKind};

impl StepContext {
    /// Adds a match to the instances of its keys.
    pub(super) fn record_keys(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        found: &EventMatch,
        fields: &[(FieldId, Scalar<'_>)],
        input: &FeatureInput<'_, '_>,
        out: &mut Vec<Output>,
    ) {
        for (per, definition) in (0..).map(PerId).zip(&plan.rules.pers) {
            let Some(key) = key_of(field_value(fields, definition.field(found.name))) else { continue };
            let features = plan.dispatch.keyed_features(per, found.name);
            let keyed = KeyedMatch { per, key: &key, name: found.name, input, features };
            let result = user.profile.keys.record(&plan.rules, keyed);
            self.counts.keys[usize::from(per.0)] += u64::from(result.is_new);
            if result.is_new && self.indexes_keys[usize::from(per.0)] {
                self.key_changes.push(KeyEntryChange::new(per, &key, true));
            }
            for instance in result.removed {
                self.forget_key(plan, user, &instance, Cause::Max, input.position, out);
            }
        }
    }

    /// Forgets the keys whose `ttl` has passed at the user's clock, by file order of `[per.K]`, then key.
    pub(super) fn forget_expired_keys(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        if user.profile.keys.due() > user.profile.now {
            return;
        }
        while let Some(instance) = user.profile.keys.take_forgotten(&plan.rules, user.profile.now) {
            self.forget_key(plan, user, &instance, Cause::Ttl, position, out);
        }
    }

    /// Forgets the keys of a user that are too many after a visitor was merged into it.
    pub(in crate::partition) fn forget_surplus_keys(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        for (per, definition) in (0..).map(PerId).zip(&plan.rules.pers) {
            for instance in user.profile.keys.shrink(per, definition.max.into()) {
                self.forget_key(plan, user, &instance, Cause::Max, position, out);
            }
        }
    }

    /// An instance that was removed leaves its segments, in file order, which triggers no campaign.
    fn forget_key(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        instance: &KeyInstance,
        cause: Cause,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        let per = usize::from(instance.per.0);
        if self.indexes_keys[per] {
            self.key_changes.push(KeyEntryChange::new(instance.per, &instance.key, false));
        }
        self.counts.keys[per] -= 1;
        self.counts.keys_forgotten[per][usize::from(cause == Cause::Max)] += 1;
        instance.members.iter().for_each(|segment| self.counts.sizes[usize::from(segment.0)] -= 1);
        self.tell_left(plan, user, instance, cause, position, out);
    }

    /// Tells that an instance that is gone has left its segments, in file order.
    pub(in crate::partition) fn tell_left(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        instance: &KeyInstance,
        cause: Cause,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        for segment in instance.members.iter() {
            self.counts.transitions[usize::from(segment.0)][TransitionKind::Exit as usize] += 1;
            self.stale.extend(plan.dispatch.readers(segment));
            let key = Some(Arc::clone(&instance.key));
            let decided = OutputKind::Transition { segment, change: TransitionKind::Exit, key, cause: cause.clone() };
            out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
        }
    }
}
