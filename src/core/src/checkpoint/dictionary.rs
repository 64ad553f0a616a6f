//! What a checkpoint's ids refer to: the keys of features, traits, segments and the like, stored once per file. Users refer to them by their index in these lists.

use std::collections::HashMap;

use super::definition;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::encoding::{KeySpace, RuleReference};
use crate::growth::GrowthMigration;
use crate::partition::ExecutionPlan;
use crate::rules::ruleset::{GroupId, PerId, Ruleset};

/// The keys of some rules, by kind ([`KeySpace`]), each in the order of the rules.
pub(super) struct RulesKeys([Vec<String>; KINDS]);

/// How many kinds of keys there are, beside those of the growth numbers.
const KINDS: usize = KeySpace::ALL.len();

/// How many kinds of keys a file has, beside those of the growth numbers, from version 4 on.
const KINDS_SINCE_4: std::ops::RangeInclusive<usize> = 8..=KINDS;

/// How many are written though they are empty: those that readers of version 4 had when the first of the others was added. So
/// an earlier version reads what rules without anything new have stored.
const KINDS_ALWAYS: usize = 11;

/// How many there were before version 4: no names, no properties and no `[per.K]`.
const KINDS_BEFORE_4: usize = 5;

/// For each id in a checkpoint, the id under the current rules; `None`: these have nothing of this key.
pub(super) struct KeyDictionary {
    kinds: [KeyMapping; KINDS],
    /// The current rules, where references by name are looked up.
    rules: RulesKeys,
    /// How the growth numbers are read; `None`: not at all.
    pub(super) growth: Option<GrowthMigration>,
}

/// The ids of one kind: what each is in the current rules, or its key.
#[derive(Default)]
pub(super) struct KeyMapping(Vec<RuleReference>);

impl RulesKeys {
    pub(super) fn of(rules: &Ruleset) -> RulesKeys {
        RulesKeys(KeySpace::ALL.map(|kind| numbered(keys_of(rules, kind))))
    }

    /// The keys of one kind.
    pub(super) fn kind(&self, kind: KeySpace) -> &[String] {
        &self.0[kind as usize]
    }
}

fn keys_of(rules: &Ruleset, kind: KeySpace) -> Vec<String> {
    match kind {
        KeySpace::Features => rules.features.iter().map(|feature| definition::feature(rules, feature)).collect(),
        KeySpace::Traits => rules.projection.traits.iter().map(|path| definition::path(path)).collect(),
        KeySpace::Segments => rules.segments.iter().map(|segment| segment.id.clone()).collect(),
        KeySpace::Campaigns => rules.campaigns.iter().map(|campaign| campaign.id.clone()).collect(),
        KeySpace::Caps => rules.caps.iter().map(definition::cap).collect(),
        KeySpace::Names => rules.names.iter().map(|name| name.id.clone()).collect(),
        KeySpace::Fields => rules.projection.fields.iter().map(|path| definition::path(path)).collect(),
        KeySpace::Pers => (0..).map(PerId).take(rules.pers.len()).map(|id| definition::per(rules, id)).collect(),
        KeySpace::Budgets => rules.budgets.iter().map(definition::budget).collect(),
        KeySpace::Goals => rules.goals.iter().map(|goal| goal.id.clone()).collect(),
        KeySpace::Ledgers => rules.ledgers.iter().map(|ledger| ledger.id.clone()).collect(),
        KeySpace::Purposes => rules.purposes.iter().map(|purpose| purpose.name.clone()).collect(),
        KeySpace::Partners => rules.partners.iter().map(|partner| partner.id.clone()).collect(),
        KeySpace::Picks => rules.picks.iter().map(|list| definition::pick_list(rules, list)).collect(),
        KeySpace::Ranks => rules.ranks.iter().map(|rank| definition::rank(rules, rank)).collect(),
        KeySpace::Groups => {
            (0..).map(GroupId).take(rules.groups.len()).map(|id| definition::group(rules, id)).collect()
        }
        KeySpace::Tables => rules.tables.iter().map(definition::table).collect(),
    }
}

/// Tells apart what is defined twice in the same way (one event may have two names): by which of them it is.
fn numbered(keys: Vec<String>) -> Vec<String> {
    let mut times: HashMap<String, u32> = HashMap::new();
    let numbered = keys.into_iter().map(|key| {
        let before = times.entry(key.clone()).or_default();
        *before += 1;
        if *before == 1 { key } else { format!("{key} #{before}") }
    });
    numbered.collect()
}

/// Writes the rules' keys; those of the growth numbers, of which there may be none, come last.
pub(super) fn write(plan: &ExecutionPlan, writer: &mut CborWriter) {
    let RulesKeys(kinds) = RulesKeys::of(&plan.rules);
    let used = kinds.iter().rposition(|keys| !keys.is_empty()).map_or(0, |last| last + 1);
    let kinds = &kinds[..used.max(KINDS_ALWAYS)];
    writer.array((kinds.len() + 1) as u64);
    for keys in kinds {
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
        let rules = RulesKeys::of(&plan.rules);
        // Those of the growth numbers come last; before version 4 they could be left out.
        let (stored, has_growth) = match usize::try_from(reader.array("the keys")?).unwrap_or(usize::MAX) {
            KINDS_BEFORE_4 => (KINDS_BEFORE_4, false),
            lists if lists == KINDS_BEFORE_4 + 1 => (KINDS_BEFORE_4, true),
            lists if KINDS_SINCE_4.contains(&lists.saturating_sub(1)) => (lists - 1, true),
            _ => return Err(reader.wrong("an array of another length")),
        };
        let mut kinds: [KeyMapping; KINDS] = Default::default();
        for kind in KeySpace::ALL.into_iter().take(stored) {
            kinds[kind as usize] = KeyMapping::read(rules.kind(kind), reader)?;
        }
        let mut dictionary = KeyDictionary { kinds, rules, growth: None };
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

    /// The ids of one kind.
    pub(super) fn kind(&self, kind: KeySpace) -> &KeyMapping {
        &self.kinds[kind as usize]
    }

    /// What is written by its id, since the rules that it was written under did not have it.
    pub(super) fn reference(&self, kind: KeySpace, id: &str) -> RuleReference {
        let place = self.rules.kind(kind).iter().position(|key| key == id);
        let place = place.and_then(|place| u16::try_from(place).ok());
        place.map_or_else(|| RuleReference::Gone(id.into()), RuleReference::Current)
    }
}

impl KeyMapping {
    fn read(keys: &[String], reader: &mut CborReader<'_>) -> Result<KeyMapping, CodecError> {
        let mut ids: HashMap<&str, u16> = keys.iter().map(String::as_str).zip(0..).collect();
        let mut known = Vec::new();
        for _ in 0..reader.array("a list of keys")? {
            // Removed, so that no two ids have the same meaning.
            let key = reader.text("a key")?;
            known.push(ids.remove(key).map_or_else(|| RuleReference::Gone(key.into()), RuleReference::Current));
        }
        Ok(KeyMapping(known))
    }

    /// Reads an id, and translates it to the current rules.
    pub(super) fn id(&self, reader: &mut CborReader<'_>, what: &'static str) -> Result<Option<u16>, CodecError> {
        Ok(match self.at(reader, what)? {
            RuleReference::Current(id) => Some(*id),
            RuleReference::Gone(_) => None,
        })
    }

    /// The same, also of what the current rules do not have.
    pub(super) fn reference(
        &self,
        reader: &mut CborReader<'_>,
        what: &'static str,
    ) -> Result<RuleReference, CodecError> {
        self.at(reader, what).cloned()
    }

    fn at(&self, reader: &mut CborReader<'_>, what: &'static str) -> Result<&RuleReference, CodecError> {
        let index = usize::try_from(reader.u64(what)?).unwrap_or(usize::MAX);
        self.0.get(index).ok_or_else(|| reader.wrong("an id without a key"))
    }
}
