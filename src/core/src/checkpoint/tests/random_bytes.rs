//! Random changes of bytes.

use super::*;

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
        let kind = if head { CheckpointBlockKind::Keys } else { CheckpointBlockKind::Users };
        let changed = with_changes(&bytes(&story), kind, &changes);
        if let Ok(partition) = partition(&story.plan, &changed) {
            live_on(story.plan, partition);
        }
    }
}
