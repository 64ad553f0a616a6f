//! Users whose id begins with a text, or who have a trait of this value: a bounded number of users is looked at.

use std::sync::Arc;

use super::{ExecutionPlan, Partition};
use crate::event::Scalar;
use crate::rules::ruleset::Ruleset;

/// What of a user agreed with what was searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserMatch {
    /// The id, or its beginning.
    Id,
    /// The id of a visitor who became the user.
    AnonymousId,
    /// The value of this trait.
    Trait(String),
}

/// How much of a partition is looked at.
#[derive(Clone, Copy, Debug)]
pub struct SearchBounds {
    /// The most users whose ids are compared.
    pub ids: usize,
    /// The most users whose traits are compared; packed users are unpacked for it.
    pub traits: usize,
    /// The most users that are found.
    pub found: usize,
}

impl Partition {
    /// Appends users whose id begins with `text`, and users with a trait whose value it is. Returns whether there were more users to
    /// look at.
    pub fn search(
        &self,
        plan: &ExecutionPlan,
        text: &str,
        bounds: SearchBounds,
        found: &mut Vec<(Arc<str>, UserMatch)>,
    ) -> bool {
        let (slots, mut ids, mut with_trait) = (self.users.slots(), 0, 0);
        let has_traits = !plan.rules.projection.traits.is_empty();
        for slot in 0..slots {
            let at = slot as usize;
            if ids + with_trait >= bounds.found || at >= bounds.ids {
                return true;
            }
            if self.users.id_of(slot).starts_with(text) {
                found.push((self.users.id_of(slot).into(), UserMatch::Id));
                ids += 1;
            } else if has_traits
                && at < bounds.traits
                && let Some(user) = self.users.get(slot)
                && let Some(path) = user
                    .profile
                    .traits
                    .values()
                    .find_map(|(id, value)| is_text(value, text).then(|| path_of(&plan.rules, usize::from(id.0))))
            {
                found.push((Arc::clone(&user.id), UserMatch::Trait(path)));
                with_trait += 1;
            }
        }
        has_traits && slots as usize > bounds.traits
    }
}

fn path_of(rules: &Ruleset, place: usize) -> String {
    rules.projection.traits[place].join(".")
}

fn is_text(value: &Scalar<'_>, text: &str) -> bool {
    match value {
        Scalar::Text(value) => value == text,
        Scalar::Number(value) => value.to_string() == text,
        Scalar::Bool(_) | Scalar::Json(_) => false,
    }
}
