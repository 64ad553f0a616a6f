//! The timer queue, against a sorted map.

use super::*;
use crate::partition::TimerMark;

/// Push (at some time after the latest popped), or pop all until (so much later).
#[derive(Clone, Copy, Debug)]
enum QueueUse {
    Push(i64),
    PopUntil(i64),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timers_pop_what_a_sorted_map_pops(
        start in prop::sample::select(vec![-1_000_000_000_000i64, -3, 0, 1_772_409_600_000]),
        uses in prop::collection::vec(
            prop_oneof![
                3 => prop_oneof![-5i64..5, 0i64..100, 0i64..100_000_000].prop_map(QueueUse::Push),
                1 => prop_oneof![0i64..3, 0i64..200, 0i64..50_000_000].prop_map(QueueUse::PopUntil),
            ],
            1..200,
        ),
    ) {
        let (mut timers, mut model) = (TimerQueue::default(), BTreeMap::<i64, Vec<u32>>::new());
        let (mut now, mut popped_at) = (start, i64::MIN);
        for (user, queue_use) in (0u32..).zip(uses) {
            match queue_use {
                QueueUse::Push(ahead) => {
                    timers.push(Timestamp(now + ahead), user.wrapping_mul(0x9e37_79b9), user);
                    model.entry((now + ahead).max(popped_at)).or_default().push(user);
                }
                QueueUse::PopUntil(later) => {
                    now += later;
                    let mut found = Vec::new();
                    while let Some(user) = timers.pop_due(TimerMark::through(Timestamp(now))) {
                        found.push(user);
                    }
                    let mut expected = Vec::new();
                    while let Some(due) = model.first_entry().filter(|entry| *entry.key() <= now) {
                        popped_at = *due.key();
                        let mut users = due.remove();
                        // Within one instant the order is free: it is of different users.
                        users.sort_unstable();
                        expected.push(users);
                    }
                    let mut rest = found.as_slice();
                    for users in expected {
                        prop_assert!(rest.len() >= users.len(), "too few");
                        let (mut these, after) = (rest[..users.len()].to_vec(), &rest[users.len()..]);
                        these.sort_unstable();
                        prop_assert_eq!(these, users);
                        rest = after;
                    }
                    prop_assert!(rest.is_empty(), "too many");
                }
            }
            prop_assert_eq!(timers.len(), model.values().map(Vec::len).sum::<usize>());
        }
    }
}
