//! From one version of the rules to another, by way of what both would store.

use std::borrow::Borrow;

use super::dictionary::{self, KeyDictionary};
use super::error::CodecError;
use super::groups;
use super::picks;
use super::rank_takings;
use super::user;
use super::wire::{CborReader, CborWriter};
use crate::groups::StoredGroups;
use crate::partition::{ExecutionPlan, User};
use crate::picks::StoredPicks;
use crate::ranks::StoredRankTaking;

/// These users under other rules, as if they had been stored under `plan` and read for `next`: unsettled, and due at
/// their own clock, unless the rules are the same.
///
/// # Errors
/// Never, but that the reader is made for bytes from anywhere.
pub fn translate(
    plan: &ExecutionPlan,
    next: &ExecutionPlan,
    users: impl Iterator<Item = impl Borrow<User>>,
) -> Result<Vec<User>, CodecError> {
    let known = keys_known_to(next, plan)?;
    let same_rules = plan.rules.version == next.rules.version;
    users
        .map(|user| {
            let mut writer = CborWriter::new();
            user::write(user.borrow(), &mut writer);
            let mut user = user::read(&next.rules, &known, &mut CborReader::new(&writer.into_bytes()))?;
            if !same_rules {
                user.unsettled = true;
                user.segments_due = user.profile.now;
            }
            Ok(user)
        })
        .collect()
}

/// These groups under other rules, with the matches that wait for them.
///
/// # Errors
/// Never, but that the reader is made for bytes from anywhere.
pub fn translate_groups(
    plan: &ExecutionPlan,
    next: &ExecutionPlan,
    stored: &StoredGroups,
) -> Result<StoredGroups, CodecError> {
    let known = keys_known_to(next, plan)?;
    let mut translated = StoredGroups::default();
    for (id, group) in &stored.groups {
        let mut writer = CborWriter::new();
        groups::write(*id, group, &mut writer);
        translated.groups.extend(groups::read(&next.rules, &known, &mut CborReader::new(&writer.into_bytes()))?);
    }
    for matched in &stored.waiting {
        let mut writer = CborWriter::new();
        groups::write_match(matched, &mut writer);
        translated.waiting.extend(groups::read_match(&known, &mut CborReader::new(&writer.into_bytes()))?);
    }
    Ok(translated)
}

/// What stands of picks under other rules.
///
/// # Errors
/// Never, but that the reader is made for bytes from anywhere.
pub fn translate_picks(
    plan: &ExecutionPlan,
    next: &ExecutionPlan,
    stored: &[StoredPicks],
) -> Result<Vec<StoredPicks>, CodecError> {
    let known = keys_known_to(next, plan)?;
    let mut records = Vec::new();
    for stored in stored {
        for record in stored.records() {
            let mut writer = CborWriter::new();
            picks::write(stored.list, &record, &mut writer);
            records.extend(picks::read(&known, &mut CborReader::new(&writer.into_bytes()))?);
        }
    }
    StoredPicks::of_records(&next.rules, records).ok_or(CodecError::Picks)
}

/// When ranks are taken next, of those that both rules have.
///
/// # Errors
/// Never, but that the reader is made for bytes from anywhere.
pub fn translate_rank_takings(
    plan: &ExecutionPlan,
    next: &ExecutionPlan,
    stored: &[StoredRankTaking],
) -> Result<Vec<StoredRankTaking>, CodecError> {
    let known = keys_known_to(next, plan)?;
    let mut translated = Vec::new();
    for taking in stored {
        let mut writer = CborWriter::new();
        rank_takings::write(taking, &mut writer);
        translated.extend(rank_takings::read(&known, &mut CborReader::new(&writer.into_bytes()))?);
    }
    Ok(translated)
}

/// The keys under which `plan` stores everything, as they are read for `next`.
fn keys_known_to(next: &ExecutionPlan, plan: &ExecutionPlan) -> Result<KeyDictionary, CodecError> {
    let mut writer = CborWriter::new();
    dictionary::write(plan, &mut writer);
    KeyDictionary::read(next, &mut CborReader::new(&writer.into_bytes()))
}
