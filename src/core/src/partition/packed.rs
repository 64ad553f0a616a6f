//! A user in as few bytes as possible, for the many users to whom nothing is happening.
//!
//! ```text
//! snapshot epoch (4) · id's length · id · latest · armed · clock · first · segments due · flags · each section that is there
//! ```
//!
//! Instants are relative to the latest event. The form lives in memory only: nothing reads it but this module, in the same
//! process. What a section holds is described by the section ([`UserSection`]).

use std::sync::Arc;

use super::sections::{SectionReader, SectionWriter, UserSection};
use super::snapshot::SnapshotEpoch;
use super::user::User;
use crate::campaigns::TriggerLookup;
use crate::compact::{CompactReader, CompactWriter, OURS};
use crate::engine::instances::KeyInstances;
use crate::growth::UserGrowthState;
use crate::rules::ruleset::{CampaignId, CampaignTrigger};
use crate::time::Timestamp;

/// How many bytes the snapshot epoch takes.
const EPOCH_BYTES: usize = size_of::<u32>();

/// A user that takes few bytes until something happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedUser(Box<[u8]>);

impl PackedUser {
    /// How many bytes it takes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

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
    out.extend_from_slice(&user.snapshot_epoch.to_bits().to_le_bytes());
    let mut writer = CompactWriter { out, base: profile.latest };
    writer.bytes(user.id.as_bytes());
    writer.signed(profile.latest.0);
    for time in [user.armed, profile.now, profile.first, user.segments_due] {
        writer.timestamp(time);
    }
    let present = |section: &UserSection| section.is_present(user);
    let flags = UserSection::ALL.iter().rev().fold(0, |flags, section| flags << 1 | u64::from(present(section)));
    writer.unsigned(flags);
    for section in UserSection::ALL.into_iter().filter(present) {
        section.write(user, &mut writer);
    }
}

/// The user's id.
pub(super) fn id(packed: &[u8]) -> &str {
    let mut reader = CompactReader { left: &packed[EPOCH_BYTES..], base: Timestamp(0) };
    reader.str()
}

/// In which snapshot epoch the user was last changed.
pub(super) fn snapshot_epoch(packed: &[u8]) -> SnapshotEpoch {
    SnapshotEpoch::from_bits(u32::from_le_bytes(packed[..EPOCH_BYTES].try_into().expect(OURS)))
}

/// Changes the epoch in place.
pub(super) fn set_snapshot_epoch(packed: &mut [u8], epoch: SnapshotEpoch) {
    packed[..EPOCH_BYTES].copy_from_slice(&epoch.to_bits().to_le_bytes());
}

/// The earliest timer of the user in the queue.
pub(super) fn armed(packed: &[u8]) -> Timestamp {
    let mut reader = CompactReader { left: &packed[EPOCH_BYTES..], base: Timestamp(0) };
    reader.bytes();
    reader.base = Timestamp(reader.signed());
    reader.timestamp()
}

/// The time of the user's latest event.
pub(super) fn latest(packed: &[u8]) -> Timestamp {
    let mut reader = CompactReader { left: &packed[EPOCH_BYTES..], base: Timestamp(0) };
    reader.bytes();
    Timestamp(reader.signed())
}

/// The user, as it was packed.
pub(super) fn unpack(packed: &[u8]) -> User {
    let mut reader = CompactReader { left: &packed[EPOCH_BYTES..], base: Timestamp(0) };
    let id: Arc<str> = reader.str().into();
    reader.base = Timestamp(reader.signed());
    let (armed, clock) = (reader.timestamp(), reader.timestamp());
    let mut user = User::new(id, clock);
    user.armed = armed;
    user.profile.latest = reader.base;
    user.profile.first = reader.timestamp();
    user.segments_due = reader.timestamp();
    user.unsettled = false;
    user.snapshot_epoch = snapshot_epoch(packed);
    let flags = reader.unsigned();
    for (bit, section) in UserSection::ALL.into_iter().enumerate() {
        if flags >> bit & 1 == 1 {
            let Ok(()) = section.read(&mut user, &mut reader);
        }
    }
    user
}

impl SectionWriter for CompactWriter<'_> {
    fn growth(&mut self, state: &UserGrowthState) {
        state.pack(self);
    }

    fn keys(&mut self, keys: &KeyInstances, _latest_event: Timestamp) {
        keys.pack(self);
    }
}

/// Packed decisions have their triggers.
impl TriggerLookup for CompactReader<'_> {
    fn trigger_of(&self, _campaign: CampaignId) -> Option<CampaignTrigger> {
        None
    }
}

impl SectionReader for CompactReader<'_> {
    fn growth(&mut self) -> Result<Option<Box<UserGrowthState>>, std::convert::Infallible> {
        Ok(Some(Box::new(UserGrowthState::unpack(self))))
    }

    fn keys(&mut self, _latest_event: Timestamp) -> Result<KeyInstances, std::convert::Infallible> {
        Ok(KeyInstances::unpack(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budgets::{CostShare, Reservation};
    use crate::decimal::Decimal;
    use crate::ranks::UserRank;
    use crate::rules::ruleset::{BudgetId, RankId};
    use crate::testing::{START, Story, USER};
    use crate::time::Span;

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

    const KEYS: &str = r#"
        [[ledgers]]
        id = "points"
        expires = "30d"
        daily_max = 1000
        earn = [{ on = "order", amount = "event.total" }]

        [[ledgers]]
        id = "coins"
        earn = [{ on = "order", amount = "12" }]
        spend = [{ on = "view", amount = "1", debt = true }]

        [per.item]
        key = "id"
        ttl = "30d"

        [[segments]]
        id = "item"
        per = "item"
        when = "count(view, '1h') >= 1 && since(view) >= duration('1s') && key() != 'd'"

        [[budgets]]
        id = "summer"
        limit = 100
        per = "month"

        [[campaigns]]
        id = "coupon"
        on = "event:order"
        channel = "email"
        spends = [{ budget = "summer", cost = "20" }]
        coupon = { valid = "7d" }
        settle = { on = "order" }

        [[partners]]
        id = "acme"
        needs = ["ads"]
        segments = ["all"]

        [[goals]]
        id = "buy"
        on = "order"
        value = "total"
        within = "1h"

        [[picks]]
        id = "seen"
        on = ["view"]
        item = "id"
        kind = "again"
        every = "day"
    "#;

    fn assert_comes_back(user: &User) -> usize {
        let mut packed = vec![];
        pack(user, &mut packed);
        assert_eq!(unpack(&packed), *user);
        assert_eq!(
            (id(&packed), snapshot_epoch(&packed), armed(&packed)),
            (&*user.id, user.snapshot_epoch, user.armed)
        );
        assert_eq!(latest(&packed), user.profile.latest);
        let other = SnapshotEpoch::from_bits(77);
        set_snapshot_epoch(&mut packed, other);
        assert_eq!(unpack(&packed), User { snapshot_epoch: other, ..user.clone() });
        packed.len()
    }

    #[test]
    fn a_user_comes_back_as_it_was() {
        let mut story = Story::under(&format!("{RULES}{KEYS}"));
        story.identify(0, r#""tier":"gold","list":["x",2,true],"object":{"a": 1.50}"#);
        story.call(1, USER, r#""type":"page","messageId":"m0","context":{"timezone":"UTC","consent":{"categoryPreferences":{"ads":true}}}"#);
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
        let mut user = story.user().into_owned();
        let cost = CostShare { budget: BudgetId(0), period: Timestamp::MIN, cost: Decimal::from(20_i64) };
        for (at, code) in [(START, Some("A-1".into())), (START + 5, None)] {
            let at = Timestamp(at);
            let campaign = user.campaigns.asks.iter().next().expect("an order asks").decision.campaign;
            user.reservations.add(Reservation { campaign, ordinal: 3, at, due: at + Span(9), code, costs: vec![cost] });
        }
        for (rank, larger, smaller) in [(RankId(0), 0, 7), (RankId(3), 4_000_000_000, 9)] {
            user.profile.ranks.set(rank, Some(UserRank { rank, larger, smaller, ranked: u32::MAX }));
        }
        ["lamp", "chair"].iter().for_each(|item| user.shown.show(item, Timestamp(START + 7), Span(60_000)));
        assert_comes_back(&user);
        assert!(UserSection::ALL.into_iter().all(
            |section| section.is_present(&user) || matches!(section, UserSection::Growth | UserSection::Unsettled)
        ));
        assert!(user.profile.features().len() > 9);
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
