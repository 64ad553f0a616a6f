//! The memory for messageIds, against one that only looks through a list.

use proptest::prelude::*;

use crate::engine::dedup::DedupState;
use crate::time::{Span, Timestamp};

const WINDOW: Span = Span(100);

/// What is remembered, in the plainest way.
#[derive(Default)]
struct Plain(Vec<(u64, Timestamp)>);

impl Plain {
    fn contains(&self, hash: u64, now: Timestamp) -> bool {
        self.0.iter().any(|(other, accepted)| *other == hash && *accepted > now - WINDOW)
    }
}

proptest! {
    #[test]
    fn many_messages_are_remembered_like_few(
        steps in prop::collection::vec((0u64..200, 0i64..3, any::<bool>()), 0..400),
        merged in prop::collection::vec((0u64..200, 0i64..3), 0..200),
    ) {
        let (mut seen, mut plain, mut now) = (DedupState::default(), Plain::default(), Timestamp(0));
        for (at, (hash, pause, forgets)) in steps.iter().enumerate() {
            now = now + Span(*pause);
            prop_assert_eq!(seen.contains(*hash, now, WINDOW), plain.contains(*hash, now));
            if *forgets {
                seen.forget(now, WINDOW);
            }
            if !plain.contains(*hash, now) {
                seen.push(*hash, now);
                plain.0.push((*hash, now));
            }
            if at == 150 {
                let mut then = now - Span(150);
                let other: DedupState = merged.iter().map(|(hash, pause)| { then = then + Span(*pause); (*hash, then.min(now)) }).collect();
                plain.0.extend(other.iter());
                seen.merge(other);
            }
        }
        for hash in 0..200 {
            prop_assert_eq!(seen.contains(hash, now, WINDOW), plain.contains(hash, now));
        }
        seen.forget(now + WINDOW, WINDOW);
        prop_assert!(seen.is_empty());
    }
}

/// Visitors are merged into a user of many messages, in work that grows with what they bring.
#[test]
fn merging_many_visitors_costs_no_more_than_what_they_bring() {
    let mut user: DedupState = (0..300_000u64).map(|hash| (hash, Timestamp(hash as i64 / 10))).collect();
    for visitor in 0..5_000u64 {
        let theirs =
            (0..4).map(|at| (1_000_000 + visitor * 4 + at, Timestamp((visitor as i64 * 7_919) % 29_000 + at as i64)));
        user.merge(theirs.collect());
        user.push(2_000_000 + visitor, Timestamp(30_000));
    }
    assert_eq!(user.len(), 325_000);
    // Each of 20,000 moves at most once for each doubling.
    assert!(user.moved() <= 20_000 * 15, "{} messages were moved", user.moved());
    assert!(user.iter().map(|(_, accepted)| accepted).is_sorted());
    let window = Span(30_000);
    assert!(user.contains(0, Timestamp(29_999), window) && user.contains(1_019_999, Timestamp(30_000), window));
    user.forget(Timestamp(60_000), window);
    assert!(user.is_empty() && user.heap_bytes() == 0);
}

proptest! {
    /// In which order visitors are merged, and whether the user was written and read in between, shows nowhere.
    #[test]
    fn how_messages_came_together_does_not_show(
        parts in prop::collection::vec(prop::collection::vec((0u64..5_000, 0i64..50), 0..90), 1..30),
        read_at in any::<prop::sample::Index>(),
        forget_at in any::<prop::sample::Index>(),
    ) {
        let sorted = |part: &Vec<(u64, i64)>| -> DedupState {
            let mut part: Vec<_> = part.iter().map(|(hash, at)| (*hash, Timestamp(*at))).collect();
            part.sort_by_key(|(_, at)| *at);
            part.into_iter().collect()
        };
        let unite = |parts: &mut dyn Iterator<Item = (usize, &Vec<(u64, i64)>)>, reads: bool| {
            let mut all = DedupState::default();
            for (at, part) in parts {
                all.merge(sorted(part));
                if reads && at == read_at.index(30) {
                    all = all.iter().collect();
                }
            }
            all
        };
        let (mut one, mut other) = (unite(&mut parts.iter().enumerate(), false), unite(&mut parts.iter().enumerate().rev(), true));
        prop_assert_eq!(&one, &other);
        let mut all: Vec<_> = parts.concat();
        let limit = forget_at.index(50) as i64;
        let (now, window) = (Timestamp(100), Span(100 - limit));
        one.forget(now, window);
        other.forget(now, window);
        all.retain(|(_, at)| *at > limit);
        all.sort_by_key(|(hash, at)| (*at, *hash));
        let expected: Vec<_> = all.iter().map(|(hash, at)| (*hash, Timestamp(*at))).collect();
        prop_assert_eq!(one.iter().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(other.iter().collect::<Vec<_>>(), expected);
        for hash in 0..5_000 {
            let is_there = all.iter().any(|(other, _)| *other == hash);
            prop_assert_eq!(one.contains(hash, now, window), is_there);
            prop_assert_eq!(other.contains(hash, now, window), is_there);
        }
    }
}
