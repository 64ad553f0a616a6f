//! Requests to forget users, at any place in a batch.

use super::*;

/// A log in which users are forgotten between two of their events, while a timer is due, and as visitors.
fn forgetful() -> Vec<(&'static str, String)> {
    vec![
        ("10:00:01", format!("{}\n{}", cart("u", "10:00:00"), cart("u", "10:00:01"))),
        ("10:00:01", r#"{"user":"u"}"#.to_owned()),
        ("10:00:02", cart("u", "10:00:02")),
        ("10:10:00", cart("v", "10:10:00").replace("userId", "anonymousId")),
        ("10:10:00", link("w", "v", "10:10:00")),
        ("10:10:00", cart("v", "10:10:00").replace("userId", "anonymousId")),
        // Due at 10:30:02; this is the first record that finds it due.
        ("10:30:07", String::new()),
        ("10:30:07", "{\"user\":\"u\"}\n\n{\"user\":\"nobody\"}\n".to_owned()),
        ("10:30:08", r#"{"user":"u"}"#.to_owned()),
        ("10:31:00", r#"{"user":"w"}"#.to_owned()),
        ("10:31:00", cart("v", "10:31:00").replace("userId", "anonymousId")),
        ("10:32:00", cart("w", "10:32:00")),
        ("12:00:00", String::new()),
    ]
}

#[test]
fn a_user_is_forgotten_between_two_events_whatever_the_batches() {
    let log = forgetful();
    let entries: Vec<(&str, &str)> = log.iter().map(|(received, lines)| (*received, lines.as_str())).collect();
    let mut whole = Fixture::new(Clock::Log);
    whole.feed(&entries);
    let expected = [
        "10:00:01 u enter carts",
        "10:10:00 w enter carts",
        "10:30:02 u enter abandoned",
        "11:01:00 v enter abandoned",
        "11:02:00 w enter abandoned",
    ];
    let mut journal = whole.journal.clone();
    journal.retain(|line| !line.ends_with("  "));
    journal.sort();
    assert_eq!(journal, expected, "not 10:40:00 w, who is forgotten by then");
    let totals = whole.pipeline.totals();
    assert_eq!((totals.forgotten, totals.links, totals.users), (3, 0, 2));
    assert_eq!(totals.counts.sizes, [2, 0]);
    for size in 1..entries.len() {
        let mut other = Fixture::new(Clock::Log);
        for batch in entries.chunks(size) {
            other.feed(batch);
        }
        let sorted = |mut journal: Vec<String>| {
            journal.sort();
            journal
        };
        assert_eq!(sorted(other.journal), sorted(whole.journal.clone()), "batches of {size}");
        assert_eq!(other.pipeline.encode_checkpoint(), whole.pipeline.encode_checkpoint(), "batches of {size}");
        assert_eq!(other.pipeline.totals().forgotten, 3, "batches of {size}");
    }
}

#[test]
fn requests_that_name_no_user_are_rejected() {
    let mut fixture = Fixture::new(Clock::Log);
    let bad = "{\"user\":\"u\"}\nnobody\n{\"user\":[]}\n{\"user\":\"v\"}";
    fixture.feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:00:01", bad), ("10:00:02", "{\"user\":\"\"}")]);
    assert_eq!(fixture.rejected, [(1, 1, "not_json"), (1, 2, "wrong_type"), (2, 0, "no_user")]);
    let forgotten: Vec<&str> = fixture.pipeline.forgotten().iter().map(|forgotten| &*forgotten.user).collect();
    assert_eq!((forgotten, fixture.pipeline.totals().forgotten), (vec!["u", "v"], 1));
    let empty = InputEntry { kind: RecordKind::Forget, lines: b" \n", received: Some(at("10:00:03")), is_whole: true };
    let mut rejected = Vec::new();
    fixture.pipeline.feed_entries(
        &[empty],
        &mut |letter| rejected.push(letter.rejected.reason.code()),
        &mut Vec::new(),
    );
    assert_eq!(rejected, ["no_user"]);
    assert_eq!(fixture.pipeline.watermark(), at("09:59:58"), "its broker time advances the watermark like any other's");
}

#[test]
fn outputs_before_a_user_was_forgotten_are_distinguished_from_later_ones() {
    let mut fixture = Fixture::new(Clock::Log);
    let entries: Vec<String> =
        vec![cart("u", "10:00:00"), cart("u", "10:00:01"), r#"{"user":"u"}"#.to_owned(), cart("u", "10:00:02")];
    let entries: Vec<(&str, &str)> = entries.iter().map(|lines| ("10:00:00", lines.as_str())).collect();
    fixture.feed(&entries);
    assert_eq!((fixture.journal.len(), fixture.pipeline.forgotten()[0].outputs), (1, 1));
    fixture.feed(&[("10:00:03", "")]);
    assert!(fixture.pipeline.forgotten().is_empty());
}

/// User ids and anonymous ids share one namespace: a request follows the links from the id, and leaves none that leads back.
#[test]
fn an_id_stands_for_the_user_who_has_it_and_for_the_one_it_is_linked_to() {
    let anonymous = |id: &str, time: &str| cart(id, time).replace("userId", "anonymousId");
    let known = |fixture: &Fixture| {
        let mut users: Vec<String> = fixture.pipeline.users().map(|user| user.id.to_string()).collect();
        users.sort();
        (users, fixture.pipeline.totals().links)
    };
    let names = |ids: &[&str]| ids.iter().map(|id| (*id).into()).collect::<Vec<Arc<str>>>();
    // Of u, a and b are visitors; a is a user besides, of whom c is one. d is of somebody else.
    let log = |fixture: &mut Fixture| {
        let time = "10:00:00";
        let lines =
            [link("u", "a", time), link("u", "b", time), cart("a", time), link("a", "c", time), link("w", "d", time)];
        fixture.feed(&[(time, &lines.join("\n"))]);
    };
    for (id, users, left) in [
        ("b", &["u"][..], (vec!["a", "w"], 2)),
        ("u", &["u"], (vec!["a", "w"], 2)),
        ("a", &["a", "u"], (vec!["w"], 1)),
        ("c", &["a", "u"], (vec!["w"], 1)),
        ("d", &["w"], (vec!["a", "u"], 3)),
        ("nobody", &[], (vec!["a", "u", "w"], 4)),
    ] {
        let mut fixture = Fixture::new(Clock::Log);
        log(&mut fixture);
        assert_eq!(fixture.pipeline.affected_users(id), names(users), "{id}");
        fixture.feed(&[("10:00:01", &format!("{{\"user\":\"{id}\"}}"))]);
        let left = (left.0.into_iter().map(str::to_owned).collect::<Vec<_>>(), left.1);
        assert_eq!(known(&fixture), left, "{id}");
        assert_eq!(fixture.pipeline.totals().forgotten, u64::from(!users.is_empty()), "{id}");
        let reported: Vec<&str> = fixture.pipeline.forgotten().iter().map(|forgotten| &*forgotten.user).collect();
        assert!(users.iter().all(|user| reported.contains(user)), "{id}: {reported:?}");
        // The id is that of a new user afterwards, and of a new visitor.
        fixture.feed(&[("10:00:02", &format!("{}\n{}", anonymous(id, "10:00:02"), cart(id, "10:00:02")))]);
        let user = fixture.pipeline.user(id).map(|user| user.profile.first);
        assert_eq!(user, Some(at("10:00:02")), "{id} is new, and both events are its own");
        assert!(fixture.pipeline.linked_user(id).is_none(), "{id}");
    }
}

/// Decisions about a visitor are decisions about the user it was merged into, so both ids are reported.
#[test]
fn visitors_are_reported_with_the_forgotten_user() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &format!("{}\n{}", link("u", "a", "10:00:00"), link("u", "b", "10:00:00")))]);
    fixture.feed(&[("10:00:01", "{\"user\":\"a\"}")]);
    let mut reported: Vec<&str> = fixture.pipeline.forgotten().iter().map(|forgotten| &*forgotten.user).collect();
    reported.sort_unstable();
    assert_eq!(reported, ["a", "b", "u"]);
}

/// Consecutive requests do not run the tasks of all partitions for each of them.
#[test]
fn many_requests_to_forget_take_one_round_of_partition_tasks() {
    let mut fixture = Fixture::new(Clock::Log);
    let links: Vec<String> = (0..300).map(|visitor| link("u", &format!("v{visitor}"), "10:00:00")).collect();
    fixture.feed(&[("10:00:00", &links.join("\n"))]);
    let requests: Vec<String> = (0..300).map(|visitor| format!("{{\"user\":\"v{visitor}\"}}")).collect();
    let entries: Vec<(&str, &str)> = requests.iter().map(|request| ("10:00:01", request.as_str())).collect();
    let before = fixture.pipeline.round;
    fixture.feed(&entries);
    assert_eq!(fixture.pipeline.round - before, 1);
    let totals = fixture.pipeline.totals();
    assert_eq!((totals.links, totals.users, totals.forgotten), (0, 0, 1), "the first removed all");
}
