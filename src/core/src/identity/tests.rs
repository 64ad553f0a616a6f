//! Links that are made, removed and taken into snapshots.

use super::*;

fn pairs(snapshot: &LinksSnapshot) -> Vec<(String, String)> {
    snapshot.iter().map(|(visitor, user)| (visitor.to_owned(), user.to_owned())).collect()
}

#[test]
fn a_snapshot_has_the_links_since_the_last_one_and_none_made_later() {
    let mut links = IdentityLinks::default();
    let name = |index: usize| format!("v{index}");
    for index in 0..CHUNK + 3 {
        links.insert(&name(index), "u");
    }
    let first = links.snapshot(false);
    for index in CHUNK + 3..2 * CHUNK + 5 {
        links.insert(&name(index), "w");
    }
    assert_eq!(pairs(&first).len(), CHUNK + 3);
    let second = links.snapshot(false);
    assert!(links.remove(&name(1)) && links.remove(&name(CHUNK + 3)) && !links.remove(&name(1)));
    assert!(links.insert(&name(1), "x"));
    let expected: Vec<_> = (CHUNK + 3..2 * CHUNK + 5).map(|index| (name(index), "w".to_owned())).collect();
    assert_eq!(pairs(&second), expected);
    assert!(second.unlinked.is_empty());
    let third = links.snapshot(false);
    assert_eq!(pairs(&third), [(name(1), "x".to_owned())]);
    assert_eq!(third.unlinked.iter().map(|id| &**id).collect::<Vec<_>>(), [name(1), name(CHUNK + 3)]);
    assert_eq!(pairs(&links.snapshot(false)), []);
    let whole = links.snapshot(true);
    assert_eq!((pairs(&whole).len(), links.len(), whole.unlinked.len()), (2 * CHUNK + 4, 2 * CHUNK + 4, 0));
}

#[test]
fn a_visitor_is_linked_once() {
    let mut links = IdentityLinks::default();
    assert!(links.insert("v", "u") && !links.insert("v", "w"));
    assert_eq!(links.user_of("v").map(|user| &**user), Some("u"));
}

fn links(pairs: &[(&str, &str)]) -> IdentityLinks {
    let mut links = IdentityLinks::default();
    for (visitor, user) in pairs {
        links.insert(visitor, user);
    }
    links
}

fn sorted(links: &IdentityLinks) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = links.iter().collect();
    pairs.sort_unstable();
    pairs
}

#[test]
fn removing_a_user_removes_the_links_of_its_visitors_and_no_other() {
    let mut links = links(&[("a", "u"), ("b", "v"), ("c", "u")]);
    let mut gone = links.remove_visitors("u");
    gone.sort_unstable();
    assert_eq!(gone, ["a".into(), "c".into()]);
    assert_eq!((sorted(&links), links.visitors_of("u").len(), links.user_of("a")), (vec![("b", "v")], 0, None));
    assert!(links.remove_visitors("u").is_empty());
    links.insert("b", "u");
    assert_eq!(links.snapshot(false).iter().collect::<Vec<_>>(), [("b", "v")]);
    assert_eq!(links.remove_visitors("v"), ["b".into()]);
    assert_eq!(links.snapshot(false).unlinked, ["b".into()]);
}

#[test]
fn removing_the_link_of_one_visitor_keeps_those_of_the_others() {
    let mut links = links(&[("a", "u"), ("b", "u"), ("c", "u")]);
    assert!(links.remove("a"));
    assert_eq!(sorted(&links), [("b", "u"), ("c", "u")]);
    assert!(links.remove("c") && links.remove("b"));
    assert!(links.is_empty() && links.owners.is_empty());
}

#[test]
fn an_id_may_be_visitor_and_user_and_its_own() {
    let mut links = links(&[("x", "x"), ("a", "x"), ("b", "u"), ("u", "x")]);
    assert_eq!(links.remove_visitors("x").len(), 3);
    assert_eq!(sorted(&links), [("b", "u")]);
}

/// Taking back the links of one user one by one costs one write each at most, and what is kept follows what there is.
#[test]
fn removed_links_leave_no_memory_and_cost_constant_work() {
    let (mut links, name) = (IdentityLinks::default(), |index: usize| format!("visitor {index:06}"));
    let count = 25 * CHUNK;
    (0..count).for_each(|index| assert!(links.insert(&name(index), "one and the same")));
    let full = links.heap_bytes();
    // One of 64 stays.
    (0..count).filter(|index| index % 64 != 0).for_each(|index| assert!(links.remove(&name(index))));
    assert_eq!((links.len(), links.visitors_of("one and the same").len()), (count / 64, count / 64));
    assert!(links.written <= 2 * count, "{} places were written to for {count} links", links.written);
    let chunks: usize = links.chunks.iter().map(|chunk| chunk.links.len()).sum();
    assert!(chunks <= 4 * count / 64 + 2 * CHUNK, "{chunks} places are kept for {} links", count / 64);
    (0..count)
        .step_by(64)
        .for_each(|index| assert_eq!(links.user_of(&name(index)).map(|u| &**u), Some("one and the same")));
    assert_eq!(links.iter().count(), count / 64);
    links.remove_visitors("one and the same");
    assert_eq!((links.len(), links.id_bytes), (0, 0));
    assert!(links.chunks.len() <= 2 && links.heap_bytes() < full, "{} chunks", links.chunks.len());
}

/// Whatever is linked and unlinked between snapshots, a base and the deltas after it give the current links.
#[test]
fn a_base_and_its_deltas_give_the_present_links() {
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % below
    };
    let mut links = IdentityLinks::default();
    let mut stored: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for round in 0..60 {
        let (most, fewer) = (if round % 3 == 0 { 9_000 } else { 500 }, round % 4 == 3);
        for _ in 0..next(most) {
            let visitor = format!("v{}", next(20_000));
            if fewer || next(3) == 0 {
                links.remove(&visitor);
            } else {
                links.insert(&visitor, &format!("u{}", next(50)));
            }
        }
        if fewer {
            for user in 0..40 {
                links.remove_visitors(&format!("u{user}"));
            }
        }
        let whole = round % 20 == 0;
        let snapshot = links.snapshot(whole);
        if whole {
            stored.clear();
        }
        snapshot.unlinked.iter().for_each(|visitor| drop(stored.remove(&**visitor)));
        for (visitor, user) in snapshot.iter() {
            stored.entry(visitor.to_owned()).or_insert_with(|| user.to_owned());
        }
        let now: std::collections::BTreeMap<_, _> =
            links.iter().map(|(visitor, user)| (visitor.to_owned(), user.to_owned())).collect();
        assert_eq!(stored, now, "after round {round}");
        assert_eq!(now.len(), links.len());
    }
    assert!(links.chunks_gone > 0, "chunks were left behind");
}
