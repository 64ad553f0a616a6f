//! From one version of the rules to another, by way of what both would store.

use std::borrow::Borrow;

use super::dictionary::{self, Dictionary};
use super::error::CodecError;
use super::user;
use super::wire::{Reader, Writer};
use crate::partition::{Plan, User};

/// These users under other rules, as if they had been stored under `plan` and read for `next`: unsettled, and due at
/// their own clock, unless the rules are the same.
///
/// # Errors
/// Never, but that the reader is made for bytes from anywhere.
pub fn translate(
    plan: &Plan,
    next: &Plan,
    users: impl Iterator<Item = impl Borrow<User>>,
) -> Result<Vec<User>, CodecError> {
    let mut writer = Writer::new();
    dictionary::write(plan, &mut writer);
    let keys = writer.into_bytes();
    let known = Dictionary::read(next, &mut Reader::new(&keys))?;
    let same_rules = plan.rules.version == next.rules.version;
    users
        .map(|user| {
            let mut writer = Writer::new();
            user::write(user.borrow(), &mut writer);
            let mut user = user::read(&next.rules, &known, &mut Reader::new(&writer.into_bytes()))?;
            if !same_rules {
                user.unsettled = true;
                user.segments_due = user.profile.now;
            }
            Ok(user)
        })
        .collect()
}
