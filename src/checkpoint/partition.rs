//! A partition as bytes: `[version of the rules, keys, [user, …]]`.

use super::dictionary::{self, Dictionary};
use super::envelope::{Content, open, seal};
use super::error::CodecError;
use super::user;
use super::wire::{Reader, Writer};
use crate::partition::{Partition, Plan, User};

/// The partition's users with all their state, sorted by id.
pub fn encode_partition(plan: &Plan, partition: &Partition) -> Vec<u8> {
    let mut users: Vec<&User> = partition.users().collect();
    users.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let mut writer = Writer::new();
    writer.array(3);
    writer.text(&plan.rules.version);
    dictionary::write(&plan.rules, &mut writer);
    writer.array(users.len());
    for user in users {
        user::write(user, &mut writer);
    }
    seal(Content::Partition, &writer.into_bytes())
}

/// Reads a partition back, for these rules.
///
/// # Errors
/// The bytes are not a partition's, are damaged, or of another version.
pub fn decode_partition(plan: &Plan, bytes: &[u8]) -> Result<Partition, CodecError> {
    let mut partition = Partition::new(plan);
    for user in decode_users(plan, bytes)? {
        partition.attach(user);
    }
    Ok(partition)
}

/// The users of a partition's bytes, sorted by id: for whoever spreads them over other partitions.
///
/// Where the bytes were written under other rules, every user is unsettled and due at the user's own clock.
///
/// # Errors
/// The bytes are not a partition's, are damaged, or of another version.
pub fn decode_users(plan: &Plan, bytes: &[u8]) -> Result<Vec<User>, CodecError> {
    let mut reader = Reader::new(open(Content::Partition, bytes)?);
    reader.array_of(3, "a partition")?;
    let same_rules = reader.text("the version of the rules")? == plan.rules.version;
    let known = Dictionary::read(&plan.rules, &mut reader)?;
    let mut users: Vec<User> = Vec::new();
    for _ in 0..reader.array("the users")? {
        let mut user = user::read(&plan.rules, &known, &mut reader)?;
        if users.last().is_some_and(|before| before.id >= user.id) {
            return Err(reader.wrong("users out of order"));
        }
        if !same_rules {
            user.unsettled = true;
            user.segments_due = user.profile.now;
        }
        users.push(user);
    }
    reader.end()?;
    Ok(users)
}
