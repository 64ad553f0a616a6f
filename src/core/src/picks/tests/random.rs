//! Random logs: the engine's lists are those of the naive evaluation.

use proptest::prelude::*;

use super::naive::{NaiveLog, NaiveQuestion};
use super::*;

const USERS: [&str; 5] = ["u", "v", "w", "anon-1", "anon-2"];
const ITEMS: [&str; 9] = ["a", "b", "c", "d", "e", "ä", "aa", "A", "10"];
const KINDS: [PickKind; 4] = [PickKind::Session, PickKind::Together, PickKind::Again, PickKind::Popular];

/// Gaps between two happenings, at and around the gap of sessions and the panes of windows.
const GAPS: [i64; 9] = [0, 1, MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 12 * 60 * MINUTE, DAY, 15 * DAY, -MINUTE];

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = (0..24_u8, 0..USERS.len(), 0..ITEMS.len(), 0..GAPS.len());
    prop::collection::vec(one, 0..60).prop_map(|choices| {
        let mut clock = START;
        let happening = |(what, user, item, gap): (u8, usize, usize, usize)| {
            clock += GAPS[gap];
            let (user, item) = (USERS[user].to_owned(), ITEMS[item].to_owned());
            match what {
                0 => Happening::Forget(user),
                1 | 2 => Happening::Merge(USERS[3 + usize::from(what - 1)].to_owned(), user),
                3 | 4 => Happening::Had(user, item, clock),
                _ => Happening::Touch(user, item, clock),
            }
        };
        // Nobody is merged into itself: linking does not do that.
        let is_sound = |it: &Happening| !matches!(it, Happening::Merge(visitor, user) if visitor == user);
        choices.into_iter().map(happening).filter(is_sound).collect()
    })
}

/// Sizes small enough to matter.
fn lists() -> impl Strategy<Value = PickList> {
    (1..=9_usize, 1..4_usize, 1..5_usize, 1..6_usize, prop::sample::select(vec![0, MINUTE, 30 * MINUTE])).prop_map(
        |(last, near, sessions, own, gap)| with_gap(PickList { last, near, sessions, own, ..list(&KINDS) }, gap),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_those_of_the_naive_evaluation(
        log in happenings(),
        taking in 0..60_usize,
        list in lists(),
        after in 0..GAPS.len(),
        large in any::<bool>(),
    ) {
        let list = if large { PickList { near: 100, sessions: 500, own: 1_000, ..list } } else { list };
        let latest = log.iter().filter_map(|it| match it {
            Happening::Touch(_, _, ts) | Happening::Had(_, _, ts) => Some(*ts),
            _ => None,
        });
        let now = latest.max().unwrap_or(START) + GAPS[after].max(0);
        let taking = taking.min(log.len());
        let book = followed(&list, &log, taking, now);
        let (then, end) = (NaiveLog::of(&list, &log[..taking]), NaiveLog::of(&list, &log));
        let index = then.taking(now);
        for user in USERS {
            for key in [None, Some("a")] {
                for kinds in [&KINDS[..], &KINDS[1..2], &KINDS[2..3], &KINDS[3..]] {
                    let list = PickList { sources: kinds.iter().map(|it| PickSource::Kind(*it)).collect(), ..list.clone() };
                    let expected = NaiveQuestion { user, now, key }.answer(&list, kinds, &end, &index);
                    prop_assert_eq!(shown(&asked(&list, &book, user, now, 99, key)), expected, "{} {:?}", user, key);
                }
            }
        }
    }

    /// What a taking makes depends on what arrived, not on when other takings were.
    #[test]
    fn a_taking_does_not_depend_on_those_before_it(log in happenings(), earlier in 0..60_usize, list in lists()) {
        let at = log.iter().filter_map(|it| match it { Happening::Touch(_, _, ts) => Some(*ts), _ => None });
        let at = at.max().unwrap_or(START);
        let once = followed(&list, &log, log.len(), at);
        let mut twice = followed(&list, &log, earlier.min(log.len()), at);
        twice.take(&list, Timestamp(at));
        prop_assert_eq!(once.index(), twice.index());
        prop_assert_eq!(&once.taken_anew(&list, Timestamp(at)), once.index());
    }
}
