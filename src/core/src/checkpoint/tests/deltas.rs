//! The header, links and totals; deltas, and merging them.

use super::*;

#[test]
fn header_links_and_totals_are_restored() {
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
fn a_delta_has_the_changed_users_and_the_removed_ids() {
    let mut story = told(RULES);
    story.partition.begin_snapshot(false);
    while story.partition.snapshot_part(0, 100).is_some() {}
    let mut links = IdentityLinks::default();
    links.insert("v", "u");
    links.snapshot(false);
    links.remove("v");
    story.partition.detach("idle");
    story.track(100_000, "Order", "");
    assert!(!story.partition.begin_snapshot(false));
    let mut encoder =
        CheckpointEncoder::new(&story.plan, &CheckpointHeader { kind: CheckpointKind::Delta, number: 2, ..head("") })
            .expect("small");
    encoder.links(&links.snapshot(false)).expect("small");
    while let Some((part, _)) = story.partition.snapshot_part(0, 1) {
        encoder.snapshot(&part).expect("small");
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
fn the_latest_file_that_contains_a_user_counts() {
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
