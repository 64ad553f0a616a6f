//! The codec: other rules, damaged and hostile bytes. That nothing of a state is lost is seen by cutting whole runs.

use std::fmt::Write as _;

use super::block::{BlockSummary, CheckpointBlock, CheckpointBlockKind, CheckpointBlockWriter, PREAMBLE, blocks};
use super::*;
use crate::campaigns::state::{CapTimes, DeferredDecision, ExposuresByCampaign};
use crate::identity::IdentityLinks;
use crate::partition::{ExecutionPlan, PackedUser, Partition, User};
use crate::rules;
use crate::testing::{START, Story, USER};
use crate::time::Timestamp;
use proptest::prelude::*;

/// Rules that remember something of every kind.
const RULES: &str = r#"
[events]
view = { event = "View", where = "properties.price > 0.5 && traits.tier != 'none'" }
seen = "View"
order = "Order"

[[segments]]
id = "active"
when = "count(view, '1h') >= 1 && distinct(view.id, '1h') >= 1"

[[segments]]
id = "rich"
when = """sum(order.total, '1d') > 5 || avg(order.total, '2d') > 5 || min(order.total, '1d') < 0
          || max(order.total, '1d') > 7 || total(order.total) > 10 || total(seen) > 2"""

[[segments]]
id = "recent"
when = "last(seen.id) == 'a' || since(order) < duration('1h') || traits['vip level'] in [1, 'x']"

[[campaigns]]
id = "mail"
on = "enter:active"
channel = "email"

[[campaigns]]
id = "night"
on = "enter:rich"
channel = "push"
quiet_hours = "22:00-08:00"

[[caps]]
max = 3
per = "1d"

[[caps]]
max = 1
per = "1h"
channel = "email"
"#;

/// A user of whom something of every kind is remembered, and another.
fn told(rules: &str) -> Story {
    let mut story = Story::under(rules);
    story.identify(0, r#""tier":"gold","vip level":["x",2,true],"other":1"#);
    story.call(1, USER, r#""type":"page","messageId":"m0","context":{"timezone":"UTC"}"#);
    let view = r#""type":"track","event":"View","messageId":"m1","properties":{"id":"a","price":9.25}"#;
    story.call(2, USER, view).call(2, "idle", view);
    story.track(3, "Order", r#""total":12.345678"#).track(90_000, "Order", r#""total":-1e30"#);
    story
}

fn head(rules: &str) -> CheckpointHeader {
    CheckpointHeader {
        kind: CheckpointKind::Base,
        number: 1,
        base: 1,
        previous: 1,
        sequence: 5,
        position: 4,
        fired: Timestamp(START - 1),
        forgotten: 2,
        latest_read: Timestamp(START),
        rules: rules.to_owned(),
        rules_changes: 3,
        rules_changed_at: Timestamp(START - 2),
        partitions: 1,
        stream: Some(StreamIdentity { name: "EVENTS".to_owned(), created_ms: START }),
        program: "0.0.0".to_owned(),
    }
}

/// The story's users, sorted, and these links.
fn bytes_with(story: &Story, links: &mut IdentityLinks) -> Vec<u8> {
    let mut users: Vec<_> = story.partition.users().collect();
    users.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let mut encoder = CheckpointEncoder::new(&story.plan, &head(&story.plan.rules.version)).expect("small");
    encoder.links(&links.cut(true)).expect("small");
    encoder.users(0, users).expect("small");
    encoder.finish().expect("small").0
}

fn bytes(story: &Story) -> Vec<u8> {
    bytes_with(story, &mut IdentityLinks::default())
}

/// Everything in a file, read for these rules.
fn contents(plan: &ExecutionPlan, bytes: &[u8]) -> Result<Vec<PartContent>, CodecError> {
    let file = CheckpointFile::read(bytes)?;
    let reading = file.reading(plan)?;
    file.parts().iter().map(|part| part.content(&reading)).collect()
}

fn partition(plan: &ExecutionPlan, bytes: &[u8]) -> Result<Partition, CodecError> {
    let mut partition = Partition::new(plan);
    for content in contents(plan, bytes)? {
        if let PartContent::Users(_, users) = content {
            users.iter().for_each(|user| partition.attach(user.unpack()));
        }
    }
    Ok(partition)
}

fn restored(rules: &str, bytes: &[u8]) -> Story {
    let mut story = Story::under(rules);
    story.partition = partition(&story.plan, bytes).expect("what was encoded");
    story
}

/// The user's campaign state in parts.
fn parts(user: &User) -> (&ExposuresByCampaign, &CapTimes, &[DeferredDecision]) {
    (user.campaigns.exposures(), user.campaigns.cap_times(), user.campaigns.deferred())
}

fn summary(kind: CheckpointBlockKind, partition: u16, items: u32) -> BlockSummary {
    BlockSummary { kind, partition, items }
}

/// The contents of a file's blocks, changed, in a file whose checksums are right.
fn resealed(bytes: &[u8], change: impl Fn(&CheckpointBlock<'_>, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let (mut writer, mut out) = (CheckpointBlockWriter::new(), PREAMBLE.to_vec());
    for block in blocks(bytes).expect("sound") {
        let content = change(&block, block.content().expect("sound"));
        writer.write(summary(block.kind, block.partition, block.items), &content, &mut out).expect("small");
    }
    out
}

#[test]
fn state_of_every_kind_comes_back() {
    let story = told(RULES);
    let user = story.user();
    assert_eq!(user.profile.features().len(), story.plan.rules.features.len(), "something of every feature");
    let (fired, capped, held) = parts(&user);
    assert_eq!((fired.len(), capped.len(), held.len()), (1, 2, 1), "something of every kind of memory");
    assert!(
        !user.profile.dedup().is_empty() && user.profile.zone.is_some() && !user.profile.traits.entries().is_empty()
    );
    let back = restored(RULES, &bytes(&story));
    assert_eq!(back.user().profile, user.profile);
    assert_eq!(back.user().campaigns, user.campaigns);
    assert_eq!((back.user().segments_due, back.user().unsettled), (user.segments_due, false));
    assert_eq!(back.partition.counts().sizes, story.partition.counts().sizes);
    assert_eq!(bytes(&back), bytes(&story));
}

#[test]
fn the_order_in_which_users_came_does_not_show() {
    let (mut one, mut other) = (Story::under(RULES), Story::under(RULES));
    for (story, users) in [(&mut one, ["a", "b", "c"]), (&mut other, ["c", "a", "b"])] {
        for user in users {
            story.call(5, user, r#""type":"track","event":"Order""#);
        }
    }
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn the_order_in_which_traits_came_does_not_show() {
    let rules = "[[segments]]\nid = \"s\"\nwhen = \"has(traits.a) && has(traits.b)\"\n";
    let (mut one, mut other) = (Story::under(rules), Story::under(rules));
    one.identify(0, r#""a":1"#).identify(0, r#""b":2"#);
    other.identify(0, r#""b":2"#).identify(0, r#""a":1"#);
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn an_idle_user_takes_little_more_than_the_id() {
    let mut story = Story::under(RULES);
    let empty = bytes(&story).len();
    for index in 0..100 {
        story.call(0, &format!("user-{index:05}"), r#""type":"page""#);
    }
    let each = (bytes(&story).len() - empty) / 100;
    assert!(each <= 60, "{each} bytes for an idle user");
}

/// The rules with their parts in another order, names and indexes all others, and something added.
fn rearranged() -> String {
    let parts: Vec<&str> = RULES.split("[[").collect();
    let added = "id = \"first\"\nwhen = \"total(purchase) >= 1 && count(fresh, '3h') == 0 && traits.new != 'x'\"\n";
    let mut rules = String::from(
        "[events]\nfresh = \"Added\"\norder = \"Order\"\npurchase = \"Order\"\nseen = \"View\"\n\
         view = { event = \"View\", where = \"properties.price > 0.5 && traits.tier != 'none'\" }\n",
    );
    write!(rules, "[[segments]]\n{added}").expect("writing to a string cannot fail");
    for part in parts[1..].iter().rev() {
        write!(rules, "[[{part}").expect("writing to a string cannot fail");
    }
    rules
}

#[test]
fn state_survives_rules_in_another_order_under_other_names() {
    let story = told(RULES);
    let mut back = restored(&rearranged(), &bytes(&story));
    let kept = back.user().clone();
    assert_eq!(kept.profile.features().len(), story.user().profile.features().len(), "the new features are empty");
    assert!(["active", "rich", "recent"].iter().all(|segment| back.is_in(segment) == story.is_in(segment)));
    let before = story.user();
    let [(fired, capped, held), (old_fired, old_capped, old_held)] = [parts(&kept), parts(&before)];
    assert_eq!((fired.len(), capped.len(), held.len()), (old_fired.len(), old_capped.len(), old_held.len()));
    assert_eq!(back.plan.rules.campaigns[usize::from(held[0].campaign.0)].id, "night");
    assert!(kept.unsettled, "the rules differ");
    back.wait(3 * 3_600_000);
    let values: Vec<String> = back.told();
    assert!(values.iter().all(|line| !line.contains("first")), "total(purchase) starts at 0: {values:?}");
}

#[test]
fn other_rules_are_found_to_hold_as_soon_as_time_moves() {
    let story = told(RULES);
    let rules = RULES.replace("total(seen) > 2", "total(seen) > 0").replace("max(order.total, '1d') > 7", "false");
    let mut back = restored(&rules.replace("sum(order.total, '1d') > 5", "false"), &bytes(&story));
    back.wait(90_000);
    let told = back.told();
    assert!(told.contains(&"2 idle: enter rich".to_owned()), "at the user's own clock: {told:?}");
}

#[test]
fn what_the_rules_do_not_know_any_more_is_dropped() {
    let story = told(RULES);
    let rules = "[events]\norder = \"Order\"\n[[segments]]\nid = \"rich\"\nwhen = \"total(order.total) > 10\"\n";
    let back = restored(rules, &bytes(&story));
    let user = back.user();
    assert_eq!(user.profile.features().len(), 1);
    assert!(user.profile.traits.entries().is_empty());
    let (fired, capped, held) = parts(&user);
    assert!(fired.is_empty() && capped.is_empty() && held.is_empty());
}

#[test]
fn a_feature_of_other_events_is_another_feature() {
    let story = told(RULES);
    for (from, to) in
        [("> 0.5", "> 0.6"), ("'none'", "'no'"), ("&& traits", "|| traits"), ("properties.price", "context.price")]
    {
        let back = restored(&RULES.replace(from, to), &bytes(&story));
        let lost = story.user().profile.features().len() - back.user().profile.features().len();
        assert_eq!(lost, 2, "count and distinct of `view`, where {from} became {to}");
    }
}

#[test]
fn one_event_under_two_names_is_two_features() {
    let rules = "[events]\na = \"View\"\nb = \"View\"\n[[segments]]\nid = \"s\"\nwhen = \"total(a) + total(b) == 4\"\n";
    let mut story = Story::under(rules);
    story.track(0, "View", "").track(1, "View", "");
    let back = restored(rules, &bytes(&story));
    assert!(back.is_in("s"));
    assert_eq!(back.user().profile, story.user().profile);
}

#[test]
fn head_links_and_totals_come_back() {
    let mut links = IdentityLinks::default();
    for (visitor, user) in [("b", "u"), ("a", "用户"), ("c d.*>", "u")] {
        links.insert(visitor, user);
    }
    let story = told(RULES);
    let encoded = bytes_with(&story, &mut links);
    let file = CheckpointFile::read(&encoded).expect("what was encoded");
    assert_eq!(*file.head(), head(&story.plan.rules.version));
    assert_eq!(file.totals(), CheckpointTotals { users: 2, links: 3, ..CheckpointTotals::default() });
    let contents = contents(&story.plan, &encoded).expect("what was encoded");
    let found =
        contents.iter().find_map(|content| if let PartContent::Links(pairs) = content { Some(pairs) } else { None });
    let found: Vec<(&str, &str)> = found.expect("links").iter().map(|(visitor, user)| (&**visitor, &**user)).collect();
    assert_eq!(found, [("b", "u"), ("a", "用户"), ("c d.*>", "u")]);
}

#[test]
fn a_delta_says_who_changed_and_who_is_gone() {
    let mut story = told(RULES);
    story.partition.begin_snapshot(false);
    while story.partition.snapshot_part(0, 100).is_some() {}
    let mut links = IdentityLinks::default();
    links.insert("v", "u");
    links.cut(false);
    links.remove("v");
    story.partition.detach("idle");
    story.track(100_000, "Order", "");
    assert!(!story.partition.begin_snapshot(false));
    let mut encoder =
        CheckpointEncoder::new(&story.plan, &CheckpointHeader { kind: CheckpointKind::Delta, number: 2, ..head("") })
            .expect("small");
    encoder.links(&links.cut(false)).expect("small");
    while let Some((piece, _)) = story.partition.snapshot_part(0, 1) {
        encoder.snapshot(&piece).expect("small");
    }
    let (encoded, totals) = encoder.finish().expect("small");
    assert_eq!(totals, CheckpointTotals { users: 1, removed: 1, links: 0, unlinked: 1 });
    let found = contents(&story.plan, &encoded).expect("what was encoded");
    let is_there = |wanted: &dyn Fn(&PartContent) -> bool| found.iter().any(wanted);
    assert!(is_there(&|content| matches!(content, PartContent::Removed(0, ids) if *ids == ["idle".into()])));
    assert!(is_there(&|content| matches!(content, PartContent::Unlinked(ids) if *ids == ["v".into()])));
    assert!(is_there(&|content| matches!(content, PartContent::Users(0, users) if users[0].id() == USER)));
}

#[test]
fn the_latest_file_that_speaks_of_a_user_is_right() {
    let user = |id: &str, at| PackedUser::new(&crate::partition::User::new(id.into(), Timestamp(at)));
    let changes = |users: &[(&str, i64)], removed: &[&str]| PartitionDelta {
        users: users.iter().map(|(id, at)| user(id, *at)).collect(),
        removed: removed.iter().map(|id| (*id).into()).collect(),
    };
    let files = vec![
        changes(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)], &[]),
        changes(&[("b", 2), ("c", 2), ("e", 2)], &["d"]),
        changes(&[("c", 3), ("d", 3), ("f", 3)], &["d", "e", "nobody"]),
    ];
    let mut found: Vec<_> =
        merge(files).iter().map(|user| (user.id().to_owned(), user.unpack().profile.now.0)).collect();
    found.sort();
    let expected = [("a", 1), ("b", 2), ("c", 3), ("d", 3), ("f", 3)].map(|(id, at)| (id.to_owned(), at));
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_checkpoint_is_said_to_be_none() {
    let whole = bytes(&told(RULES));
    let error = |bytes: &[u8]| CheckpointFile::read(bytes).expect_err("no checkpoint").to_string();
    assert_eq!(error(b""), "these bytes are not a checkpoint of Rekindle");
    assert_eq!(error(b"{\"type\":\"track\"}"), "these bytes are not a checkpoint of Rekindle");
    let mut later = whole.clone();
    later[4] = 9;
    let expected =
        format!("the checkpoint has format version 9; this program reads version {FORMAT_VERSION} and those before");
    assert_eq!(error(&later), expected);
    let short = &whole[..whole.len() - 1];
    let expected = format!("the checkpoint is cut off: it ends at byte {}, and more was to come", short.len());
    assert_eq!(error(short), expected);
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    let end = blocks(&whole).expect("sound").last().expect("blocks").at;
    let expected =
        format!("the checkpoint is damaged: the checksum of the block at byte {end} does not agree with its contents");
    assert_eq!(error(&flipped), expected);
}

#[test]
fn every_bit_that_is_flipped_and_every_end_before_the_end_is_noticed() {
    let mut links = IdentityLinks::default();
    links.insert("v", "u");
    let whole = bytes_with(&told(RULES), &mut links);
    for at in 0..whole.len() {
        assert!(CheckpointFile::read(&whole[..at]).is_err(), "cut off at {at}");
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            assert!(CheckpointFile::read(&flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(CheckpointFile::read(&[whole.as_slice(), &[0]].concat()).is_err(), "more than there was");
    assert!(CheckpointFile::read(&[whole.as_slice(), &whole[8..]].concat()).is_err(), "twice");
}

#[test]
fn blocks_that_are_missing_twice_or_elsewhere_are_noticed() {
    let mut links = IdentityLinks::default();
    links.insert("v", "u");
    let whole = bytes_with(&told(RULES), &mut links);
    let mut starts: Vec<usize> = blocks(&whole).expect("sound").iter().map(|block| block.at).collect();
    starts.push(whole.len());
    let parts: Vec<&[u8]> = starts.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect();
    assert_eq!(parts.len(), 5, "head, keys, links, users, end");
    let file = |order: &[usize]| {
        let chosen: Vec<&[u8]> = order.iter().map(|at| parts[*at]).collect();
        [PREAMBLE.as_slice(), &chosen.concat()].concat()
    };
    assert!(CheckpointFile::read(&file(&[0, 1, 3, 2, 4])).is_ok(), "the order of parts is free");
    for order in [&[0, 1, 2, 4][..], &[0, 2, 3, 4], &[1, 2, 3, 4], &[0, 1, 2, 3, 3, 4], &[1, 0, 2, 3, 4], &[0, 1, 2, 3]]
    {
        assert!(CheckpointFile::read(&file(order)).is_err(), "{order:?}");
    }
}

fn plan() -> ExecutionPlan {
    ExecutionPlan::new(rules::compile(RULES).unwrap_or_else(|_| unreachable!("the rules have no mistake")))
}

#[test]
fn claims_of_a_great_length_take_no_memory() {
    let whole = bytes(&told(RULES));
    let (mut writer, mut out) = (CheckpointBlockWriter::new(), PREAMBLE.to_vec());
    for block in blocks(&whole).expect("sound") {
        let content = block.content().expect("sound");
        match block.kind {
            CheckpointBlockKind::Users => writer.write(summary(block.kind, 0, u32::MAX), &[], &mut out),
            CheckpointBlockKind::End => {
                let mut totals = wire::CborWriter::new();
                CheckpointTotals { users: u32::MAX.into(), ..CheckpointTotals::default() }.write(&mut totals);
                writer.write(summary(block.kind, 0, 1), &totals.into_bytes(), &mut out)
            }
            kind => writer.write(summary(kind, 0, block.items), &content, &mut out),
        }
        .expect("small");
    }
    let error = contents(&plan(), &out).expect_err("no users");
    assert!(matches!(error, CodecError::Malformed { what: "a user", .. }), "{error}");
}

#[test]
fn users_in_a_place_that_is_not_theirs_are_refused() {
    let story = told(RULES);
    let mut encoder = CheckpointEncoder::new(&story.plan, &head("")).expect("small");
    encoder.users(1, story.partition.users()).expect("small");
    let (bytes, _) = encoder.finish().expect("small");
    let error = CheckpointFile::read(&bytes).expect_err("there is one partition");
    assert!(matches!(error, CodecError::Block { what: "a block that does not go with the head", .. }), "{error}");
}

#[test]
fn what_a_later_writer_of_this_version_says_besides_is_passed_over() {
    let whole = bytes(&told(RULES));
    let with_more = resealed(&whole, |block, mut content| {
        if [CheckpointBlockKind::Header, CheckpointBlockKind::End].contains(&block.kind) {
            // One entry more: "x": [1].
            content[0] += 1;
            content.extend([0x61, b'x', 0x81, 0x01]);
        }
        content
    });
    let file = CheckpointFile::read(&with_more).expect("sound");
    assert_eq!(file.head().sequence, 5);
}

/// Goes on with what was read, however odd, for a while: it must not panic either.
fn live_on(plan: ExecutionPlan, partition: Partition) {
    let mut story = Story::under(RULES);
    (story.plan, story.partition) = (plan, partition);
    for at in [0, 1, 100_000_000] {
        story.track(at, "View", r#""id":"a","price":9"#).track(at, "Order", r#""total":1e30"#).wait(at + 10);
    }
    story.link(100_000_001, USER, "idle").wait(200_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(vec![
            CheckpointBlockKind::Header, CheckpointBlockKind::Keys, CheckpointBlockKind::Users, CheckpointBlockKind::Links, CheckpointBlockKind::End,
        ]),
    ) {
        let plan = plan();
        let _ = contents(&plan, &bytes);
        let _ = contents(&plan, &[PREAMBLE.as_slice(), &bytes].concat());
        let mut links = IdentityLinks::default();
        links.insert("v", "u");
        let whole = bytes_with(&told(RULES), &mut links);
        let _ = contents(&plan, &resealed(&whole, |block, content| {
            if block.kind == kind { bytes.clone() } else { content }
        }));
    }

    #[test]
    fn no_change_of_sound_bytes_panics_then_or_later(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
        head in any::<bool>(),
    ) {
        let story = told(RULES);
        let changed = resealed(&bytes(&story), |block, mut content| {
            if block.kind != if head { CheckpointBlockKind::Keys } else { CheckpointBlockKind::Users } {
                return content;
            }
            for (index, byte, way) in &changes {
                let at = index.index(content.len());
                match way {
                    0 => content[at] = *byte,
                    1 => content.insert(at, *byte),
                    _ => { content.remove(at); }
                }
            }
            content
        });
        if let Ok(partition) = partition(&story.plan, &changed) {
            live_on(story.plan, partition);
        }
    }
}

/// The form in which state is stored and exported is part of what is promised: a change of these bytes is a change of the
/// format, and the form before must still be read.
#[test]
fn the_same_state_gives_the_same_bytes_in_every_version() {
    let story = told(RULES);
    let user = story.user();
    let export = crate::partition::UserStateExport::new(&story.plan, &user);
    let json = format!("{}{}", export.profile.as_str(), export.memory);
    let of_blocks: u32 = blocks(&bytes(&story)).expect("just written").iter().fold(0, |sum, block| {
        if matches!(block.kind, CheckpointBlockKind::Header) {
            sum
        } else {
            crc32c::crc32c_append(sum, &block.content().expect("just written"))
        }
    });
    assert_eq!(
        (of_blocks, crc32c::crc32c(json.as_bytes()), PackedUser::new(&user).len()),
        (3_379_951_693, 1_236_626_313, 214),
        "{json}",
    );
}
