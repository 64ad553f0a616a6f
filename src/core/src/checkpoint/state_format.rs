//! State in the CBOR of checkpoints. Ids are places in the checkpoint's dictionary of keys; reading translates them to
//! those of the current rules, and drops what these do not have.

use std::sync::Arc;

use super::dictionary::KeyDictionary;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::campaigns::TriggerLookup;
use crate::decimal::Decimal;
use crate::encoding::{KeySpace, ListShape, RuleReference, StateReader, StateWriter};
use crate::engine::feature_set::FeatureLookup;
use crate::engine::instances::KeyInstances;
use crate::event::Scalar;
use crate::features::FeatureKind;
use crate::growth::UserGrowthState;
use crate::partition::sections::{SectionReader, SectionWriter};
use crate::rules::ruleset::{CampaignId, CampaignTrigger, FeatureId, Ruleset};
use crate::time::Timestamp;

impl StateWriter for CborWriter {
    fn count(&mut self, _name: &'static str, count: u64) {
        self.u64(count);
    }

    fn flag(&mut self, value: bool) {
        self.bool(value);
    }

    fn sum(&mut self, _name: &'static str, millionths: i128) {
        self.i128(millionths);
    }

    fn decimal(&mut self, _name: &'static str, number: Decimal) {
        self.i128(number.millionths());
    }

    fn time(&mut self, _name: &'static str, time: Timestamp) {
        self.timestamp(time);
    }

    fn time_near(&mut self, _name: &'static str, _other: Timestamp, time: Timestamp) {
        self.timestamp(time);
    }

    fn hash(&mut self, _name: &'static str, hash: u64) {
        self.u64(hash);
    }

    fn position(&mut self, position: u64) {
        self.u64(position);
    }

    fn scalar(&mut self, _name: &'static str, value: &Scalar<'_>) {
        self.any_scalar(value);
    }

    fn optional_scalar(&mut self, _name: &'static str, value: Option<&Scalar<'_>>) {
        match value {
            Some(value) => self.any_scalar(value),
            None => self.null(),
        }
    }

    fn text(&mut self, _name: &'static str, text: &str) {
        self.str(text);
    }

    fn optional_text(&mut self, _name: &'static str, text: Option<&str>) {
        match text {
            Some(text) => self.str(text),
            None => self.null(),
        }
    }

    fn id(&mut self, _name: &'static str, _keys: KeySpace, id: u16) {
        self.u64(id.into());
    }

    fn reference(&mut self, _name: &'static str, _keys: KeySpace, reference: &RuleReference) {
        match reference {
            RuleReference::Current(id) => self.u64((*id).into()),
            RuleReference::Gone(id) => self.str(id),
        }
    }

    fn choice(&mut self, _name: &'static str, _words: &[&'static str], place: u8) {
        self.u64(place.into());
    }

    fn pane(&mut self, _name: &'static str, pane: i64) {
        self.i64(pane);
    }

    fn pane_after(&mut self, previous: Option<i64>, pane: i64) {
        self.i64(pane - previous.unwrap_or(0));
    }

    fn tag(&mut self, _tag: u8) {}

    fn record(&mut self, _name: &'static str, fields: u64, write: impl FnOnce(&mut Self)) {
        self.array(fields);
        write(self);
    }

    fn variable_record(&mut self, fields: u64, write: impl FnOnce(&mut Self)) {
        self.array(fields);
        write(self);
    }

    fn list<T>(
        &mut self,
        _name: &'static str,
        shape: ListShape,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let values_per_item = if shape == ListShape::Pairs { 2 } else { 1 };
        self.array(items.len() as u64 * values_per_item);
        items.for_each(|item| write(self, item));
    }

    /// In the order of the keys, so that the same state gives the same bytes.
    fn map<T>(
        &mut self,
        _name: &'static str,
        _keys: KeySpace,
        entries: impl ExactSizeIterator<Item = (u16, T)> + Clone,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.map_header(entries.len());
        let mut entry = |(key, entry): (u16, T)| {
            self.u64(key.into());
            write(self, entry);
        };
        if entries.clone().is_sorted_by_key(|(key, _)| key) {
            entries.for_each(entry);
        } else {
            let mut sorted: Vec<(u16, T)> = entries.collect();
            sorted.sort_by_key(|(key, _)| *key);
            sorted.into_iter().for_each(&mut entry);
        }
    }
}

impl SectionWriter for CborWriter {
    fn growth(&mut self, state: &UserGrowthState) {
        let numbers = state.stored();
        self.array(numbers.len() as u64);
        numbers.into_iter().for_each(|number| self.i64(number));
    }

    fn keys(&mut self, keys: &KeyInstances, latest_event: Timestamp) {
        keys.write(latest_event, self);
    }
}

/// Reads state that was stored under other rules, perhaps, than the current ones.
pub(super) struct CborStateReader<'r, 'b> {
    pub(super) rules: &'r Ruleset,
    pub(super) known: &'r KeyDictionary,
    pub(super) reader: &'r mut CborReader<'b>,
}

impl StateReader for CborStateReader<'_, '_> {
    type Error = CodecError;

    fn count(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.reader.count(what)
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, CodecError> {
        self.reader.bool(what)
    }

    fn sum(&mut self, what: &'static str) -> Result<i128, CodecError> {
        self.reader.i128(what)
    }

    fn decimal(&mut self, what: &'static str) -> Result<Decimal, CodecError> {
        self.reader.decimal(what)
    }

    fn time(&mut self, what: &'static str) -> Result<Timestamp, CodecError> {
        self.reader.time(what)
    }

    fn time_near(&mut self, _other: Timestamp, what: &'static str) -> Result<Timestamp, CodecError> {
        self.reader.time(what)
    }

    fn hash(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.reader.u64(what)
    }

    fn position(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.reader.u64(what)
    }

    fn scalar(&mut self, what: &'static str) -> Result<Scalar<'static>, CodecError> {
        self.reader.scalar(what)
    }

    fn optional_scalar(&mut self, what: &'static str) -> Result<Option<Scalar<'static>>, CodecError> {
        if self.reader.is_null(what)? { Ok(None) } else { self.reader.scalar(what).map(Some) }
    }

    fn text(&mut self, what: &'static str) -> Result<&str, CodecError> {
        self.reader.text(what)
    }

    fn optional_text(&mut self, what: &'static str) -> Result<Option<Arc<str>>, CodecError> {
        Ok(if self.reader.is_null(what)? { None } else { Some(self.reader.text(what)?.into()) })
    }

    fn id(&mut self, keys: KeySpace, what: &'static str) -> Result<Option<u16>, CodecError> {
        self.known.kind(keys).id(self.reader, what)
    }

    /// What was gone from the rules that wrote it may be there again in the current ones.
    fn reference(&mut self, keys: KeySpace, what: &'static str) -> Result<RuleReference, CodecError> {
        match self.reader.is_text(what)? {
            true => self.reader.text(what).map(|id| self.known.reference(keys, id)),
            false => self.known.kind(keys).reference(self.reader, what),
        }
    }

    fn choice(&mut self, count: u8, what: &'static str) -> Result<u8, CodecError> {
        let place = self.reader.u64(what)?;
        let place = u8::try_from(place).ok().filter(|place| *place < count);
        place.ok_or_else(|| self.reader.wrong("a choice out of range"))
    }

    fn pane(&mut self, what: &'static str) -> Result<i64, CodecError> {
        self.reader.i64(what)
    }

    fn pane_after(&mut self, previous: Option<i64>, what: &'static str) -> Result<i64, CodecError> {
        let step = self.reader.i64(what)?;
        if previous.is_some() && step <= 0 {
            return Err(self.reader.wrong("panes out of order"));
        }
        previous.unwrap_or(0).checked_add(step).ok_or_else(|| self.reader.wrong("a pane out of range"))
    }

    fn tag(&mut self, expected: impl FnOnce() -> u8) -> u8 {
        expected()
    }

    fn record(&mut self, fields: u64, what: &'static str) -> Result<(), CodecError> {
        self.reader.array_of(fields, what)
    }

    fn variable_record(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.reader.array(what)
    }

    fn list<T>(
        &mut self,
        shape: ListShape,
        what: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let values = self.reader.array(what)?;
        let values_per_item = if shape == ListShape::Pairs { 2 } else { 1 };
        if values % values_per_item != 0 {
            return Err(self.reader.wrong("half a pair"));
        }
        let mut items = Vec::new();
        for _ in 0..values / values_per_item {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Ascending by the ids of the current rules.
    fn map<T>(
        &mut self,
        keys: KeySpace,
        what: &'static str,
        mut read: impl FnMut(&mut Self, u16) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let mapping = self.known.kind(keys);
        let mut entries: Vec<(u16, T)> = Vec::new();
        for _ in 0..self.reader.map(what)? {
            match mapping.id(self.reader, what)? {
                Some(id) => entries.push((id, read(self, id)?)),
                None => self.reader.skip(what)?,
            }
        }
        entries.sort_by_key(|(id, _)| *id);
        if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(self.reader.wrong("the same thing twice"));
        }
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    fn verify(&self, is_sound: impl FnOnce() -> bool, what: &'static str) -> Result<(), CodecError> {
        if is_sound() { Ok(()) } else { Err(self.reader.wrong(what)) }
    }
}

impl TriggerLookup for CborStateReader<'_, '_> {
    fn trigger_of(&self, campaign: CampaignId) -> Option<CampaignTrigger> {
        self.rules.campaigns.get(usize::from(campaign.0)).map(|campaign| campaign.on)
    }
}

impl SectionReader for CborStateReader<'_, '_> {
    fn growth(&mut self) -> Result<Option<Box<UserGrowthState>>, CodecError> {
        let Some(migration) = &self.known.growth else {
            return self.reader.skip("a user's growth state").map(|()| None);
        };
        let mut numbers = Vec::new();
        for _ in 0..self.reader.array("a user's growth state")? {
            numbers.push(self.reader.i64("a growth number")?);
        }
        let state = UserGrowthState::restore(&numbers, migration);
        state.map(|state| Some(Box::new(state))).ok_or_else(|| self.reader.wrong("invalid growth numbers"))
    }

    fn keys(&mut self, latest_event: Timestamp) -> Result<KeyInstances, CodecError> {
        KeyInstances::read(latest_event, self)
    }
}

impl FeatureLookup for CborStateReader<'_, '_> {
    fn feature_kind(&self, id: FeatureId) -> Option<FeatureKind> {
        self.rules.features.get(usize::from(id.0)).map(|feature| feature.kind)
    }
}
