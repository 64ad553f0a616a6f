//! A user as few bytes as can be, for the many who are idle.
//!
//! ```text
//! mark (4) · id's length · id · latest · armed · now · first · segments due · what there is (1 byte) · each of that
//! ```
//!
//! Instants are relative to the latest event. The form lives in memory only: nothing reads it but this module, in the same
//! process.

use std::borrow::Cow;
use std::sync::Arc;

use super::snapshot::SnapshotEpoch;
use super::user::User;
use crate::campaigns::state::{DeferredDecision, Exposures};
use crate::campaigns::{CampaignState, Trigger};
use crate::compact::{CompactReader, CompactWriter, OURS};
use crate::decimal::Decimal;
use crate::engine::feature_state::{FeatureState, LastValue};
use crate::engine::profile::UserProfile;
use crate::engine::traits::UserTraits;
use crate::engine::window::{Aggregate, DecimalSum, DistinctPanes, EventCount, Maximum, Minimum, Panes};
use crate::event::{Scalar, TraitId};
use crate::growth;
use crate::rules::program::{CampaignId, FeatureId, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// What there is beside the times, a bit each.
mod there {
    pub(super) const UNSETTLED: u8 = 1;
    pub(super) const MEMBERS: u8 = 1 << 1;
    pub(super) const TRAITS: u8 = 1 << 2;
    pub(super) const ZONE: u8 = 1 << 3;
    pub(super) const CELLS: u8 = 1 << 4;
    pub(super) const SEEN: u8 = 1 << 5;
    pub(super) const MEMORY: u8 = 1 << 6;
    pub(super) const GROWTH: u8 = 1 << 7;
}

/// How many bytes the mark takes.
const MARK_BYTES: usize = size_of::<u32>();

/// A user who takes few bytes until something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedUser(Box<[u8]>);

impl PackedUser {
    /// Packs a user.
    pub fn new(user: &User) -> PackedUser {
        let mut packed = Vec::with_capacity(128);
        pack(user, &mut packed);
        PackedUser(packed.into())
    }

    /// The user's id.
    pub fn id(&self) -> &str {
        id(&self.0)
    }

    /// The user, as it was packed.
    pub fn unpack(&self) -> User {
        unpack(&self.0)
    }
}

/// Appends a user to `out`.
pub(super) fn pack(user: &User, out: &mut Vec<u8>) {
    let profile = &user.profile;
    out.extend_from_slice(&user.mark.to_bits().to_le_bytes());
    let mut writer = CompactWriter { out, base: profile.latest };
    writer.bytes(user.id.as_bytes());
    writer.signed(profile.latest.0);
    for time in [user.armed, profile.now, profile.first, user.segments_due] {
        writer.time(time);
    }
    let (fired, capped, held) = user.memory.parts();
    let flags = [
        (there::UNSETTLED, user.unsettled),
        (there::MEMBERS, profile.members.iter().next().is_some()),
        (there::TRAITS, !profile.traits.is_blank()),
        (there::ZONE, profile.zone.is_some()),
        (there::CELLS, !profile.cells().is_empty()),
        (there::SEEN, !profile.seen().is_empty()),
        (there::GROWTH, user.growth.is_some()),
        (there::MEMORY, !(fired.is_empty() && capped.is_empty() && held.is_empty())),
    ];
    let flags = flags.iter().filter(|(_, is_there)| *is_there).fold(0, |flags, (bit, _)| flags | bit);
    writer.out.push(flags);
    if flags & there::MEMBERS != 0 {
        writer.unsigned(profile.members.iter().count() as u64);
        profile.members.iter().for_each(|segment| writer.unsigned(segment.0.into()));
    }
    if flags & there::TRAITS != 0 {
        writer.time(profile.traits.identified());
        writer.unsigned(profile.traits.entries().len() as u64);
        for (id, value) in profile.traits.entries() {
            // The lowest bit says whether it has a value.
            writer.unsigned(u64::from(id.0) << 1 | u64::from(value.is_some()));
            if let Some(value) = value {
                writer.scalar(value);
            }
        }
    }
    if let Some((position, name)) = &profile.zone {
        writer.unsigned(*position);
        writer.bytes(name.as_bytes());
    }
    if flags & there::CELLS != 0 {
        writer.unsigned(profile.cells().len() as u64);
        for (id, cell) in profile.cells() {
            writer.unsigned(id.0.into());
            writer.cell(cell);
        }
    }
    if flags & there::SEEN != 0 {
        writer.unsigned(profile.seen().len() as u64);
        // Each was accepted a little after the one before: that takes two or three bytes.
        let mut before = profile.latest;
        for (hash, accepted) in profile.seen().iter() {
            writer.out.extend_from_slice(&hash.to_le_bytes());
            writer.signed((accepted - before).0);
            before = accepted;
        }
    }
    if flags & there::MEMORY != 0 {
        writer.memory(&user.memory);
    }
    if let Some(record) = &user.growth {
        record.pack(&mut writer);
    }
}

/// The user's id.
pub(super) fn id(packed: &[u8]) -> &str {
    let mut reader = CompactReader { left: &packed[MARK_BYTES..], base: Timestamp(0) };
    reader.str()
}

/// When the user was last changed, in rounds of cuts.
pub(super) fn mark(packed: &[u8]) -> SnapshotEpoch {
    SnapshotEpoch::from_bits(u32::from_le_bytes(packed[..MARK_BYTES].try_into().expect(OURS)))
}

/// Changes the mark where it stands.
pub(super) fn set_mark(packed: &mut [u8], mark: SnapshotEpoch) {
    packed[..MARK_BYTES].copy_from_slice(&mark.to_bits().to_le_bytes());
}

/// The soonest wake-up that stands in the timers.
pub(super) fn armed(packed: &[u8]) -> Timestamp {
    let mut reader = CompactReader { left: &packed[MARK_BYTES..], base: Timestamp(0) };
    reader.bytes();
    reader.base = Timestamp(reader.signed());
    reader.time()
}

/// The time of the user's latest event.
pub(super) fn latest(packed: &[u8]) -> Timestamp {
    let mut reader = CompactReader { left: &packed[MARK_BYTES..], base: Timestamp(0) };
    reader.bytes();
    Timestamp(reader.signed())
}

/// The user, as it was packed.
pub(super) fn unpack(packed: &[u8]) -> User {
    let mut reader = CompactReader { left: &packed[MARK_BYTES..], base: Timestamp(0) };
    let id: Arc<str> = reader.str().into();
    reader.base = Timestamp(reader.signed());
    let armed = reader.time();
    let mut profile = UserProfile::new(reader.time());
    profile.latest = reader.base;
    profile.first = reader.time();
    let segments_due = reader.time();
    let flags = reader.byte();
    let has = |bit| flags & bit != 0;
    if has(there::MEMBERS) {
        for segment in reader.all(|reader| SegmentId(reader.small())) {
            profile.members.set(segment, true);
        }
    }
    if has(there::TRAITS) {
        let identified = reader.time();
        let values = reader.all(|reader| {
            let tagged = reader.unsigned();
            let id = TraitId(u16::try_from(tagged >> 1).expect(OURS));
            (id, (tagged & 1 == 1).then(|| reader.scalar()))
        });
        profile.traits = UserTraits::from_parts(identified, values);
    }
    if has(there::ZONE) {
        profile.zone = Some((reader.unsigned(), reader.str().into()));
    }
    let cells =
        if has(there::CELLS) { reader.all(|reader| (FeatureId(reader.small()), reader.cell())) } else { Vec::new() };
    let seen = if has(there::SEEN) {
        let mut before = profile.latest;
        reader.all(|reader| {
            let hash = u64::from_le_bytes(reader.array());
            before = Timestamp(before.0 + reader.signed());
            (hash, before)
        })
    } else {
        Vec::new()
    };
    profile.restore(cells, seen.into_iter().collect());
    let memory = if has(there::MEMORY) { reader.memory() } else { CampaignState::default() };
    let growth = has(there::GROWTH).then(|| Box::new(growth::UserGrowthState::unpack(&mut reader)));
    User { id, profile, memory, growth, segments_due, armed, unsettled: has(there::UNSETTLED), mark: mark(packed) }
}

impl CompactWriter<'_> {
    /// Few are as large as they may be.
    fn large(&mut self, number: i128) {
        match i64::try_from(number) {
            Ok(number) => {
                self.out.push(0);
                self.signed(number);
            }
            Err(_) => {
                self.out.push(1);
                self.out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    fn scalar(&mut self, value: &Scalar<'_>) {
        match value {
            Scalar::Bool(value) => self.out.push(u8::from(*value)),
            Scalar::Number(number) => {
                self.out.push(2);
                self.large(number.millionths());
            }
            Scalar::Text(text) => {
                self.out.push(3);
                self.bytes(text.as_bytes());
            }
            Scalar::Json(json) => {
                self.out.push(4);
                self.bytes(json.as_bytes());
            }
        }
    }

    fn cell(&mut self, cell: &FeatureState) {
        match cell {
            FeatureState::Counts(panes) => self.panes(0, panes, |writer, count| writer.unsigned(count.0)),
            FeatureState::Sums(panes) => self.panes(1, panes, |writer, sum| writer.large(sum.0)),
            FeatureState::Minimum(panes) => self.panes(2, panes, |writer, least| writer.large(least.0.millionths())),
            FeatureState::Maximum(panes) => {
                self.panes(3, panes, |writer, greatest| writer.large(greatest.0.millionths()))
            }
            FeatureState::Distinct(panes) => {
                self.out.push(4);
                self.unsigned(panes.entries().len() as u64);
                for (hash, pane) in panes.entries() {
                    self.out.extend_from_slice(&hash.to_le_bytes());
                    self.signed(pane);
                }
            }
            FeatureState::Count(count) => {
                self.out.push(5);
                self.unsigned(*count);
            }
            FeatureState::Sum(sum) => {
                self.out.push(6);
                self.large(sum.0);
            }
            FeatureState::Last(last) => {
                self.out.push(7);
                self.time(last.at);
                self.unsigned(last.position);
                self.scalar(&last.value);
            }
            FeatureState::Latest(at) => {
                self.out.push(8);
                self.time(*at);
            }
        }
    }

    fn panes<T: Aggregate>(&mut self, kind: u8, panes: &Panes<T>, mut value: impl FnMut(&mut Self, T)) {
        self.out.push(kind);
        self.unsigned(panes.entries().len() as u64);
        let mut before = 0;
        for (pane, held) in panes.entries() {
            self.signed(pane.wrapping_sub(before));
            before = *pane;
            value(self, *held);
        }
    }

    fn memory(&mut self, memory: &CampaignState) {
        let (fired, capped, held) = memory.parts();
        self.unsigned(fired.len() as u64);
        for (id, fired) in fired {
            self.unsigned(id.0.into());
            self.unsigned(fired.count.into());
            self.time(fired.last);
        }
        self.unsigned(capped.len() as u64);
        for (index, times) in capped {
            self.unsigned((*index).into());
            self.unsigned(times.len() as u64);
            times.iter().for_each(|time| self.time(*time));
        }
        self.unsigned(held.len() as u64);
        for held in held {
            self.unsigned(held.campaign.0.into());
            self.time(held.until);
            self.out.push(match held.trigger {
                None => 0,
                Some(Trigger { change: TransitionKind::Enter, .. }) => 1,
                Some(Trigger { change: TransitionKind::Exit, .. }) => 2,
            });
            if let Some(trigger) = held.trigger {
                self.unsigned(trigger.segment.0.into());
            }
            for text in [&held.cause, &held.zone] {
                self.optional_text(text.as_deref());
            }
        }
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.out.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.bytes(text.as_bytes());
        }
    }
}

impl CompactReader<'_> {
    fn large(&mut self) -> i128 {
        match self.byte() {
            0 => self.signed().into(),
            _ => i128::from_le_bytes(self.array()),
        }
    }

    fn decimal(&mut self) -> Decimal {
        Decimal::from_millionths(self.large())
    }

    fn scalar(&mut self) -> Scalar<'static> {
        match self.byte() {
            0 => Scalar::Bool(false),
            1 => Scalar::Bool(true),
            2 => Scalar::Number(self.decimal()),
            3 => Scalar::Text(Cow::Owned(self.str().to_owned())),
            _ => Scalar::Json(Cow::Owned(self.str().to_owned())),
        }
    }

    fn cell(&mut self) -> FeatureState {
        match self.byte() {
            0 => FeatureState::Counts(self.panes(|reader| EventCount(reader.unsigned()))),
            1 => FeatureState::Sums(self.panes(|reader| DecimalSum(reader.large()))),
            2 => FeatureState::Minimum(self.panes(|reader| Minimum(reader.decimal()))),
            3 => FeatureState::Maximum(self.panes(|reader| Maximum(reader.decimal()))),
            4 => {
                let entries = self.all(|reader| (u64::from_le_bytes(reader.array()), reader.signed()));
                FeatureState::Distinct(DistinctPanes::from_entries(entries))
            }
            5 => FeatureState::Count(self.unsigned()),
            6 => FeatureState::Sum(Box::new(DecimalSum(self.large()))),
            7 => {
                let (at, position) = (self.time(), self.unsigned());
                FeatureState::Last(Box::new(LastValue { at, position, value: self.scalar() }))
            }
            _ => FeatureState::Latest(self.time()),
        }
    }

    fn panes<T: Aggregate>(&mut self, mut value: impl FnMut(&mut Self) -> T) -> Panes<T> {
        let mut pane = 0;
        Panes::from_entries(self.all(|reader| {
            pane = reader.signed().wrapping_add(pane);
            (pane, value(reader))
        }))
    }

    fn memory(&mut self) -> CampaignState {
        let fired = self.all(|reader| {
            let id = CampaignId(reader.small());
            let count = reader.small();
            (id, Exposures { count, last: reader.time() })
        });
        let capped = self.all(|reader| (reader.small(), reader.all(Self::time)));
        let held = self.all(|reader| {
            let (campaign, until) = (CampaignId(reader.small()), reader.time());
            let change = match reader.byte() {
                0 => None,
                1 => Some(TransitionKind::Enter),
                _ => Some(TransitionKind::Exit),
            };
            let trigger = change.map(|change| Trigger { segment: SegmentId(reader.small()), change });
            let (cause, zone) = (reader.optional_text(), reader.optional_text());
            DeferredDecision { campaign, trigger, until, zone, cause }
        });
        CampaignState::from_parts(fired, capped, held)
    }

    fn optional_text(&mut self) -> Option<Arc<str>> {
        (self.byte() == 1).then(|| self.str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{START, Story, USER};

    const RULES: &str = r#"
        [events]
        view = "View"
        order = { event = "Order", where = "properties.total > -1e20" }

        [[segments]]
        id = "all"
        when = """count(view, '1h') >= 1 || distinct(view.id, '1d') > 1 || sum(order.total, '1d') > 5
                  || min(order.total, '1d') < 0 || max(order.total, '1d') > 7 || total(order.total) > 10
                  || total(view) > 2 || last(view.id) == 'a' || last(view.list) in [1] || since(order) < duration('1h')
                  || traits.tier == 'gold'"""

        [[campaigns]]
        id = "night"
        on = "enter:all"
        channel = "email"
        quiet_hours = "00:00-23:59"

        [[campaigns]]
        id = "now"
        on = "enter:all"
        channel = "email"

        [[caps]]
        max = 3
        per = "1d"
    "#;

    fn assert_comes_back(user: &User) -> usize {
        let mut packed = vec![];
        pack(user, &mut packed);
        assert_eq!(unpack(&packed), *user);
        assert_eq!((id(&packed), mark(&packed), armed(&packed)), (&*user.id, user.mark, user.armed));
        assert_eq!(latest(&packed), user.profile.latest);
        let other = SnapshotEpoch::from_bits(77);
        set_mark(&mut packed, other);
        assert_eq!(unpack(&packed), User { mark: other, ..user.clone() });
        packed.len()
    }

    #[test]
    fn a_user_comes_back_as_it_was() {
        let mut story = Story::under(RULES);
        story.identify(0, r#""tier":"gold","list":["x",2,true],"object":{"a": 1.50}"#);
        story.call(1, USER, r#""type":"page","messageId":"m0","context":{"timezone":"UTC"}"#);
        for (at, id, list) in
            [(2, "a", "1"), (700_000, "b", "[1,\"x\",true]"), (3, "c", "{}"), (4_000_000, "d", "false")]
        {
            let view = format!(r#""id":"{id}","list":{list}"#);
            story.track(at, "View", &view);
            assert_comes_back(&story.user());
        }
        for (at, total) in [(5, "12.345678"), (90_000, "-1e24"), (90_001, "9e15")] {
            story.track(at, "Order", &format!(r#""total":{total}"#));
            assert_comes_back(&story.user());
        }
        let user = story.user();
        let (fired, capped, held) = user.memory.parts();
        assert!(!fired.is_empty() && !capped.is_empty() && !held.is_empty() && user.profile.cells().len() > 9);
    }

    #[test]
    fn someone_of_whom_nothing_is_known_comes_back_too() {
        for now in [Timestamp::MIN, Timestamp(START), Timestamp(-5)] {
            assert_comes_back(&User::new("nobody".into(), now));
        }
        let mut early = User::new("".into(), Timestamp(-5));
        (early.armed, early.segments_due) = (Timestamp(-6), Timestamp(i64::MAX / 8));
        assert_comes_back(&early);
    }

    /// What a day of messageIds costs: a shopper who does something every twenty seconds of an hour, and one of a busy bot.
    #[test]
    fn a_remembered_message_takes_a_hash_and_two_or_three_bytes() {
        for (messages, every, most) in [(180, 20_000, 11.1), (5_000, 1_000, 10.1)] {
            let (mut with, mut without) = (Story::under(RULES), Story::under(RULES));
            for number in 0..messages {
                let view = r#""type":"track","event":"View""#;
                without.call(number * every, USER, view);
                with.call(number * every, USER, &format!(r#"{view},"messageId":"ajs-next-{number}""#));
            }
            let more = assert_comes_back(&with.user()) - assert_comes_back(&without.user());
            let each = more as f64 / messages as f64;
            assert!(each > 8.0 && each <= most, "{each} bytes for each of {messages}");
        }
    }

    #[test]
    fn an_idle_user_takes_few_bytes() {
        let mut story = Story::under(RULES);
        story.track(5, "View", r#""id":"a""#);
        let bytes = assert_comes_back(&story.user());
        assert!(bytes < 90, "{bytes} bytes");
    }
}
