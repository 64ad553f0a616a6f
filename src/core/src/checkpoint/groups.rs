//! Groups as CBOR: `[kind, key, clock, first, latest, due, members, features]`, and the matches that wait for them:
//! `[beat, position, kind, key, name, time, [property, value …]]`.

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::state_format::CborStateReader;
use super::wire::{CborReader, CborWriter};
use crate::encoding::KeySpace;
use crate::engine::feature_set::FeatureSet;
use crate::engine::membership::MembershipSet;
use crate::event::{FieldId, MAX_KEY_BYTES};
use crate::groups::{Group, GroupMatch};
use crate::rules::ruleset::{GroupId, NameId, Ruleset};

pub(super) fn write(id: GroupId, group: &Group, writer: &mut CborWriter) {
    writer.array(8);
    writer.u64(id.0.into());
    writer.str(&group.key);
    let profile = &group.profile;
    for time in [profile.now, profile.first, profile.latest, group.segments_due] {
        writer.timestamp(time);
    }
    profile.members.write(writer);
    profile.write_features(writer);
}

/// `None`: of groups that the current rules do not have.
pub(super) fn read(
    rules: &Ruleset,
    known: &KeyDictionary,
    reader: &mut CborReader<'_>,
) -> Result<Option<(GroupId, Group)>, CodecError> {
    reader.array_of(8, "a group")?;
    let id = known.kind(KeySpace::Groups).id(reader, "whose group")?.map(GroupId);
    let key = key(reader)?;
    let mut group = Group::new(key, reader.time("a group's clock")?);
    group.profile.first = reader.time("a group's first match")?;
    group.profile.latest = reader.time("a group's latest match")?;
    group.segments_due = reader.time("when a group's segments are due")?;
    let mut reader = CborStateReader { rules, known, reader };
    group.profile.members = MembershipSet::read(&mut reader)?;
    group.profile.set_features(FeatureSet::read(&mut reader)?);
    Ok(id.map(|id| (id, group)))
}

pub(super) fn write_match(matched: &GroupMatch, writer: &mut CborWriter) {
    writer.array(7);
    writer.timestamp(matched.beat);
    writer.u64(matched.position);
    writer.u64(matched.group.0.into());
    writer.str(&matched.key);
    writer.u64(matched.name.0.into());
    writer.timestamp(matched.ts);
    writer.array(2 * matched.values.len() as u64);
    for (field, value) in &matched.values {
        writer.u64(field.0.into());
        writer.any_scalar(value);
    }
}

/// `None`: of groups, or of a name, that the current rules do not have.
pub(super) fn read_match(known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<Option<GroupMatch>, CodecError> {
    reader.array_of(7, "a match for a group")?;
    let (beat, position) = (reader.time("the end of a beat")?, reader.u64("the position of a match")?);
    let group = known.kind(KeySpace::Groups).id(reader, "whose group a match is for")?.map(GroupId);
    let key = key(reader)?;
    let name = known.kind(KeySpace::Names).id(reader, "the name of a match")?.map(NameId);
    let (ts, mut values) = (reader.time("the time of a match")?, Vec::new());
    let fields = reader.array("the values of a match")?;
    if fields % 2 != 0 {
        return Err(reader.wrong("half a pair"));
    }
    for _ in 0..fields / 2 {
        let field = known.kind(KeySpace::Fields).id(reader, "a property of a match")?.map(FieldId);
        let value = reader.scalar("a value of a match")?;
        values.extend(field.map(|field| (field, value)));
    }
    Ok(group.zip(name).map(|(group, name)| GroupMatch { beat, position, group, key, name, ts, values }))
}

fn key(reader: &mut CborReader<'_>) -> Result<std::sync::Arc<str>, CodecError> {
    let key = reader.text("a group's key")?;
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Err(reader.wrong("a key of another length"));
    }
    Ok(key.into())
}
