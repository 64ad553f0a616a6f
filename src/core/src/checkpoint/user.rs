//! A user as CBOR: `[id, clock, first, latest, segments due, {section: state}]`.
//!
//! The map's keys are the numbers of the sections, ascending; empty sections are left out, so an idle user takes little
//! more than the id.

use std::sync::Arc;

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::state_format::CborStateReader;
use super::wire::{CborReader, CborWriter};
use crate::partition::User;
use crate::partition::sections::UserSection;
use crate::rules::ruleset::Ruleset;

pub(super) fn write(user: &User, writer: &mut CborWriter) {
    let profile = &user.profile;
    writer.array(6);
    writer.str(&user.id);
    for time in [profile.now, profile.first, profile.latest, user.segments_due] {
        writer.timestamp(time);
    }
    let mut sections = UserSection::ALL;
    sections.sort_unstable();
    let present = |section: &UserSection| section.is_present(user);
    writer.map_header(sections.iter().filter(|section| present(section)).count());
    for section in sections.into_iter().filter(present) {
        writer.u64(section as u64);
        section.write(user, writer);
    }
}

pub(super) fn read(rules: &Ruleset, known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<User, CodecError> {
    reader.array_of(6, "a user")?;
    let id: Arc<str> = reader.text("a user's id")?.into();
    let mut user = User::new(id, reader.time("a user's clock")?);
    user.profile.first = reader.time("a user's first event")?;
    user.profile.latest = reader.time("a user's latest event")?;
    user.segments_due = reader.time("when a user's segments are due")?;
    user.unsettled = false;
    let mut previous = None;
    for _ in 0..reader.map("a user's state")? {
        let key = reader.u64("a section of a user's state")?;
        if previous.replace(key).is_some_and(|previous| previous >= key) {
            return Err(reader.wrong("a user's state out of order"));
        }
        let Some(section) = UserSection::of_key(key) else {
            return Err(reader.wrong("an unknown section of a user's state"));
        };
        section.read(&mut user, &mut CborStateReader { rules, known, reader })?;
        if section == UserSection::Traits {
            // The first format has no `Identified` section, which would follow; no identify call is later than the latest event.
            user.profile.traits.set_identified(user.profile.latest);
        }
    }
    Ok(user)
}
