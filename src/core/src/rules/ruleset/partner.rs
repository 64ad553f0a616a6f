//! `needs`, and `[[partners]]`: what users consent to, and who is told about their segments (semantics §21).

use super::{Ruleset, SegmentId, Term};
use crate::event::FieldId;
use crate::rules::notation;

/// A purpose that users consent to, in the order in which the rules name them first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurposeId(pub u16);

/// A purpose that the rules ask about: a key of `context.consent.categoryPreferences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// Its name in calls: `marketing`.
    pub name: String,
    /// Where a call says whether it is consented to.
    pub field: FieldId,
}

/// The longest name of a purpose, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What is wrong with the name of a purpose, if anything is.
pub(in crate::rules) fn purpose_mistake(name: &str) -> Option<String> {
    match name.len() {
        0 => Some("a purpose without a name is none".to_owned()),
        bytes if bytes > NAME_BYTES_MAX => {
            Some(format!("this purpose has {bytes} bytes; the maximum is {NAME_BYTES_MAX}"))
        }
        _ => None,
    }
}

/// A partner, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartnerId(pub u16);

/// Somebody who is told which users are in some segments, while they consent to it.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Its id.
    pub id: String,
    /// One line for people; empty if there is none.
    pub description: String,
    /// What a user must consent to.
    pub needs: Vec<PurposeId>,
    /// The text by which the partner knows people; `None`: the user's id.
    pub subject: Option<Term>,
    /// The segments, in the order in which it lists them; each once, and all of users.
    pub segments: Vec<SegmentId>,
}

impl Partner {
    /// The text by which the partner knows people, as the rules write it; `None`: the user's id.
    pub fn subject_text(&self, rules: &Ruleset) -> Option<String> {
        Some(notation::term(rules, self.subject.as_ref()?))
    }
}
