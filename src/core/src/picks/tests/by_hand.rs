//! Scores worked out by hand from semantics §20.

use super::*;

/// `a` has 1, 2, 3, `b` has 1, 2, 4, and `c` has 1.
fn three() -> Vec<Happening> {
    let mut log = Vec::new();
    for (user, items) in [("a", ["1", "2", "3"]), ("b", ["1", "2", "4"])] {
        log.extend((1..).zip(items).map(|(minute, item)| touch(user, item, START + minute * MINUTE)));
    }
    log.push(touch("c", "1", START + 9 * MINUTE));
    log
}

#[test]
fn a_session_scores_what_sessions_like_it_have() {
    let list = list(&[PickKind::Session, PickKind::Popular]);
    let log = three();
    let book = followed(&list, &log, log.len(), START + DAY);
    // Seven items in three sessions; a and b are 1 alike, and their first seed is the first: 1 · 9 each.
    // 2: ln(7/2) = 1.252763 · 18 / 10; 3 and 4: ln 7 = 1.945910 · 9 / 10.
    let expected = ["2 2254973 session:1", "3 1751319 session:1", "4 1751319 session:1", "1 3000000 popular"];
    assert_eq!(shown(&asked(&list, &book, "c", START + DAY, 5, None)), expected);
    assert_eq!(asked(&list, &book, "c", START + DAY, 2, None).len(), 2);
    let unknown = ["1 3000000 popular", "2 2000000 popular", "3 1000000 popular", "4 1000000 popular"];
    assert_eq!(shown(&asked(&list, &book, "nobody", START + DAY, 9, None)), unknown);
}

#[test]
fn the_own_session_is_no_neighbour() {
    let list = list(&[PickKind::Session]);
    let log = [touch("a", "1", START), touch("a", "2", START + 1)];
    let book = followed(&list, &log, 2, START + DAY);
    assert_eq!(asked(&list, &book, "a", START + DAY, 5, None), []);
    // The next session has the one before it as a neighbour.
    let log = [log[0].clone(), log[1].clone(), touch("a", "1", START + DAY)];
    let book = followed(&list, &log, 2, START + DAY);
    assert_eq!(shown(&asked(&list, &book, "a", START + DAY, 5, None)), ["2 623832 session:1"]);
}

#[test]
fn together_is_a_cosine_that_is_cut() {
    let list = list(&[PickKind::Together]);
    let log = three();
    let book = followed(&list, &log, log.len(), START + DAY);
    // 2 is in two of the three sessions with 1, and in two: 2 / sqrt(3 · 12); 3: 1 / sqrt(3 · 11).
    let expected = ["2 333333 together:1", "3 174077 together:1", "4 174077 together:1"];
    assert_eq!(shown(&asked(&list, &book, "c", START + DAY, 5, None)), expected);
    // An instance asks about its key alone: 1 is in all of 2's two sessions, and in three: 2 / sqrt(2 · 13).
    let of_key = asked(&list, &book, "c", START + DAY, 1, Some("2"));
    assert_eq!(shown(&of_key), ["1 392232 together:2"]);
}

#[test]
fn again_counts_less_right_after_and_long_after() {
    let list = with_gap(list(&[PickKind::Again]), 0);
    let log: Vec<Happening> = (0..5).map(|week| touch("u", "m", START + week * 7 * DAY)).collect();
    let book = followed(&list, &log, log.len(), START + 29 * DAY);
    let score = |day: i64| asked(&list, &book, "u", START + day * DAY, 1, None)[0].score;
    // On the day itself q = 0, so d = 1/2; 7 days later q = 1 and d = 1; after 28 more q = 5 and d = 3/5.
    let recency = |days: &[i64]| -> u64 {
        let halves = days.iter().map(|days| (60_000_000.0 / (60 + days) as f64).round_ties_even() as u64);
        halves.sum()
    };
    let due = |recency: u64, d: u64| {
        let factor = ((5_000_000 + 5 * d) as f64 / 10.0).round_ties_even() as u64;
        let weighted = (recency as f64 * factor as f64 / 1e6).round_ties_even();
        // One user, who keeps several times: (1 + 1) / (1 + 4).
        (weighted * 2.0 / 5.0).round_ties_even() as u64
    };
    assert_eq!(score(28), due(recency(&[28, 21, 14, 7, 0]), 500_000));
    assert_eq!(score(35), due(recency(&[35, 28, 21, 14, 7]), 1_000_000));
    assert_eq!(score(63), due(recency(&[63, 56, 49, 42, 35]), 600_000));
}

#[test]
fn what_a_user_had_is_left_out_and_what_is_forgotten_is_gone() {
    let list = list(&[PickKind::Session, PickKind::Popular]);
    let mut log = three();
    log.push(Happening::Had("c".to_owned(), "3".to_owned(), START + 10 * MINUTE));
    let book = followed(&list, &log, log.len(), START + DAY);
    let items: Vec<Arc<str>> =
        asked(&list, &book, "c", START + DAY, 9, None).into_iter().map(|pick| pick.item).collect();
    assert_eq!(items, ["2".into(), "4".into(), "1".into()] as [Arc<str>; 3]);
    log.push(Happening::Forget("a".to_owned()));
    let book = followed(&list, &log, log.len(), START + DAY);
    assert_eq!((book.index().sessions(), book.index().items()), (2, 3));
    assert_eq!(book.index().users_of("1"), 2);
}

#[test]
fn a_taking_looks_no_further_back_than_its_window() {
    let list = list(&[PickKind::Session, PickKind::Popular]);
    let log = three();
    // Panes of half a day: what lies in the first of them leaves 30 days after its beginning.
    let last = START + 30 * DAY - 1;
    assert_eq!(followed(&list, &log, log.len(), last).index().sessions(), 3);
    let book = followed(&list, &log, log.len(), last + 1);
    assert_eq!((book.index().sessions(), book.index().items()), (0, 0));
    assert_eq!(asked(&list, &book, "c", last + 1, 5, None), []);
}

#[test]
fn before_the_first_taking_nothing_is_known_but_what_the_user_keeps() {
    let list = list(&[PickKind::Session, PickKind::Again, PickKind::Popular]);
    let book = followed(&list, &three(), usize::MAX, START + DAY);
    assert_ne!(book.index().items(), 0);
    let mut book = PickBook::new(&list);
    let item: Arc<str> = "x".into();
    book.touch(&list, &"u".into(), Touch { item: &item, ts: Timestamp(START), place: 0, watermark: Timestamp::MIN });
    assert_eq!(shown(&asked(&list, &book, "u", START, 5, None)), ["x 250000 again"]);
}

#[test]
fn a_session_keeps_its_first_fifty_items_and_a_user_the_last_of_its_own() {
    let list = PickList { own: 3, ..list(&[PickKind::Again, PickKind::Session]) };
    let log: Vec<Happening> = (0..60).map(|at| touch("u", &format!("{at:02}"), START + at)).collect();
    let book = followed(&list, &log, log.len(), START + DAY);
    assert_eq!(book.index().items(), 53, "50 of the session, and 3 that the user keeps");
    assert_eq!(book.index().total, 50);
    let mut kept: Vec<Arc<str>> =
        asked(&list, &book, "u", START + DAY, 9, None).into_iter().map(|it| it.item).collect();
    kept.sort();
    assert_eq!(kept, ["57".into(), "58".into(), "59".into()] as [Arc<str>; 3]);
}

#[test]
fn of_another_list_comes_what_is_not_there_yet() {
    let popular = list(&[PickKind::Popular]);
    let mut blend = list(&[PickKind::Again]);
    blend.sources.push(PickSource::List(PickListId(0)));
    blend.sources.push(PickSource::List(PickListId(1)));
    let log = three();
    let book = followed(&popular, &log, log.len(), START + DAY);
    let subject = PickSubject { index: book.index(), user: book.user("c") };
    let query = PickQuery {
        lists: &[popular, blend],
        subjects: &[subject, subject],
        now: Timestamp(START + DAY),
        seeds: None,
        filter: &EveryItem,
    };
    let items: Vec<String> = query.list(PickListId(1), 9).iter().map(|pick| pick.because() + &pick.item).collect();
    assert_eq!(items, ["again1", "popular2", "popular3", "popular4"], "a list that is not above is none");
    assert_eq!(query.list(PickListId(7), 9), []);
    assert_eq!(query.list(PickListId(1), 0), []);
}

#[test]
fn of_the_last_sessions_to_begin_those_of_users_who_are_gone_count_too() {
    let list = list(&[PickKind::Session]);
    let mut log: Vec<Happening> =
        (0..).zip(["a", "b", "c", "d"]).map(|(at, user)| touch(user, "1", START + at)).collect();
    let held = |log: &[Happening], most| {
        let book = followed_by(PickBook::with_room(&list, most), &list, log, usize::MAX, START + DAY);
        book.index().sessions()
    };
    assert_eq!([9, 4, 3, 1].map(|most| held(&log, most)), [4, 4, 3, 1]);
    // Of the last three, c's is gone.
    log.push(Happening::Forget("c".to_owned()));
    assert_eq!([9, 4, 3, 1].map(|most| held(&log, most)), [3, 3, 2, 1]);
    log.push(Happening::Forget("d".to_owned()));
    assert_eq!([9, 4, 3, 1].map(|most| held(&log, most)), [2, 2, 1, 0]);
}

#[test]
fn sessions_are_kept_only_where_a_kind_asks_about_them() {
    for (kind, sessions) in
        [(PickKind::Session, 3), (PickKind::Together, 3), (PickKind::Popular, 0), (PickKind::Again, 0)]
    {
        let list = list(&[kind]);
        let book = followed(&list, &three(), usize::MAX, START + DAY);
        assert_eq!((book.index().sessions(), book.index().items()), (sessions, 4), "{kind:?}");
        // Without them, too, it is known what is current.
        assert_eq!(book.user("a").map(|user| user.recent().len()), Some(3));
    }
}

#[test]
fn alike_is_what_has_the_values_of_what_was_touched() {
    let list = by_columns(list(&[PickKind::Similar]));
    let text = |item: &str, column, value: &'static str| (Arc::from(item), column, Scalar::Text(value.into()));
    let list_of = |item: &str, column, json: &'static str| (Arc::from(item), column, Scalar::Json(json.into()));
    let rows = vec![
        text("1", 0, "shoe"),
        text("1", 1, "x"),
        text("2", 0, "shoe"),
        text("2", 1, "y"),
        text("3", 0, "hat"),
        text("3", 1, "x"),
        list_of("4", 0, r#"["shoe","sport"]"#),
        // Nobody touched it: it is not offered, but can be asked about.
        text("5", 0, "sport"),
    ];
    let log = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "4"), ("b", "2"), ("c", "1"), ("d", "9")];
    let log: Vec<Happening> = (1..).zip(log).map(|(at, (user, item))| touch(user, item, START + at)).collect();
    let book = followed_by(PickBook::with_rows(&list, &rows), &list, &log, log.len(), START + DAY);
    let of = |user: &str, key: Option<&str>| shown(&asked(&list, &book, user, START + DAY, 9, key));
    // What it was asked about first is left out; two users touched 2, one each of the others.
    assert_eq!(of("c", None), ["2 1000000 similar:category", "3 1000000 similar:brand", "4 1000000 similar:category"]);
    // Of b's touches with a category both are shoes, one is sport; of those with a brand, one of one is y.
    assert_eq!(of("b", None), ["4 1500000 similar:category", "1 1000000 similar:category"]);
    assert_eq!(of("a", Some("3")), ["1 1000000 similar:brand"]);
    assert_eq!(of("a", Some("5")), ["4 1000000 similar:category"]);
    assert_eq!(of("d", None), Vec::<String>::new(), "of 9 nothing is known");
    assert_eq!(of("nobody", None), Vec::<String>::new());
}
