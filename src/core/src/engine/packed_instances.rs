//! Instances of keys that stay packed while their user is not.
//!
//! ```text
//! length · due · [per.K] · key · latest match · first match · segments · features · exposures
//! ```
//!
//! Due time and latest match are relative to a base, which stays what it is when the user's latest event moves on; other instants
//! are relative to the instance's latest match. So the bytes of an instance that nothing happens to are copied as they are.

use super::feature_set::FeatureLookup;
use super::instances::{InstanceSlot, KeyInstances};
use super::key_instance::KeyInstance;
use super::membership::MembershipSet;
use crate::compact::{CompactReader, CompactWriter, OURS};
use crate::features::FeatureKind;
use crate::rules::ruleset::{FeatureId, PerId, Ruleset};
use crate::time::Timestamp;

/// Packed instances, one behind another.
#[derive(Clone, Debug)]
pub(super) struct PackedInstances {
    bytes: Box<[u8]>,
    /// What due times and latest matches are relative to.
    base: Timestamp,
}

/// One of them: its head, and how to read on.
pub(super) struct PackedInstance<'p> {
    pub(super) per: PerId,
    pub(super) key: &'p [u8],
    pub(super) latest: Timestamp,
    due: Timestamp,
    rest: CompactReader<'p>,
}

impl Default for PackedInstances {
    fn default() -> PackedInstances {
        PackedInstances { bytes: Box::default(), base: Timestamp::MIN }
    }
}

impl PackedInstances {
    /// The bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The one that begins there.
    pub(super) fn get(&self, at: usize) -> PackedInstance<'_> {
        let mut reader = self.reader(at);
        reader.unsigned();
        let (due, per, key) = (reader.timestamp(), PerId(reader.small()), reader.bytes());
        let latest = Timestamp(self.base.0 + reader.signed());
        PackedInstance { per, key, latest, due, rest: CompactReader { base: latest, ..reader } }
    }

    /// What the one that begins there is found by.
    pub(super) fn id(&self, at: usize) -> (PerId, &[u8]) {
        let mut reader = self.reader(at);
        reader.unsigned();
        reader.timestamp();
        (PerId(reader.small()), reader.bytes())
    }

    /// The bytes of the one that begins there.
    fn record(&self, at: usize) -> &[u8] {
        let mut reader = self.reader(at);
        reader.bytes();
        &self.bytes[at..self.bytes.len() - reader.left.len()]
    }

    fn reader(&self, at: usize) -> CompactReader<'_> {
        CompactReader { left: &self.bytes[at..], base: self.base }
    }
}

impl PackedInstance<'_> {
    /// The instance, as it was packed.
    pub(super) fn unpack(mut self) -> KeyInstance {
        let key = std::str::from_utf8(self.key).expect(OURS);
        let mut instance = KeyInstance::new(self.per, key.into());
        instance.first = Timestamp(self.latest.0 + self.rest.signed());
        (instance.latest, instance.due) = (self.latest, self.due);
        let Ok(()) = instance.read_memory(&mut self.rest);
        instance
    }

    /// The segments that it is in.
    pub(super) fn members(mut self) -> MembershipSet {
        self.rest.signed();
        let Ok(members) = MembershipSet::read(&mut self.rest);
        members
    }

    /// When it is forgotten if no match comes.
    pub(super) fn forgotten_at(&self, rules: &Ruleset) -> Timestamp {
        self.latest + rules.pers[usize::from(self.per.0)].ttl
    }
}

impl KeyInstances {
    /// Packs all instances.
    pub(crate) fn pack(&self, writer: &mut CompactWriter<'_>) {
        let is_open = |slot: &InstanceSlot| matches!(slot, InstanceSlot::Open(_));
        let base = if self.slots.iter().all(is_open) { writer.base } else { self.packed.base };
        writer.timestamp(base);
        writer.unsigned(self.slots.len() as u64);
        for slot in &self.slots {
            match slot {
                InstanceSlot::Packed { at, .. } => writer.out.extend_from_slice(self.packed.record(*at)),
                InstanceSlot::Open(instance) => writer.sized(|writer| instance.pack(base, writer)),
            }
        }
    }

    /// The instances as they were packed; none is opened.
    pub(crate) fn unpack(reader: &mut CompactReader<'_>) -> KeyInstances {
        let base = reader.timestamp();
        let count = reader.small();
        let all = reader.left;
        let slots = (0..count).map(|_| {
            let at = all.len() - reader.left.len();
            let due = CompactReader { left: reader.bytes(), base }.timestamp();
            InstanceSlot::Packed { at, due }
        });
        let slots = slots.collect();
        let bytes = all[..all.len() - reader.left.len()].into();
        KeyInstances::of_slots(slots, PackedInstances { bytes, base })
    }
}

impl KeyInstance {
    fn pack(&self, base: Timestamp, writer: &mut CompactWriter<'_>) {
        let mut writer = CompactWriter { out: writer.out, base };
        writer.timestamp(self.due);
        writer.unsigned(self.per.0.into());
        writer.bytes(self.key.as_bytes());
        writer.signed((self.latest - base).0);
        writer.signed((self.first - self.latest).0);
        writer.base = self.latest;
        self.write_memory(&mut writer);
    }
}

/// Packed features have tags that tell their kinds.
impl FeatureLookup for CompactReader<'_> {
    fn feature_kind(&self, _id: FeatureId) -> Option<FeatureKind> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::ruleset::CampaignId;
    use crate::testing::Story;
    use crate::time::Span;

    const CARTS: &str = "[events]\nadd = \"Add\"\n[per.cart]\nkey = \"cart\"\nttl = \"30d\"\n[[segments]]\nid = \"s\"\n\
                         per = \"cart\"\nwhen = \"count(add, '7d') >= 1 && since(add) > duration('1h')\"\n";

    fn packed(keys: &KeyInstances, latest_event: Timestamp) -> KeyInstances {
        let mut bytes = Vec::new();
        keys.pack(&mut CompactWriter { out: &mut bytes, base: latest_event });
        let mut reader = CompactReader { left: &bytes, base: latest_event };
        let unpacked = KeyInstances::unpack(&mut reader);
        assert!(reader.left.is_empty());
        unpacked
    }

    fn open(keys: &KeyInstances) -> Vec<bool> {
        (0..keys.len()).map(|index| keys.opened(index).is_some()).collect()
    }

    #[test]
    fn an_instance_that_nothing_happens_to_stays_packed_and_comes_back_as_it_was() {
        let mut story = Story::under(CARTS);
        for (at, cart) in [(0, "a"), (5_000, "b"), (70_000, "c"), (90_000, "a")] {
            story.track(at, "Add", &format!("\"cart\":\"{cart}\""));
        }
        let latest = story.user().profile.latest;
        let made = story.user().profile.keys.clone();
        let mut keys = packed(&made, latest);
        assert_eq!((&keys, open(&keys)), (&made, vec![false; 3]));
        for days in 0..400 {
            keys.record_exposure(PerId(0), "b", CampaignId(0));
            assert_eq!(open(&keys), [false, true, false]);
            keys = packed(&keys, latest + Span(days * 86_400_000));
        }
        assert_eq!(open(&keys), [false; 3]);
        let instances = |keys: &KeyInstances| keys.iter().map(|it| it.into_owned()).collect::<Vec<_>>();
        let (now, mut then) = (instances(&keys), instances(&made));
        assert_eq!(now[1].exposures_to(CampaignId(0)), 400);
        then[1].exposures = vec![(CampaignId(0), 400)];
        assert_eq!(now, then);
        assert_eq!(keys.due(), made.due());
    }
}
