//! A user as CBOR: `[id, clock, first, latest, segments due, {what else there is}]`.
//!
//! The map's keys are numbers, ascending; what is empty is left out, so an idle user takes little more than the id.

use std::sync::Arc;

use super::dictionary::{KeyDictionary, KeyMapping};
use super::error::CodecError;
use super::feature_state;
use super::wire::{CborReader, CborWriter};
use crate::campaigns::Trigger;
use crate::campaigns::state::{CampaignState, DeferredDecision, Exposures};
use crate::engine::profile::UserProfile;
use crate::engine::traits::UserTraits;
use crate::event::TraitId;
use crate::growth::UserGrowthState;
use crate::partition::User;
use crate::rules::program::{CampaignId, FeatureId, Ruleset, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// The map's keys. Part of the stored format.
mod key {
    pub(super) const MEMBERS: u64 = 0;
    pub(super) const TRAITS: u64 = 1;
    pub(super) const ZONE: u64 = 2;
    pub(super) const CELLS: u64 = 3;
    pub(super) const SEEN: u64 = 4;
    pub(super) const FIRED: u64 = 5;
    pub(super) const CAPPED: u64 = 6;
    pub(super) const HELD: u64 = 7;
    pub(super) const UNSETTLED: u64 = 8;
    pub(super) const GROWTH: u64 = 9;
    pub(super) const IDENTIFIED: u64 = 10;
}

/// No campaign fires so often for one user; counting on from here cannot overflow.
const MAX_FIRED: u32 = u32::MAX / 2;

pub(super) fn write(user: &User, writer: &mut CborWriter) {
    let profile = &user.profile;
    writer.array(6);
    writer.text(&user.id);
    for time in [profile.now, profile.first, profile.latest, user.segments_due] {
        writer.time(time);
    }
    let members: Vec<SegmentId> = profile.members.iter().collect();
    let (fired, capped, held) = user.memory.parts();
    let there = [
        !members.is_empty(),
        !profile.traits.entries().is_empty(),
        profile.zone.is_some(),
        !profile.cells().is_empty(),
        !profile.seen().is_empty(),
        !fired.is_empty(),
        !capped.is_empty(),
        !held.is_empty(),
        user.unsettled,
        user.growth.is_some(),
        profile.traits.identified() > Timestamp::MIN,
    ];
    writer.map(there.iter().filter(|there| **there).count());
    for key in (0u64..).zip(there).filter_map(|(key, there)| there.then_some(key)) {
        writer.u64(key);
        match key {
            key::MEMBERS => {
                writer.array(members.len());
                members.iter().for_each(|segment| writer.u64(segment.0.into()));
            }
            key::TRAITS | key::ZONE | key::CELLS | key::SEEN => write_profile(key, profile, writer),
            key::UNSETTLED => writer.bool(true),
            key::IDENTIFIED => writer.time(profile.traits.identified()),
            key::GROWTH => {
                let numbers = user.growth.as_ref().map(|record| record.stored()).unwrap_or_default();
                writer.array(numbers.len());
                numbers.into_iter().for_each(|number| writer.i64(number));
            }
            _ => write_memory(key, &user.memory, writer),
        }
    }
}

fn write_profile(key: u64, profile: &UserProfile, writer: &mut CborWriter) {
    match (key, &profile.zone) {
        (key::TRAITS, _) => {
            writer.map(profile.traits.entries().len());
            for (id, value) in profile.traits.entries() {
                writer.u64(id.0.into());
                match value {
                    Some(value) => writer.scalar(value),
                    None => writer.null(),
                }
            }
        }
        (key::ZONE, Some((position, name))) => {
            writer.array(2);
            writer.u64(*position);
            writer.text(name);
        }
        (key::CELLS, _) => {
            writer.map(profile.cells().len());
            for (id, cell) in profile.cells() {
                writer.u64(id.0.into());
                feature_state::write(cell, writer);
            }
        }
        _ => {
            writer.array(profile.seen().len());
            for (hash, accepted) in profile.seen().iter() {
                writer.array(2);
                writer.u64(hash);
                writer.time(accepted);
            }
        }
    }
}

fn write_memory(key: u64, memory: &CampaignState, writer: &mut CborWriter) {
    let (fired, capped, held) = memory.parts();
    match key {
        key::FIRED => {
            writer.map(fired.len());
            for (id, fired) in sorted_by(fired, |(id, _)| *id) {
                writer.u64(id.0.into());
                writer.array(2);
                writer.u64(fired.count.into());
                writer.time(fired.last);
            }
        }
        key::CAPPED => {
            writer.map(capped.len());
            for (index, times) in sorted_by(capped, |(index, _)| *index) {
                writer.u64((*index).into());
                writer.array(times.len());
                times.iter().for_each(|time| writer.time(*time));
            }
        }
        _ => {
            writer.array(held.len());
            for held in held {
                writer.array(if held.trigger.is_some() { 6 } else { 4 });
                writer.u64(held.campaign.0.into());
                writer.time(held.until);
                writer.optional_text(held.cause.as_deref());
                writer.optional_text(held.zone.as_deref());
                if let Some(Trigger { segment, change }) = held.trigger {
                    writer.u64(segment.0.into());
                    writer.bool(change == TransitionKind::Enter);
                }
            }
        }
    }
}

/// What stands in the order it came to be, in the order of the rules: the same state gives the same bytes.
fn sorted_by<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_by_key(|item| key(item));
    sorted
}

pub(super) fn read(rules: &Ruleset, known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<User, CodecError> {
    reader.array_of(6, "a user")?;
    let id: Arc<str> = reader.text("a user's id")?.into();
    let mut user = User::new(id, reader.time("a user's clock")?);
    user.profile.first = reader.time("a user's first event")?;
    user.profile.latest = reader.time("a user's latest event")?;
    user.segments_due = reader.time("when a user's segments are due")?;
    user.unsettled = false;
    let (mut cells, mut seen) = (Vec::new(), Vec::new());
    let (mut traits, mut identified) = (Vec::new(), None);
    let (mut fired, mut capped, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = None;
    for _ in 0..reader.map("a user's state")? {
        let key = reader.u64("which state of a user")?;
        if before.replace(key).is_some_and(|before| before >= key) {
            return Err(reader.wrong("a user's state out of order"));
        }
        match key {
            key::MEMBERS => {
                for _ in 0..reader.array("a user's segments")? {
                    if let Some(id) = known.segments.id(reader, "a segment")? {
                        user.profile.members.set(SegmentId(id), true);
                    }
                }
            }
            key::TRAITS => {
                traits = entries(reader, &known.traits, "a user's traits", |id, reader| {
                    let is_null = reader.is_null("a trait")?;
                    Ok((TraitId(id), if is_null { None } else { Some(reader.scalar("a trait")?) }))
                })?;
                // The first format does not say when; no identify call can be later than the latest event.
                identified = identified.or(Some(user.profile.latest));
            }
            key::ZONE => {
                reader.array_of(2, "a user's zone")?;
                let position = reader.u64("a zone's position")?;
                user.profile.zone = Some((position, reader.text("a zone's name")?.into()));
            }
            key::CELLS => {
                cells = entries(reader, &known.features, "a user's features", |id, reader| {
                    Ok((FeatureId(id), feature_state::read(&rules.features[usize::from(id)].kind, reader)?))
                })?;
            }
            key::SEEN => seen = read_seen(reader)?,
            key::FIRED => {
                fired = entries(reader, &known.campaigns, "a user's firings", |id, reader| {
                    Ok((CampaignId(id), read_fired(reader)?))
                })?;
            }
            key::CAPPED => {
                capped = entries(reader, &known.caps, "a user's actions", |id, reader| Ok((id, read_times(reader)?)))?;
            }
            key::HELD => held = read_held(rules, known, reader)?,
            key::GROWTH => user.growth = read_growth(known, reader)?,
            key::UNSETTLED => user.unsettled = reader.bool("whether a user is unsettled")?,
            key::IDENTIFIED => identified = Some(reader.time("a user's latest identify call")?),
            _ => return Err(reader.wrong("state of a kind that is not known")),
        }
    }
    user.profile.traits = UserTraits::from_parts(identified.unwrap_or(Timestamp::MIN), traits);
    user.profile.restore(cells, seen.into_iter().collect());
    user.memory = CampaignState::from_parts(fired, capped, held);
    Ok(user)
}

/// A map from numbers to state, ascending by what the numbers stand for now; what the rules do not know is passed over.
fn entries<'b, T>(
    reader: &mut CborReader<'b>,
    known: &KeyMapping,
    what: &'static str,
    mut read: impl FnMut(u16, &mut CborReader<'b>) -> Result<T, CodecError>,
) -> Result<Vec<T>, CodecError> {
    let mut found: Vec<(u16, T)> = Vec::new();
    for _ in 0..reader.map(what)? {
        match known.id(reader, what)? {
            Some(id) => found.push((id, read(id, reader)?)),
            None => reader.skip(what)?,
        }
    }
    found.sort_by_key(|(id, _)| *id);
    if found.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(reader.wrong("the same thing twice"));
    }
    Ok(found.into_iter().map(|(_, item)| item).collect())
}

fn read_growth(known: &KeyDictionary, reader: &mut CborReader<'_>) -> Result<Option<Box<UserGrowthState>>, CodecError> {
    let Some(translation) = &known.growth else { return reader.skip("a user's growth numbers").map(|()| None) };
    let mut numbers = Vec::new();
    for _ in 0..reader.array("a user's growth numbers")? {
        numbers.push(reader.i64("a growth number")?);
    }
    let record = UserGrowthState::restore(&numbers, translation);
    record.map(|record| Some(Box::new(record))).ok_or_else(|| reader.wrong("invalid growth numbers"))
}

fn read_seen(reader: &mut CborReader<'_>) -> Result<Vec<(u64, Timestamp)>, CodecError> {
    let mut seen: Vec<(u64, Timestamp)> = Vec::new();
    for _ in 0..reader.array("a user's messageIds")? {
        reader.array_of(2, "a messageId")?;
        let (hash, accepted) = (reader.u64("a messageId")?, reader.time("when a messageId was accepted")?);
        if seen.last().is_some_and(|(_, before)| *before > accepted) {
            return Err(reader.wrong("messageIds out of order"));
        }
        seen.push((hash, accepted));
    }
    Ok(seen)
}

fn read_fired(reader: &mut CborReader<'_>) -> Result<Exposures, CodecError> {
    reader.array_of(2, "a campaign's firings")?;
    let count = reader.u32("how often a campaign fired")?;
    if count > MAX_FIRED {
        return Err(reader.wrong("a count out of range"));
    }
    Ok(Exposures { count, last: reader.time("when a campaign fired")? })
}

fn read_times(reader: &mut CborReader<'_>) -> Result<Vec<Timestamp>, CodecError> {
    let mut times: Vec<Timestamp> = Vec::new();
    for _ in 0..reader.array("a cap's actions")? {
        let time = reader.time("when an action went out")?;
        if times.last().is_some_and(|before| *before > time) {
            return Err(reader.wrong("actions out of order"));
        }
        times.push(time);
    }
    Ok(times)
}

/// The first format says neither the zone nor what set it off: whatever sets the campaign off now.
fn read_held(
    rules: &Ruleset,
    known: &KeyDictionary,
    reader: &mut CborReader<'_>,
) -> Result<Vec<DeferredDecision>, CodecError> {
    let mut all = Vec::new();
    for _ in 0..reader.array("what is held for a user")? {
        let length = reader.array("what is held")?;
        if ![3, 4, 6].contains(&length) {
            return Err(reader.wrong("an array of another length"));
        }
        let campaign = known.campaigns.id(reader, "a held campaign")?.map(CampaignId);
        let until = reader.time("until when it is held")?;
        let cause = reader.optional_text("what caused it")?.map(Arc::from);
        let zone = if length > 3 { reader.optional_text("in which zone it is held")?.map(Arc::from) } else { None };
        let trigger = match length {
            6 => {
                let segment = known.segments.id(reader, "the segment that set it off")?.map(SegmentId);
                let change =
                    if reader.bool("which change set it off")? { TransitionKind::Enter } else { TransitionKind::Exit };
                segment.map(|segment| Trigger { segment, change })
            }
            4 => None,
            _ => campaign.map(|CampaignId(id)| {
                let campaign = &rules.campaigns[usize::from(id)];
                Trigger { segment: campaign.segment, change: campaign.change }
            }),
        };
        all.extend(campaign.map(|campaign| DeferredDecision { campaign, trigger, until, zone, cause }));
    }
    Ok(all)
}
