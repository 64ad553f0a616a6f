//! What a checkpoint's ids refer to: the keys of features, traits, segments, campaigns, caps, names of events and
//! properties, stored once per file. Users refer to them by their index in these lists.

use std::collections::HashMap;

use super::definition;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::growth::GrowthMigration;
use crate::partition::ExecutionPlan;
use crate::rules::ruleset::{PerId, Ruleset};

/// The keys of some rules, by kind, each in the order of the rules.
pub(super) struct RulesKeys(pub(super) [Vec<String>; KINDS]);

/// How many kinds of keys there are, beside those of the growth numbers.
const KINDS: usize = 8;

/// How many there were before version 4: no names, no properties and no `[per.K]`.
const KINDS_BEFORE: usize = 5;

/// For each id in a checkpoint, the id under the current rules; `None`: these have nothing of this key.
pub(super) struct KeyDictionary {
    pub(super) features: KeyMapping,
    pub(super) traits: KeyMapping,
    pub(super) segments: KeyMapping,
    pub(super) campaigns: KeyMapping,
    pub(super) caps: KeyMapping,
    pub(super) names: KeyMapping,
    pub(super) fields: KeyMapping,
    pub(super) pers: KeyMapping,
    /// How the growth numbers are read; `None`: not at all.
    pub(super) growth: Option<GrowthMigration>,
}

/// The ids of one kind.
#[derive(Default)]
pub(super) struct KeyMapping(Vec<Option<u16>>);

impl RulesKeys {
    pub(super) fn of(rules: &Ruleset) -> RulesKeys {
        RulesKeys([
            numbered(rules.features.iter().map(|feature| definition::feature(rules, feature))),
            numbered(rules.projection.traits.iter().map(|path| definition::path(path))),
            numbered(rules.segments.iter().map(|segment| segment.id.clone())),
            numbered(rules.campaigns.iter().map(|campaign| campaign.id.clone())),
            numbered(rules.caps.iter().map(definition::cap)),
            numbered(rules.names.iter().map(|name| name.id.clone())),
            numbered(rules.projection.fields.iter().map(|path| definition::path(path))),
            numbered((0..).map(PerId).take(rules.pers.len()).map(|id| definition::per(rules, id))),
        ])
    }
}

/// Tells apart what is defined twice in the same way (one event may have two names): by which of them it is.
fn numbered(keys: impl Iterator<Item = String>) -> Vec<String> {
    let mut times: HashMap<String, u32> = HashMap::new();
    keys.map(|key| {
        let before = times.entry(key.clone()).or_default();
        *before += 1;
        if *before == 1 { key } else { format!("{key} #{before}") }
    })
    .collect()
}

/// Writes the rules' keys; those of the growth numbers, of which there may be none, come last.
pub(super) fn write(plan: &ExecutionPlan, writer: &mut CborWriter) {
    let RulesKeys(kinds) = RulesKeys::of(&plan.rules);
    writer.array((kinds.len() + 1) as u64);
    for keys in &kinds {
        writer.array(keys.len() as u64);
        for key in keys {
            writer.str(key);
        }
    }
    let growth = plan.growth.as_ref().map_or(&[][..], |growth| growth.keys());
    writer.array(growth.len() as u64);
    growth.iter().for_each(|key| writer.str(key));
}

impl KeyDictionary {
    /// Reads a checkpoint's keys, and finds each in the rules.
    pub(super) fn read(plan: &ExecutionPlan, reader: &mut CborReader<'_>) -> Result<KeyDictionary, CodecError> {
        let RulesKeys([features, traits, segments, campaigns, caps, names, fields, pers]) = RulesKeys::of(&plan.rules);
        // Those of the growth numbers come last; before version 4 they could be left out.
        let (has_names, has_growth) = match usize::try_from(reader.array("the keys")?).unwrap_or(usize::MAX) {
            KINDS_BEFORE => (false, false),
            kinds if kinds == KINDS_BEFORE + 1 => (false, true),
            kinds if kinds == KINDS + 1 => (true, true),
            _ => return Err(reader.wrong("an array of another length")),
        };
        let mut dictionary = KeyDictionary {
            features: KeyMapping::read(&features, reader)?,
            traits: KeyMapping::read(&traits, reader)?,
            segments: KeyMapping::read(&segments, reader)?,
            campaigns: KeyMapping::read(&campaigns, reader)?,
            caps: KeyMapping::read(&caps, reader)?,
            names: if has_names { KeyMapping::read(&names, reader)? } else { KeyMapping::default() },
            fields: if has_names { KeyMapping::read(&fields, reader)? } else { KeyMapping::default() },
            pers: if has_names { KeyMapping::read(&pers, reader)? } else { KeyMapping::default() },
            growth: None,
        };
        if has_growth {
            let mut keys = Vec::new();
            for _ in 0..reader.array("the keys of the growth numbers")? {
                keys.push(reader.text("a key of the growth numbers")?.to_owned());
            }
            let stored = Some(keys).filter(|keys| !keys.is_empty());
            dictionary.growth =
                plan.growth.as_ref().zip(stored).and_then(|(growth, keys)| GrowthMigration::new(&keys, growth));
        }
        Ok(dictionary)
    }
}

impl KeyMapping {
    fn read(keys: &[String], reader: &mut CborReader<'_>) -> Result<KeyMapping, CodecError> {
        let mut ids: HashMap<&str, u16> = keys.iter().map(String::as_str).zip(0..).collect();
        let mut known = Vec::new();
        for _ in 0..reader.array("a list of keys")? {
            // Removed, so that no two ids have the same meaning.
            known.push(ids.remove(reader.text("a key")?));
        }
        Ok(KeyMapping(known))
    }

    /// Reads an id, and translates it to the current rules.
    pub(super) fn id(&self, reader: &mut CborReader<'_>, what: &'static str) -> Result<Option<u16>, CodecError> {
        let index = usize::try_from(reader.u64(what)?).unwrap_or(usize::MAX);
        self.0.get(index).copied().ok_or_else(|| reader.wrong("an id without a key"))
    }
}
