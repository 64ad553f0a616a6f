//! Users in their slots, resident and packed.

use super::*;

fn user(id: usize, messages: usize) -> User {
    let mut user = User::new(format!("u{id}").into(), Timestamp(0));
    let seen = (0..messages as u64).map(|hash| (hash, Timestamp(0)));
    user.profile.set_dedup(seen.collect());
    user
}

/// With many users, one resident user was packed for each that was touched: a large one as a whole, for each small event.
#[test]
fn a_large_user_is_not_packed_however_many_others_there_are() {
    let mut users = UserTable::new(1);
    for id in 0..400 {
        users.insert(user(id, if id % 40 == 0 { 20_000 } else { 2 }));
    }
    for round in 0..20 {
        for id in 0..400 {
            let slot = users.find(&format!("u{id}")).expect("it was put in");
            let resident = users.get_mut(slot).expect("it is there");
            assert_eq!(&*resident.id, format!("u{id}"), "round {round}");
            resident.profile.now = Timestamp(round);
        }
    }
    assert_eq!((users.large, users.len()), (10, 400));
    assert!(users.packed_bytes < 21 * 400 * 100, "{} bytes were packed", users.packed_bytes);
    // Some become small again, some are removed, and every other user is in its slot.
    for id in (0..400).step_by(80) {
        let slot = users.find(&format!("u{id}")).expect("it was put in");
        users.get_mut(slot).expect("it is there").profile.set_dedup([].into_iter().collect());
        users.get_mut(slot).expect("it is there");
    }
    assert_eq!(users.large, 5);
    for id in (0..400).step_by(3) {
        assert_eq!(users.remove(&format!("u{id}")).map(|user| user.id.to_string()), Some(format!("u{id}")));
    }
    for id in 0..400 {
        let found = users.find(&format!("u{id}"));
        assert_eq!(found.is_some(), id % 3 != 0, "{id}");
        let resident = found.and_then(|slot| users.get(slot)).map(|user| user.profile.dedup().len());
        let messages = if id % 80 == 0 {
            0
        } else if id % 40 == 0 {
            20_000
        } else {
            2
        };
        assert!(resident.is_none_or(|resident| resident == messages), "{id}: {resident:?}");
    }
    assert_eq!(users.large, (0..400).filter(|id| id % 40 == 0 && id % 80 != 0 && id % 3 != 0).count());
}
