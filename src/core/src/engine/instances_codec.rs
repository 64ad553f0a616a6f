//! How instances of keys are written and read, whatever the format.

use super::feature_set::{FeatureLookup, FeatureSet};
use super::instances::KeyInstances;
use super::key_instance::KeyInstance;
use super::membership::MembershipSet;
use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::event::MAX_KEY_BYTES;
use crate::rules::ruleset::{CampaignId, PerId};
use crate::time::Timestamp;

/// The fields of an instance.
const FIELDS: u64 = 8;

impl KeyInstances {
    /// Writes them. Times are near the user's latest event.
    pub(crate) fn write<W: StateWriter>(&self, latest_event: Timestamp, writer: &mut W) {
        writer.list("keys", ListShape::Records, self.iter(), |writer, instance| {
            writer.record("", FIELDS, |writer| instance.write(latest_event, writer));
        });
    }

    /// Reads those whose `[per.K]` the current rules have.
    pub(crate) fn read<R: StateReader + FeatureLookup>(
        latest_event: Timestamp,
        reader: &mut R,
    ) -> Result<KeyInstances, R::Error> {
        let read = reader.list(ListShape::Records, "a user's keys", |reader| {
            reader.record(FIELDS, "a key")?;
            KeyInstance::read(latest_event, reader)
        })?;
        Ok(KeyInstances::restore(read.into_iter().flatten().collect()))
    }
}

impl KeyInstance {
    fn write<W: StateWriter>(&self, latest_event: Timestamp, writer: &mut W) {
        writer.id("per", KeySpace::Pers, self.per.0);
        writer.text("key", &self.key);
        writer.time_near("latest_match", latest_event, self.latest);
        writer.time_near("first_match", self.latest, self.first);
        writer.hidden_time(self.due);
        self.write_memory(writer);
    }

    /// Writes what it remembers beside times.
    pub(super) fn write_memory<W: StateWriter>(&self, writer: &mut W) {
        self.members.write(writer);
        self.features.write(writer);
        let fired = self.exposures.iter().map(|(campaign, count)| (campaign.0, *count));
        writer.map("fired", KeySpace::Campaigns, fired, |writer, count| writer.count("count", count.into()));
    }

    /// `None`: of a `[per.K]` that the current rules do not have.
    fn read<R: StateReader + FeatureLookup>(
        latest_event: Timestamp,
        reader: &mut R,
    ) -> Result<Option<KeyInstance>, R::Error> {
        let per = reader.id(KeySpace::Pers, "which key of the rules")?;
        let key = reader.text("a key")?.into();
        let mut instance = KeyInstance::new(PerId(per.unwrap_or_default()), key);
        reader.verify(|| (1..=MAX_KEY_BYTES).contains(&instance.key.len()), "a key of another length")?;
        instance.latest = reader.time_near(latest_event, "a key's latest match")?;
        instance.first = reader.time_near(instance.latest, "a key's first match")?;
        instance.due = reader.time("when a key is due")?;
        instance.read_memory(reader)?;
        Ok(per.is_some().then_some(instance))
    }

    /// Reads what [`write_memory`](KeyInstance::write_memory) wrote.
    pub(super) fn read_memory<R: StateReader + FeatureLookup>(&mut self, reader: &mut R) -> Result<(), R::Error> {
        self.members = MembershipSet::read(reader)?;
        self.features = FeatureSet::read(reader)?;
        self.exposures = reader.map(KeySpace::Campaigns, "how often campaigns fired for a key", |reader, id| {
            let count = u32::try_from(reader.count("how often")?).unwrap_or(u32::MAX);
            Ok((CampaignId(id), count))
        })?;
        Ok(())
    }
}
