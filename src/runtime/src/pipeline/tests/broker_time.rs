//! The time of events and of the log where a broker stamps each record: ticks, bounds on the future, lateness.

use super::*;

#[test]
fn a_tick_makes_time_pass_for_a_silent_shop() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &cart("u", "10:00:00"))]);
    fixture.feed(&[("10:30:04.999", "")]);
    assert_eq!(fixture.journal, [""; 0]);
    fixture.feed(&[("10:30:05", "")]);
    assert_eq!(fixture.journal, ["10:30:00 u enter abandoned"]);
    assert_eq!(fixture.pipeline.watermark(), at("10:30:00"));
}

#[test]
fn with_the_clock_of_events_broker_times_advance_nothing() {
    let mut fixture = Fixture::new(Clock::Events);
    fixture.feed(&[("10:00:00", &cart("u", "09:00:00")), ("11:00:00", "")]);
    assert_eq!((fixture.pipeline.watermark(), fixture.journal.len()), (at("08:59:55"), 0));
    // Nor does it bound the future.
    fixture.feed(&[("11:00:00", &cart("v", "23:00:00"))]);
    assert_eq!((fixture.pipeline.watermark(), fixture.pipeline.totals().from_future), (at("22:59:55"), 0));
    assert_eq!(fixture.journal, ["09:30:00 u enter abandoned", "11:00:00 u exit abandoned"]);
}

/// One visitor's fast clock must not advance time for others.
#[test]
fn an_event_is_no_later_than_the_broker_received_it() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &format!("{}\n{}", cart("u", "09:59:59.999"), cart("v", "10:00:00")))]);
    assert_eq!((fixture.pipeline.watermark(), fixture.pipeline.totals().from_future), (at("09:59:55"), 0));
    fixture.feed(&[("10:00:01", &cart("w", "10:04:41"))]);
    assert_eq!((fixture.pipeline.watermark(), fixture.pipeline.totals().from_future), (at("09:59:56"), 1));
    assert_eq!(fixture.pipeline.report("w").map(|report| report.latest_event), Some(at("10:00:01")));
    // No timers fire early, and events of others are not late.
    fixture.feed(&[("10:29:59", &cart("x", "10:29:58")), ("10:30:05", "")]);
    assert_eq!(fixture.journal, ["10:29:59 u enter abandoned", "10:30:00 v enter abandoned"]);
    assert_eq!(fixture.pipeline.totals().counts.late, 0);
}

/// The event time of a call with these times, received at 10:00:00.
fn latest(clock: Clock, times: &str) -> Option<Timestamp> {
    let mut fixture = Fixture::new(clock);
    fixture.feed(&[("10:00:00", &format!(r#"{{"type":"page","userId":"u"{times}}}"#))]);
    fixture.pipeline.report("u").map(|report| report.latest_event)
}

#[test]
fn a_clients_clock_is_corrected_by_its_sent_and_received_times() {
    for clock in [Clock::Log, Clock::Events] {
        let latest = |times: &str| latest(clock, times);
        let slow = r#","timestamp":"2026-03-02T07:00:00Z","sentAt":"2026-03-02T07:00:07.5Z""#;
        assert_eq!(latest(slow), Some(at("09:59:52.500")));
        assert_eq!(latest(&slow.replace("timestamp", "originalTimestamp")), Some(at("09:59:52.500")));
        let corrected = format!(r#"{slow},"originalTimestamp":"2026-03-01T07:00:00Z""#);
        assert_eq!(latest(&corrected), Some(at("07:00:00")));
        // A broker's time goes before what the call says of when it was received.
        assert_eq!(latest(&format!(r#"{slow},"receivedAt":"2026-03-02T08:00:00Z""#)), Some(at("09:59:52.500")));
        assert_eq!(latest(""), Some(at("10:00:00")));
        assert_eq!(latest(r#","timestamp":"2569-03-02T07:00:00Z","sentAt":0"#), Some(at("10:00:00")));
    }
    let fast = r#","timestamp":"2026-03-02T10:00:10Z","sentAt":"2026-03-02T10:00:00Z""#;
    assert_eq!(latest(Clock::Log, fast), Some(at("10:00:00")));
    assert_eq!(latest(Clock::Events, fast), Some(at("10:00:10")));
}

#[test]
fn the_broker_time_of_each_accepted_event_is_returned() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:00", &format!("{}\n{}", cart("u", "09:00:00"), cart("v", "10:00:00")))]);
    assert_eq!(fixture.pipeline.received(), [at("10:00:00"); 2]);
}

/// Everything that was read counts, except what was rejected.
#[test]
fn duplicates_move_the_watermark_and_rejected_lines_dont() {
    let message = |time: &str| cart("u", time).replace("\"type\"", "\"messageId\":\"m\",\"type\"");
    let mut fixture = Fixture::new(Clock::Events);
    fixture.feed(&[("12:00:00", &message("10:00:00")), ("12:00:00", &message("10:01:00"))]);
    assert_eq!((fixture.pipeline.watermark(), fixture.pipeline.totals().counts.duplicates), (at("10:00:55"), 1));
    fixture.feed(&[("12:00:00", &cart("u", "10:02:00").replace("Added", "Added\",\"properties\":\"none"))]);
    assert_eq!((fixture.pipeline.watermark(), fixture.rejected.len()), (at("10:00:55"), 1));
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("12:00:00", &cart("u", "11:00:00").replace("track", "trick"))]);
    assert_eq!((fixture.pipeline.watermark(), fixture.rejected.len()), (at("11:59:55"), 1));
}

/// The watermark before an event is that of the log before its message: the delay of the message itself is no reason
/// to count the event as late.
#[test]
fn an_event_is_not_late_because_of_its_own_message() {
    let mut fixture = Fixture::new(Clock::Log);
    fixture.feed(&[("10:00:20", &cart("u", "10:00:00"))]);
    assert_eq!(fixture.pipeline.totals().counts.late, 0);
    fixture.feed(&[("10:00:21", &cart("v", "10:00:00"))]);
    assert_eq!(fixture.pipeline.totals().counts.late, 1);
}
