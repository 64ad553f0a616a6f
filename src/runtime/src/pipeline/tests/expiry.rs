//! Users that expire after `state_ttl`, their links, and that nothing accumulates.

use super::*;

/// An hour after their last event users expire with the links to them; other links stay.
#[test]
fn links_expire_with_their_user_after_the_same_event_wherever_batches_end() {
    let hour = Some(rekindle_core::time::Span(3_600_000));
    let time = |minute: usize| format!("{:02}:{:02}:00", minute / 60, minute % 60);
    let anonymous = |id: &str, time: &str| cart(id, time).replace("userId", "anonymousId");
    // A visitor who returns in time, one who returns too late, a user who returns too late, one who is linked again by the
    // event that finds the former user expired, one linked to a visitor of another user; and other users in between.
    let mut lines = vec![
        (0, link("early", "e", &time(0))),
        (1, link("late", "l", &time(1))),
        (2, link("user", "x", &time(2))),
        (3, link("again", "g", &time(3))),
        (4, link("middle", "m", &time(4))),
        (5, link("top", "middle", &time(5))),
        (59, anonymous("e", &time(59))),
        (66, anonymous("m", &time(66))),
        (70, anonymous("l", &time(70))),
        (71, cart("user", &time(71))),
        (72, anonymous("x", &time(72))),
        (73, link("again", "g", &time(73))),
        (74, anonymous("g", &time(74))),
        (100, anonymous("e", &time(100))),
    ];
    lines.extend((0..150).map(|minute| (minute, cart(&format!("other{}", minute % 50), &time(minute)))));
    lines.sort_by_key(|(minute, _)| *minute);
    let run = |size: usize, partitions: usize, limited: bool| {
        let mut fixture = Fixture::new(Clock::Log);
        let options = PipelineOptions { workers: 1, partitions, state_ttl: hour, ..PipelineOptions::default() };
        fixture.pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        for batch in lines.chunks(size) {
            if limited {
                fixture.pipeline.limit_timers(fixture.pipeline.timer_mark());
            }
            let batch: Vec<(String, &str)> =
                batch.iter().map(|(minute, line)| (time(*minute), line.as_str())).collect();
            fixture.feed(&batch.iter().map(|(received, line)| (received.as_str(), *line)).collect::<Vec<_>>());
        }
        let mut links: Vec<(String, String)> = ["e", "l", "x", "g", "m", "middle"]
            .iter()
            .filter_map(|visitor| {
                fixture.pipeline.linked_user(visitor).map(|user| ((*visitor).to_owned(), user.to_string()))
            })
            .collect();
        links.sort();
        fixture.pipeline.fire_timers(TimerMark::through(fixture.pipeline.watermark()), &mut Vec::new());
        let all = fixture.pipeline.totals();
        (links, all.links, all.counts.expired, fixture.pipeline.encode_checkpoint())
    };
    let whole = run(usize::MAX, 3, false);
    let expected = [("e", "early"), ("g", "again")].map(|(visitor, user)| (visitor.to_owned(), user.to_owned()));
    assert_eq!((whole.0.as_slice(), whole.1), (&expected[..], 2));
    for (size, partitions, limited) in
        [(1, 3, false), (1, 1, true), (2, 7, true), (5, 64, false), (23, 3, true), (usize::MAX, 3, true)]
    {
        let other = run(size, partitions, limited);
        assert_eq!((&other.0, other.1, other.2), (&whole.0, whole.1, whole.2), "batches of {size}, {limited}");
        assert!(partitions != 3 || other.3 == whole.3, "batches of {size}, {limited}");
    }
}

/// After five months with a `state_ttl` of an hour nothing is left of the users that came and went.
#[test]
fn links_do_not_outlive_the_state_they_lead_to() {
    const DAY: i64 = 86_400_000;
    let options = PipelineOptions {
        workers: 1,
        partitions: 7,
        state_ttl: Some(rekindle_core::time::Span(3_600_000)),
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
    let start = at("00:00:00").0;
    let (mut most, mut bytes) = (0, 0);
    for day in 0..150 {
        let line = |index: i64| {
            let ts = Timestamp(start + day * DAY + index * 1_000);
            format!(r#"{{"type":"page","userId":"u{day}-{index}","anonymousId":"v{day}-{index}","timestamp":"{ts}"}}"#)
        };
        let lines = (0..134).map(line).collect::<Vec<_>>().join("\n");
        pipeline.feed(lines.as_bytes(), &mut |_| unreachable!("all are events"), &mut Vec::new());
        (most, bytes) = (most.max(pipeline.totals().links), bytes.max(pipeline.links_bytes()));
    }
    assert!(most <= 2 * 134, "{most} links at a time");
    assert!(bytes < 500_000, "{bytes} bytes at a time");
    pipeline.advance_to(Timestamp(start + 151 * DAY), &mut Vec::new());
    let totals = pipeline.totals();
    assert_eq!((totals.links, totals.users, totals.counts.expired), (0, 0, 150 * 134));
    assert!(
        pipeline.encode_checkpoint().len() < 400,
        "{} bytes are stored without users",
        pipeline.encode_checkpoint().len()
    );
}

/// Panes that left their window are not copied from visitor to user at each merge.
#[test]
fn panes_do_not_accumulate_with_merged_visitors() {
    let rules = "[events]\ncart = 'Product Added'\n[[segments]]\nid = 's'\nwhen = \"count(cart, '2h') >= 100\"\n";
    let options = PipelineOptions { workers: 1, partitions: 3, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::new(plan(rules), options).expect("threads start");
    let day = at("00:00:00").0;
    let line = |ids: &str, ts: i64| {
        let ts = Timestamp(day + ts);
        format!(r#"{{"type":"track","event":"Product Added",{ids},"timestamp":"{ts}"}}"#)
    };
    let carts = (0..200).map(|hour| line(&format!(r#""anonymousId":"v{hour}""#), hour * 3_600_000));
    let links = (0..200).map(|hour| line(&format!(r#""userId":"u","anonymousId":"v{hour}""#), 200 * 3_600_000));
    let lines = carts.chain(links).collect::<Vec<_>>().join("\n");
    pipeline.feed(lines.as_bytes(), &mut |_| unreachable!("all are events"), &mut Vec::new());
    assert_eq!(pipeline.totals().counts.merged, 200);
    let user = pipeline.user("u").expect("a user");
    assert!(user.profile.heap_bytes() < 3_000, "{} bytes", user.profile.heap_bytes());
}
