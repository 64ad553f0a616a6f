//! Random logs: the engine's lists are those of the naive evaluation.

use proptest::prelude::*;

use super::naive::{NaiveLog, NaiveQuestion, NaiveRows};
use super::*;

const USERS: [&str; 5] = ["u", "v", "w", "anon-1", "anon-2"];
const ITEMS: [&str; 9] = ["a", "b", "c", "d", "e", "ä", "aa", "A", "10"];
const KINDS: [PickKind; 5] =
    [PickKind::Session, PickKind::Together, PickKind::Similar, PickKind::Again, PickKind::Popular];

/// Texts that many items share, some only in arrays.
const VALUES: [&str; 14] = ["shoe", "hat", "7", "ä", "", "a", "b", "c", "d", "e", "f", "g", "h", "i"];

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
        |(last, near, sessions, own, gap)| {
            with_gap(PickList { last, near, sessions, own, ..by_columns(list(&KINDS)) }, gap)
        },
    )
}

/// What rows have, for the engine and as it is meant.
fn rows() -> impl Strategy<Value = (ColumnValues, NaiveRows)> {
    let one = (0..ITEMS.len(), 0..2_u16, prop::collection::vec(0..VALUES.len(), 0..13), any::<bool>());
    prop::collection::vec(one, 0..14).prop_map(|choices| {
        let (mut rows, mut meant) = (ColumnValues::new(), NaiveRows::new());
        for (item, column, values, is_list) in choices {
            let place = (ITEMS[item].to_owned(), usize::from(column));
            let texts: Vec<String> = values.iter().map(|value| VALUES[*value].to_owned()).collect();
            let texts = if is_list { texts } else { texts.into_iter().take(1).collect() };
            if meant.contains_key(&place) || texts.is_empty() && !is_list {
                continue;
            }
            let value = match is_list {
                true => Scalar::Json(serde_json::to_string(&texts).expect("JSON").into()),
                false => Scalar::Text(texts[0].clone().into()),
            };
            rows.push((ITEMS[item].into(), column, value));
            let distinct = super::naive::distinct(&texts).into_iter().cloned().collect();
            meant.insert(place, distinct);
        }
        (rows, meant)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_those_of_the_naive_evaluation(
        log in happenings(),
        taking in 0..60_usize,
        list in lists(),
        (rows, meant) in rows(),
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
        let book = followed_by(PickBook::with_rows(&list, &rows), &list, &log, taking, now);
        let (then, end) = (NaiveLog::of(&list, &log[..taking]), NaiveLog::of(&list, &log));
        let index = then.taking(now, meant);
        for user in USERS {
            for key in [None, Some("a")] {
                for kinds in [&KINDS[..], &KINDS[1..2], &KINDS[2..3], &KINDS[3..4], &KINDS[4..]] {
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
