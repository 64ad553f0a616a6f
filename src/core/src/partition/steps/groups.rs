//! What a user's matches bring to groups (semantics §17): they are handed in, and come to the groups at the end of the beat.

use super::StepContext;
use super::matches::EventMatch;
use crate::engine::key_instance::key_of;
use crate::event::{FieldId, Scalar, field_value};
use crate::groups::GroupMatch;
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::GroupId;

impl StepContext {
    /// Hands a match of an event in for the groups whose keys it bears.
    pub(super) fn hand_in_match(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        position: u64,
        found: &EventMatch,
        fields: &[(FieldId, Scalar<'_>)],
    ) {
        for (group, definition) in (0..).map(GroupId).zip(&plan.rules.groups) {
            let Some(key) = key_of(field_value(fields, definition.field(found.name))) else { continue };
            let read = |field: &FieldId| {
                if plan.dispatch.match_user_field() == Some(*field) {
                    return Some((*field, Scalar::Text(user.id.to_string().into())));
                }
                Some((*field, field_value(fields, *field)?.clone().into_owned()))
            };
            let values = plan.dispatch.group(group).reads(found.name).iter().filter_map(read).collect();
            let (name, ts, key) = (found.name, found.ts, key.into());
            self.group_matches.push(GroupMatch { beat: self.beat, position, group, key, name, ts, values });
        }
    }
}
