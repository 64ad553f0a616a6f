//! The codec: other rules, damaged and hostile bytes. That nothing of a state is lost is seen by cutting whole runs.

mod damage;
mod deltas;
mod other_rules;
mod random_bytes;
mod recent;
mod round_trip;
mod stored_bytes;

use std::fmt::Write as _;

use super::block::{BlockSummary, CheckpointBlock, CheckpointBlockKind, CheckpointBlockWriter, PREAMBLE, blocks};
use super::*;
use crate::campaigns::state::{CapTimes, DeferredDecision, ExposuresByCampaign};
use crate::identity::IdentityLinks;
use crate::partition::{ExecutionPlan, PackedUser, Partition, User};
use crate::rules;
use crate::secret::SecretFingerprint;
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

[[segments]]
id = "regular"
when = """count(seen, 'this_month') > 5 || distinct(seen.id, 'last_month') > 5 || distinct(seen.id, 'today') > 5
          || first(order.total) == 3 || gap(order) < usual_gap(order) || days(seen, 30) > 5 || streak(order) > 5
          || followed(seen, order, '1h') > 5"""

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
        known: KnownPast::since(Timestamp(START - 3)),
        secret: SecretFingerprint(77),
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
    encoder.links(&links.snapshot(true)).expect("small");
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

/// Changes of bytes: where, to what, and whether it is replaced, added or removed.
type ByteChanges = [(prop::sample::Index, u8, u8)];

/// Content of one kind of block, changed here and there.
fn with_changes(bytes: &[u8], kind: CheckpointBlockKind, changes: &ByteChanges) -> Vec<u8> {
    resealed(bytes, |block, mut content| {
        for (index, byte, way) in changes.iter().filter(|_| block.kind == kind) {
            let at = index.index(content.len());
            match way {
                0 => content[at] = *byte,
                1 => content.insert(at, *byte),
                _ => drop(content.remove(at)),
            }
        }
        content
    })
}

fn plan() -> ExecutionPlan {
    ExecutionPlan::new(rules::compile(RULES).unwrap_or_else(|_| unreachable!("the rules have no mistake")))
}
