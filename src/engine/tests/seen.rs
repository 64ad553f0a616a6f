//! The memory for messageIds, against one that only looks through a list.

use proptest::prelude::*;

use crate::engine::seen::SeenMessages;
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
        let (mut seen, mut plain, mut now) = (SeenMessages::default(), Plain::default(), Timestamp(0));
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
                let other: SeenMessages = merged.iter().map(|(hash, pause)| { then = then + Span(*pause); (*hash, then.min(now)) }).collect();
                plain.0.extend(other.iter());
                seen.absorb(other);
            }
        }
        for hash in 0..200 {
            prop_assert_eq!(seen.contains(hash, now, WINDOW), plain.contains(hash, now));
        }
        seen.forget(now + WINDOW, WINDOW);
        prop_assert!(seen.is_empty());
    }
}
