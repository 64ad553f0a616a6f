//! A log with a broker: its times, ticks, bounds on the future; other rules on the way.

use std::sync::Arc;

use super::{InputEntry, Pipeline, PipelineOptions};
use crate::log::RecordKind;
use rekindle_core::journal;
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::time::{Clock, Timestamp};

const RULES: &str = r#"
[events]
cart = "Product Added"
order = "Order Completed"
[[segments]]
id = "abandoned"
when = "count(cart, '2h') >= 1 && since(cart) >= duration('30m')"
[[segments]]
id = "carts"
when = "total(cart) >= 2"
"#;

fn plan(text: &str) -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
}

fn at(clock: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("2026-03-02T{clock}Z")).expect("a time")
}

/// Lines that begin so are whom to forget, and not events.
const FORGET: &str = "{\"user\":";

fn entry<'a>(received: &str, lines: &'a str) -> InputEntry<'a> {
    let kind = if lines.starts_with(FORGET) { RecordKind::Forget } else { RecordKind::Events };
    InputEntry { kind, lines: lines.as_bytes(), received: Some(at(received)), is_whole: true }
}

/// A log with a broker, and the journal of what it came to.
struct Live {
    pipeline: Pipeline,
    journal: Vec<String>,
    rejected: Vec<(usize, u64, &'static str)>,
}

impl Live {
    fn new(clock: Clock) -> Live {
        let options = PipelineOptions { workers: 1, partitions: 3, clock, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        Live { pipeline, journal: Vec::new(), rejected: Vec::new() }
    }

    fn feed(&mut self, entries: &[(&str, &str)]) -> &mut Live {
        let entries: Vec<_> = entries.iter().map(|(received, lines)| entry(received, lines)).collect();
        let (mut outputs, rejected) = (Vec::new(), &mut self.rejected);
        self.pipeline.feed_entries(
            &entries,
            &mut |letter| rejected.push((letter.entry, letter.line, letter.rejected.reason.code())),
            &mut outputs,
        );
        self.note(&outputs);
        self
    }

    fn change_rules(&mut self, text: &str) -> &mut Live {
        let mut outputs = Vec::new();
        self.pipeline.change_rules(plan(text), &mut outputs);
        self.note(&outputs);
        self
    }

    fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            let mut line = Vec::new();
            journal::write_line(&self.pipeline.plan().rules, output, &mut line).expect("memory");
            let line: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let (what, of_what) = match text("kind").as_str() {
                "decision" => (text("outcome"), text("campaign")),
                _ => (text("change"), text("segment")),
            };
            let by_rules = if text("cause") == "rules" { ", by other rules" } else { "" };
            self.journal.push(format!("{} {} {what} {of_what}{by_rules}", &text("at")[11..19], text("user")));
        }
    }
}

fn cart(user: &str, time: &str) -> String {
    format!(r#"{{"type":"track","event":"Product Added","userId":"{user}","timestamp":"2026-03-02T{time}Z"}}"#)
}

#[test]
fn a_tick_makes_time_pass_for_a_silent_shop() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &cart("u", "10:00:00"))]);
    live.feed(&[("10:30:04.999", "")]);
    assert_eq!(live.journal, [""; 0]);
    live.feed(&[("10:30:05", "")]);
    assert_eq!(live.journal, ["10:30:00 u enter abandoned"]);
    assert_eq!(live.pipeline.watermark(), at("10:30:00"));
}

#[test]
fn with_the_clock_of_events_the_broker_moves_nothing() {
    let mut live = Live::new(Clock::Events);
    live.feed(&[("10:00:00", &cart("u", "09:00:00")), ("11:00:00", "")]);
    assert_eq!((live.pipeline.watermark(), live.journal.len()), (at("08:59:55"), 0));
    // Nor does it bound the future.
    live.feed(&[("11:00:00", &cart("v", "23:00:00"))]);
    assert_eq!((live.pipeline.watermark(), live.pipeline.totals().from_future), (at("22:59:55"), 0));
    assert_eq!(live.journal, ["09:30:00 u enter abandoned", "11:00:00 u exit abandoned"]);
}

/// One visitor's fast clock must not move time for others.
#[test]
fn an_event_is_no_later_than_the_broker_received_it() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &format!("{}\n{}", cart("u", "09:59:59.999"), cart("v", "10:00:00")))]);
    assert_eq!((live.pipeline.watermark(), live.pipeline.totals().from_future), (at("09:59:55"), 0));
    live.feed(&[("10:00:01", &cart("w", "10:04:41"))]);
    assert_eq!((live.pipeline.watermark(), live.pipeline.totals().from_future), (at("09:59:56"), 1));
    assert_eq!(live.pipeline.report("w").map(|report| report.latest_event), Some(at("10:00:01")));
    // Nobody's timers fire early, and what others do is not late.
    live.feed(&[("10:29:59", &cart("x", "10:29:58")), ("10:30:05", "")]);
    assert_eq!(live.journal, ["10:29:59 u enter abandoned", "10:30:00 v enter abandoned"]);
    assert_eq!(live.pipeline.totals().counts.late, 0);
}

/// Of a call with these times, received at 10:00:00.
fn latest(clock: Clock, times: &str) -> Option<Timestamp> {
    let mut live = Live::new(clock);
    live.feed(&[("10:00:00", &format!(r#"{{"type":"page","userId":"u"{times}}}"#))]);
    live.pipeline.report("u").map(|report| report.latest_event)
}

#[test]
fn a_clients_clock_is_set_right_by_when_it_sent_and_when_that_was_received() {
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
fn a_call_tells_when_the_broker_received_it() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &format!("{}\n{}", cart("u", "09:00:00"), cart("v", "10:00:00")))]);
    assert_eq!(live.pipeline.received(), [at("10:00:00"); 2]);
}

/// Whatever was read counts, but for what was rejected.
#[test]
fn duplicates_move_the_watermark_and_rejected_lines_dont() {
    let message = |time: &str| cart("u", time).replace("\"type\"", "\"messageId\":\"m\",\"type\"");
    let mut live = Live::new(Clock::Events);
    live.feed(&[("12:00:00", &message("10:00:00")), ("12:00:00", &message("10:01:00"))]);
    assert_eq!((live.pipeline.watermark(), live.pipeline.totals().counts.duplicates), (at("10:00:55"), 1));
    live.feed(&[("12:00:00", &cart("u", "10:02:00").replace("Added", "Added\",\"properties\":\"none"))]);
    assert_eq!((live.pipeline.watermark(), live.rejected.len()), (at("10:00:55"), 1));
    let mut live = Live::new(Clock::Log);
    live.feed(&[("12:00:00", &cart("u", "11:00:00").replace("track", "trick"))]);
    assert_eq!((live.pipeline.watermark(), live.rejected.len()), (at("11:59:55"), 1));
}

/// The watermark before an event is that of the log before its message: how long the message itself took is no reason
/// to move the event.
#[test]
fn an_event_is_not_late_because_of_its_own_message() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:20", &cart("u", "10:00:00"))]);
    assert_eq!(live.pipeline.totals().counts.late, 0);
    live.feed(&[("10:00:21", &cart("v", "10:00:00"))]);
    assert_eq!(live.pipeline.totals().counts.late, 1);
}

#[test]
fn rejections_say_which_entry_and_line_they_were_in() {
    let mut live = Live::new(Clock::Log);
    let lines = format!("{}\nnot json\n", cart("u", "10:00:00"));
    live.feed(&[("10:00:00", ""), ("10:00:00", &lines), ("10:00:00", "[7]")]);
    assert_eq!(live.rejected, [(1, 1, "not_json"), (2, 0, "not_an_object")]);
}

#[test]
fn a_message_that_is_one_document_over_lines_is_one() {
    let (one, two) = (cart("u", "10:00:00"), cart("v", "10:00:01"));
    let pretty = one.replace(',', ",\n  ").replace('{', "{\n  ");
    let mut plain = Live::new(Clock::Log);
    plain.feed(&[("10:00:02", &format!("{one}\n{two}\n{one}"))]);
    assert!(!plain.journal.is_empty());
    for message in [
        format!("[\n{pretty},\n{two}\n,{one}]\n"),
        format!("\u{feff}{{\"batch\":[\n{one}\n,{two}\n,{pretty}]\n}}"),
        format!("\n{one}\n\u{feff}{two}\n\u{feff}\n{one}\n"),
        format!("[{one}]\n[{two},{one}]\n"),
    ] {
        let mut live = Live::new(Clock::Log);
        live.feed(&[("10:00:02", &message)]);
        assert_eq!((&live.journal, &live.rejected), (&plain.journal, &vec![]), "{message}");
    }
    let mut lines = Live::new(Clock::Log);
    lines.feed(&[("10:00:02", &format!("{{\n[]\n{one}\n}}"))]);
    assert_eq!(lines.rejected, [(0, 0, "not_json"), (0, 3, "not_json")], "brackets that match are no document yet");
    let mut live = Live::new(Clock::Log);
    live.feed(&[
        ("10:00:02", &pretty),
        ("10:00:02", &format!("[\n{{}},\n{one},\n{{\"a\":1,}}\n]")),
        ("10:00:02", &two),
    ]);
    assert_eq!(live.pipeline.totals().events, 3);
    assert_eq!(live.rejected, [(1, 0, "unknown_type"), (1, 0, "not_json")]);
}

/// A body that could not be unpacked is one rejection, with the bytes as they came.
#[test]
fn a_body_that_stays_packed_is_one_rejection() {
    let mut live = Live::new(Clock::Log);
    for body in [&b"\x1f\x8b\x08\n\n{}\n"[..], b"\x28\xb5\x2f\xfd\n1\n2"] {
        let entry =
            InputEntry { kind: RecordKind::Events, lines: body, received: Some(at("10:00:02")), is_whole: true };
        let mut letters = Vec::new();
        live.pipeline.feed_entries(&[entry], &mut |letter| letters.push(letter.rejected), &mut Vec::new());
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert!(letter.reason.to_string().contains("packed with gzip or zstd"), "{}", letter.reason);
        assert_eq!((letter.reason.code(), letter.original), ("not_json", body));
    }
}

/// What one message can cost is bounded: by its bytes, by its lines, by its calls, and by what these borrow.
#[test]
fn a_message_too_large_is_one_rejection() {
    let limit = 1 << 10;
    let options = PipelineOptions { workers: 1, partitions: 3, max_event_bytes: limit, ..PipelineOptions::default() };
    let call = cart("u", "10:00:00");
    let many = |count: usize| vec![call.clone(); count];
    let context = format!("{{\"a\":\"{}\"}}", "x".repeat(600));
    for (message, events, rejected) in [
        (many(100).join("\n"), 100, 0),
        (format!("{{\"batch\":[{}]}}", many(100).join(",")), 100, 0),
        (format!("[{}]", many(100).join(",\n")), 100, 0),
        (many(16 * limit / call.len() + 1).join("\n"), 0, 1),
        (format!("{{\"batch\":[{}]}}", many(16 * limit / call.len()).join(",")), 0, 1),
        ("\n".repeat(16 * limit), 0, 0),
        (format!("{}{}", " ".repeat(16 * limit), call), 0, 1),
        (format!("{{\"context\":{context},\"batch\":[{}]}}", many(100).join(",")), 100, 0),
        (format!("{{\"context\":{context},\"batch\":[{}]}}", vec!["{}"; 200].join(",")), 0, 200),
    ] {
        let mut pipeline = Pipeline::new(plan(RULES), options.clone()).expect("threads start");
        let entry = InputEntry {
            kind: RecordKind::Events,
            lines: message.as_bytes(),
            received: Some(at("10:00:02")),
            is_whole: true,
        };
        let mut letters = 0;
        pipeline.feed_entries(&[entry], &mut |_| letters += 1, &mut Vec::new());
        let shown = &message[..message.len().min(100)];
        assert_eq!((pipeline.totals().events, letters), (events, rejected), "{} bytes: {shown}", message.len());
    }
}

#[test]
fn unchanged_segments_do_not_notice_that_the_rules_change() {
    let changed = RULES.replace("total(cart) >= 2", "total(cart) >= 1")
        + "[[segments]]\nid = \"new\"\nwhen = \"total(order) == 0\"\n";
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &cart("u", "10:00:00"))]).change_rules(&changed);
    // The user's clock is ahead of the watermark: that is where the other rules begin to count.
    assert_eq!(live.journal, ["10:00:00 u enter carts, by other rules", "10:00:00 u enter new, by other rules"]);
    live.feed(&[("10:40:00", "")]);
    assert_eq!(live.journal[2..], ["10:30:00 u enter abandoned"]);
    let totals = live.pipeline.totals();
    assert_eq!((totals.counts.sizes, totals.counts.transitions), (vec![1, 1, 1], vec![[1, 0], [1, 0], [1, 0]]));
}

#[test]
fn counts_go_on_by_id_when_the_rules_change() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &format!("{}\n{}", cart("u", "10:00:00"), cart("u", "10:00:01")))]);
    let swapped = "[events]\norder = \"Order Completed\"\ncart = \"Product Added\"\n[[segments]]\nid = \"other\"\n\
                   when = \"total(order) > 0\"\n[[segments]]\nid = \"carts\"\nwhen = \"total(cart) >= 2\"\n";
    live.change_rules(swapped);
    let counts = live.pipeline.totals().counts;
    assert_eq!((counts.applied, counts.by_name, counts.sizes), (2, vec![0, 2], vec![0, 1]));
    assert_eq!(counts.transitions, [[0, 0], [1, 0]]);
    live.feed(&[("12:00:00", &cart("u", "12:00:00"))]);
    assert_eq!(live.pipeline.totals().counts.by_name, [0, 3]);
}

/// A win-back for who has not ordered for a month, by a feature that the rules before it did not have.
fn with_win_back(rules: &str) -> String {
    format!(
        "{rules}[[segments]]\nid = \"gone\"\nwhen = \"since(order) >= duration('30d')\"\n\
         [[campaigns]]\nid = \"win_back\"\non = \"enter:gone\"\nchannel = \"email\"\n"
    )
}

#[test]
fn what_other_rules_change_by_themselves_sets_no_campaign_off() {
    let mut live = Live::new(Clock::Log);
    let order = cart("u", "10:00:00").replace("Product Added", "Order Completed");
    // `v`'s clock stands at the watermark or behind, `u`'s is ahead of it.
    live.feed(&[("09:00:00", &cart("v", "09:00:00")), ("10:00:00", &order)]).change_rules(&with_win_back(RULES));
    let told = |live: &Live| {
        live.journal
            .iter()
            .filter(|line| line.contains("gone") || line.contains("win_back"))
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut entered = told(&live);
    entered.sort();
    assert_eq!(entered, ["09:59:55 v enter gone, by other rules", "10:00:00 u enter gone, by other rules"]);
    // The next event of `u` does not find anything new, and nor does time.
    live.feed(&[("10:00:02", &cart("u", "10:00:02")), ("11:00:00", "")]);
    assert_eq!(told(&live).len(), 2, "{:?}", live.journal);
    // From here on it is like any other segment.
    let order = order.replace("10:00:00", "12:00:00");
    live.feed(&[("12:00:00", &order)]);
    let later = Timestamp(at("12:00:00").0 + 31 * 86_400_000).to_string();
    let lines = cart("w", "12:00:00").replace("2026-03-02T12:00:00Z", &later);
    let mut outputs = Vec::new();
    let entry = InputEntry {
        kind: RecordKind::Events,
        lines: lines.as_bytes(),
        received: Timestamp::parse_rfc3339(&later),
        is_whole: true,
    };
    live.pipeline.feed_entries(&[entry], &mut |_| {}, &mut outputs);
    live.note(&outputs);
    assert!(told(&live).ends_with(&["12:00:00 u enter gone".to_owned(), "12:00:00 u sent win_back".to_owned()]));
}

#[test]
fn what_the_old_rules_made_due_before_other_rules_is_theirs() {
    let rules = format!("{RULES}[[campaigns]]\nid = \"remind\"\non = \"enter:abandoned\"\nchannel = \"email\"\n");
    let mut live = Live::new(Clock::Log);
    live.change_rules(&rules).feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:30:05", "")]);
    live.change_rules(&rules.replace("30m", "20m"));
    assert_eq!(live.journal, ["10:30:00 u enter abandoned", "10:30:00 u sent remind"]);
    // What would have been due earlier by the new ones is not made up for.
    let mut live = Live::new(Clock::Log);
    live.change_rules(&rules).feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:25:05", "")]);
    live.change_rules(&rules.replace("30m", "20m")).feed(&[("10:40:00", "")]);
    assert_eq!(live.journal, ["10:25:00 u enter abandoned, by other rules"]);
}

/// A campaign in the night, held, and what becomes of it under these other rules at 08:00.
fn held_under(change: impl Fn(&str) -> String) -> Vec<String> {
    let rules = format!(
        "{RULES}[[campaigns]]\nid = \"night\"\non = \"enter:carts\"\nchannel = \"push\"\nquiet_hours = \"22:00-08:00\"\n"
    );
    let mut live = Live::new(Clock::Log);
    live.change_rules(&rules);
    live.feed(&[("02:00:00", &format!("{}\n{}", cart("u", "01:59:58"), cart("u", "02:00:00")))]);
    assert_eq!(live.journal, ["02:00:00 u enter carts", "02:00:00 u deferred night"]);
    live.change_rules(&change(&rules)).feed(&[("09:00:00", "")]);
    live.journal.retain(|line| !line.contains("abandoned"));
    live.journal.split_off(2)
}

#[test]
fn what_is_held_keeps_its_sense_under_other_rules() {
    let unmoved = held_under(|rules| rules.replace("2h", "3h"));
    assert_eq!(unmoved, ["08:00:00 u sent night"]);
    let moved = held_under(|rules| {
        rules.replace(
            "[[segments]]\nid = \"carts\"",
            "[[segments]]\nid = \"first\"\nwhen = \"total(order) > 5\"\n[[segments]]\nid = \"carts\"",
        )
    });
    assert_eq!(moved, ["08:00:00 u sent night"], "the segment is another by its place, not by its name");
    let exit = held_under(|rules| rules.replace("enter:carts", "exit:carts"));
    assert_eq!(exit, ["08:00:00 u stale night"], "it is not what set it off any more");
    let narrower = held_under(|rules| rules.replace("total(cart) >= 2", "total(cart) >= 3"));
    assert_eq!(narrower, ["02:00:00 u exit carts, by other rules", "08:00:00 u stale night"]);
    let gone = held_under(|rules| rules.replace("\"night\"", "\"other\""));
    assert_eq!(gone, [""; 0], "what is held goes with its campaign");
    let renamed = held_under(|rules| rules.replace("carts", "baskets"));
    assert_eq!(renamed, ["02:00:00 u enter baskets, by other rules", "08:00:00 u stale night"]);
}

/// The ids of all actions.
fn action_ids(live: &mut Live, entries: &[(&str, &str)]) -> Vec<String> {
    let entries: Vec<_> = entries.iter().map(|(received, lines)| entry(received, lines)).collect();
    let mut outputs = Vec::new();
    live.pipeline.feed_entries(&entries, &mut |_| {}, &mut outputs);
    outputs
        .iter()
        .filter_map(|output| {
            Some(rekindle_core::action::action(&live.pipeline.plan().rules, output, rekindle_core::action::SOURCE)?.id)
        })
        .collect()
}

#[test]
fn no_id_repeats_when_rules_go_back_and_forth_at_one_instant() {
    let with = format!("{RULES}[[campaigns]]\nid = \"c\"\non = \"enter:carts\"\nchannel = \"email\"\n");
    let without = RULES.replace(">= 2", ">= 200");
    let two = format!("{}\n{}", cart("u", "10:00:00"), cart("u", "10:00:00"));
    let mut live = Live::new(Clock::Log);
    live.change_rules(&with);
    let mut ids = action_ids(&mut live, &[("10:00:00", &two)]);
    for _ in 0..2 {
        live.change_rules(&without);
        live.change_rules(&with.replace(">= 2", &format!(">= {}", 2 + 2 * ids.len())));
        ids.extend(action_ids(&mut live, &[("10:00:00", &two)]));
    }
    let saved = live.pipeline.save();
    let plan = Arc::clone(live.pipeline.plan());
    let restored = super::RestoredPipeline::read(&plan, &[&saved]).expect("what was saved");
    live.pipeline = Pipeline::restore(plan, PipelineOptions { workers: 1, ..PipelineOptions::default() }, restored)
        .expect("what was saved");
    live.change_rules(&without).change_rules(&with.replace(">= 2", ">= 8"));
    ids.extend(action_ids(&mut live, &[("10:00:00", &two)]));
    assert_eq!(ids.len(), 4);
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
}

#[test]
fn a_report_says_what_is_known_and_when_to_look_again() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:10:05", "")]);
    let report = live.pipeline.report("u").expect("a user");
    assert_eq!((report.at, report.next_wake_up), (at("10:10:00"), Some(at("10:30:00"))));
    let features: Vec<_> = report.features.iter().map(|f| (f.feature.as_str(), f.value.to_string())).collect();
    let expected = [
        ("count(cart, 2h)", "1"),
        ("since(cart)", "600000"),
        ("total(cart)", "1"),
        ("idle()", "600000"),
        ("age()", "600000"),
    ];
    assert_eq!(features, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(live.pipeline.report("nobody"), None);
}

/// The user's partition decides what was due for the visitor, and the visitor's own what came before.
#[test]
fn outputs_of_a_visitor_are_in_order_though_the_last_come_from_another_partition() {
    let visitors: Vec<String> = (0..20).map(|n| format!("v{n}")).collect();
    let carts =
        |time: &str| visitors.iter().map(|v| cart(v, time).replace("userId", "anonymousId")).collect::<Vec<_>>();
    let link =
        |v| format!(r#"{{"type":"page","userId":"u{v}","anonymousId":"{v}","timestamp":"2026-03-02T10:00:00Z"}}"#);
    let links: Vec<String> = visitors.iter().map(link).collect();
    let lines = [carts("09:00:00"), carts("09:00:01"), links].concat();
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &lines.join("\n"))]);
    for v in visitors {
        let of_visitor: Vec<_> = live.journal.iter().filter(|line| line.contains(&format!(" {v} "))).collect();
        assert_eq!(of_visitor, [&format!("09:00:01 {v} enter carts"), &format!("09:30:01 {v} enter abandoned")]);
    }
}

fn link(user: &str, visitor: &str, time: &str) -> String {
    format!(r#"{{"type":"page","userId":"{user}","anonymousId":"{visitor}","timestamp":"2026-03-02T{time}Z"}}"#)
}

/// A log in which users are forgotten between events of theirs, while something is due, and as visitors.
fn forgetful() -> Vec<(&'static str, String)> {
    vec![
        ("10:00:01", format!("{}\n{}", cart("u", "10:00:00"), cart("u", "10:00:01"))),
        ("10:00:01", r#"{"user":"u"}"#.to_owned()),
        ("10:00:02", cart("u", "10:00:02")),
        ("10:10:00", cart("v", "10:10:00").replace("userId", "anonymousId")),
        ("10:10:00", link("w", "v", "10:10:00")),
        ("10:10:00", cart("v", "10:10:00").replace("userId", "anonymousId")),
        // Due at 10:30:02, and found due here at the earliest.
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
fn a_user_is_forgotten_between_two_events_however_they_come_in() {
    let log = forgetful();
    let entries: Vec<(&str, &str)> = log.iter().map(|(received, lines)| (*received, lines.as_str())).collect();
    let mut whole = Live::new(Clock::Log);
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
        let mut other = Live::new(Clock::Log);
        for batch in entries.chunks(size) {
            other.feed(batch);
        }
        let sorted = |mut journal: Vec<String>| {
            journal.sort();
            journal
        };
        assert_eq!(sorted(other.journal), sorted(whole.journal.clone()), "batches of {size}");
        assert_eq!(other.pipeline.save(), whole.pipeline.save(), "batches of {size}");
        assert_eq!(other.pipeline.totals().forgotten, 3, "batches of {size}");
    }
}

#[test]
fn whom_to_forget_and_what_names_nobody_are_told_apart() {
    let mut live = Live::new(Clock::Log);
    let bad = "{\"user\":\"u\"}\nnobody\n{\"user\":[]}\n{\"user\":\"v\"}";
    live.feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:00:01", bad), ("10:00:02", "{\"user\":\"\"}")]);
    assert_eq!(live.rejected, [(1, 1, "not_json"), (1, 2, "wrong_type"), (2, 0, "no_user")]);
    let forgotten: Vec<&str> = live.pipeline.forgotten().iter().map(|forgotten| &*forgotten.user).collect();
    assert_eq!((forgotten, live.pipeline.totals().forgotten), (vec!["u", "v"], 1));
    let empty = InputEntry { kind: RecordKind::Forget, lines: b" \n", received: Some(at("10:00:03")), is_whole: true };
    let mut rejected = Vec::new();
    live.pipeline.feed_entries(&[empty], &mut |letter| rejected.push(letter.rejected.reason.code()), &mut Vec::new());
    assert_eq!(rejected, ["no_user"]);
    assert_eq!(live.pipeline.watermark(), at("09:59:58"), "its receipt moves time like any other's");
}

#[test]
fn outputs_before_a_user_was_forgotten_are_told_from_later_ones() {
    let mut live = Live::new(Clock::Log);
    let entries: Vec<String> =
        vec![cart("u", "10:00:00"), cart("u", "10:00:01"), r#"{"user":"u"}"#.to_owned(), cart("u", "10:00:02")];
    let entries: Vec<(&str, &str)> = entries.iter().map(|lines| ("10:00:00", lines.as_str())).collect();
    live.feed(&entries);
    assert_eq!((live.journal.len(), live.pipeline.forgotten()[0].outputs), (1, 1));
    live.feed(&[("10:00:03", "")]);
    assert!(live.pipeline.forgotten().is_empty());
}

#[test]
fn everything_held_is_exported_and_nothing_once_it_is_forgotten() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &cart("u", "10:00:00")), ("10:00:01", &link("u", "a", "10:00:01"))]);
    let export = live.pipeline.export("u").expect("a user");
    assert_eq!((export.visitors.as_slice(), export.linked_to), (&["a".into()][..], None));
    let state = export.state.expect("there is state");
    let profile = state.profile.to_value();
    let features = &profile["features"];
    assert_eq!(features[0]["feature"], "count(cart, 2h)");
    let pane = serde_json::json!({"from": "2026-03-02T10:00:00.000Z", "until": "2026-03-02T10:02:00.000Z", "value": 1});
    assert_eq!(features[0]["panes"], serde_json::json!([pane]));
    assert_eq!(features[2], serde_json::json!({"feature": "total(cart)", "value": 1}));
    let visitor = live.pipeline.export("a").expect("a link");
    assert_eq!((visitor.linked_to, visitor.state), (Some("u".into()), None));
    live.feed(&[("10:00:02", r#"{"user":"u"}"#)]);
    assert_eq!((live.pipeline.export("u"), live.pipeline.export("a")), (None, None));
}

/// Both kinds of id share one namespace: what an id stands for goes either way, and nothing is left that would lead back.
#[test]
fn an_id_stands_for_the_user_who_has_it_and_for_the_one_it_is_linked_to() {
    let anonymous = |id: &str, time: &str| cart(id, time).replace("userId", "anonymousId");
    let known = |live: &Live| {
        let mut users: Vec<String> = live.pipeline.users().map(|user| user.id.to_string()).collect();
        users.sort();
        (users, live.pipeline.totals().links)
    };
    let names = |ids: &[&str]| ids.iter().map(|id| (*id).into()).collect::<Vec<Arc<str>>>();
    // Of u, a and b are visitors; a is a user besides, of whom c is one. d is of somebody else.
    let log = |live: &mut Live| {
        let time = "10:00:00";
        let lines =
            [link("u", "a", time), link("u", "b", time), cart("a", time), link("a", "c", time), link("w", "d", time)];
        live.feed(&[(time, &lines.join("\n"))]);
    };
    for (id, whom, left) in [
        ("b", &["u"][..], (vec!["a", "w"], 2)),
        ("u", &["u"], (vec!["a", "w"], 2)),
        ("a", &["a", "u"], (vec!["w"], 1)),
        ("c", &["a", "u"], (vec!["w"], 1)),
        ("d", &["w"], (vec!["a", "u"], 3)),
        ("nobody", &[], (vec!["a", "u", "w"], 4)),
    ] {
        let mut live = Live::new(Clock::Log);
        log(&mut live);
        assert_eq!(live.pipeline.affected_users(id), names(whom), "{id}");
        live.feed(&[("10:00:01", &format!("{{\"user\":\"{id}\"}}"))]);
        let left = (left.0.into_iter().map(str::to_owned).collect::<Vec<_>>(), left.1);
        assert_eq!(known(&live), left, "{id}");
        assert_eq!(live.pipeline.totals().forgotten, u64::from(!whom.is_empty()), "{id}");
        let told: Vec<&str> = live.pipeline.forgotten().iter().map(|forgotten| &*forgotten.user).collect();
        assert!(whom.iter().all(|user| told.contains(user)), "{id}: {told:?}");
        // Whoever has the id afterwards is someone new, either way.
        live.feed(&[("10:00:02", &format!("{}\n{}", anonymous(id, "10:00:02"), cart(id, "10:00:02")))]);
        let user = live.pipeline.user(id).map(|user| user.profile.first);
        assert_eq!(user, Some(at("10:00:02")), "{id} is new, and both events are its own");
        assert!(live.pipeline.linked_user(id).is_none(), "{id}");
    }
}

/// The decisions made about a visitor are made about who it became; so whoever follows has to know of both.
#[test]
fn visitors_are_told_of_with_the_user_who_is_forgotten() {
    let mut live = Live::new(Clock::Log);
    live.feed(&[("10:00:00", &format!("{}\n{}", link("u", "a", "10:00:00"), link("u", "b", "10:00:00")))]);
    live.feed(&[("10:00:01", "{\"user\":\"a\"}")]);
    let mut told: Vec<&str> = live.pipeline.forgotten().iter().map(|forgotten| &*forgotten.user).collect();
    told.sort_unstable();
    assert_eq!(told, ["a", "b", "u"]);
}

/// An hour after their last event users go, and the links to them; the links of others stay, and so does what is kept.
#[test]
fn links_go_with_their_user_after_the_same_event_wherever_batches_end() {
    let hour = Some(rekindle_core::time::Span(3_600_000));
    let time = |minute: usize| format!("{:02}:{:02}:00", minute / 60, minute % 60);
    let anonymous = |id: &str, time: &str| cart(id, time).replace("userId", "anonymousId");
    // A visitor who comes back in time, one who comes back too late, a user who comes back too late, one who is linked
    // anew by the event that finds the old one gone; one linked to a visitor of somebody; in between, others.
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
    let run = |size: usize, partitions: usize, hold: bool| {
        let mut live = Live::new(Clock::Log);
        let options = PipelineOptions { workers: 1, partitions, state_ttl: hour, ..PipelineOptions::default() };
        live.pipeline = Pipeline::new(plan(RULES), options).expect("threads start");
        for batch in lines.chunks(size) {
            if hold {
                live.pipeline.hold_time(live.pipeline.fired());
            }
            let batch: Vec<(String, &str)> =
                batch.iter().map(|(minute, line)| (time(*minute), line.as_str())).collect();
            live.feed(&batch.iter().map(|(received, line)| (received.as_str(), *line)).collect::<Vec<_>>());
        }
        let mut links: Vec<(String, String)> = ["e", "l", "x", "g", "m", "middle"]
            .iter()
            .filter_map(|visitor| {
                live.pipeline.linked_user(visitor).map(|user| ((*visitor).to_owned(), user.to_string()))
            })
            .collect();
        links.sort();
        live.pipeline.fire(live.pipeline.watermark(), &mut Vec::new());
        let all = live.pipeline.totals();
        (links, all.links, all.counts.expired, live.pipeline.save())
    };
    let whole = run(usize::MAX, 3, false);
    let expected = [("e", "early"), ("g", "again")].map(|(visitor, user)| (visitor.to_owned(), user.to_owned()));
    assert_eq!((whole.0.as_slice(), whole.1), (&expected[..], 2));
    for (size, partitions, hold) in
        [(1, 3, false), (1, 1, true), (2, 7, true), (5, 64, false), (23, 3, true), (usize::MAX, 3, true)]
    {
        let other = run(size, partitions, hold);
        assert_eq!((&other.0, other.1, other.2), (&whole.0, whole.1, whole.2), "batches of {size}, {hold}");
        assert!(partitions != 3 || other.3 == whole.3, "batches of {size}, {hold}");
    }
}

/// After five months of an hour's memory nothing is left of who came on the way.
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
    assert!(pipeline.save().len() < 400, "{} bytes are stored of nobody", pipeline.save().len());
}

/// What left its window long ago is not carried from visitor to user again and again.
#[test]
fn panes_do_not_pile_up_with_the_visitors_who_are_merged() {
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

/// A call of a user at a second of a day, with what comes before its properties or traits.
fn call(second: i64, fields: &str) -> String {
    format!("{{\"userId\":\"u\",\"timestamp\":\"2026-03-02T10:00:{second:02}Z\",{fields}}}\n")
}

fn order(second: i64, properties: &str) -> String {
    call(second, &format!("\"type\":\"track\",\"event\":\"Order Completed\",\"properties\":{{{properties}}}"))
}

fn fed(rules: &str, lines: &[String]) -> Pipeline {
    let mut pipeline = Pipeline::new(plan(rules), PipelineOptions { workers: 1, ..PipelineOptions::default() })
        .expect("threads start");
    pipeline.feed(lines.concat().as_bytes(), &mut |_| {}, &mut Vec::new());
    pipeline
}

const AMOUNTS: &str = r#"
[events]
order = "Order Completed"
large = { event = "Order Completed", where = "number(properties.total) > 100" }
[[segments]]
id = "s"
when = """sum(order.total, '7d') > 1 || avg(order.total, '1d') > 1 || max(large.total, '1d') > 1
          || total(order.tax) > 1 || last(order.coupon) == 'X' || traits.tier in ['a']"""
"#;

#[test]
fn values_that_sums_pass_over_are_counted_by_event_and_property() {
    let lines = [
        order(0, r#""total":"109.30","tax":1.5,"coupon":7"#),
        order(1, r#""total":50,"tax":null"#),
        order(2, r#""total":true,"tax":{}"#),
        order(3, ""),
    ];
    let pipeline = fed(AMOUNTS, &lines);
    let (rules, totals) = (&pipeline.plan().rules, pipeline.totals());
    let amounts = rules.amounts.iter().map(|amount| rules.amount_name(*amount)).zip(totals.counts.amounts.clone());
    let expected = [("order.total", [1, 2]), ("order.tax", [1, 1]), ("large.total", [0, 1])];
    assert_eq!(amounts.collect::<Vec<_>>(), expected.map(|(name, counts)| (name.to_owned(), counts)));
    let other = plan(&AMOUNTS.replace("total(order.tax) > 1 || ", ""));
    let carried = totals.counts.under(rules, &other.rules);
    assert_eq!(carried.amounts, [[1, 2], [0, 1]], "by the same names under other rules");
}

#[test]
fn values_that_are_too_large_are_counted_where_they_are_read_and_take_no_room() {
    let list = format!("[{}1]", "1,".repeat(100_000));
    let lines = [
        call(0, &format!("\"type\":\"identify\",\"traits\":{{\"tier\":{list},\"other\":{list}}}")),
        order(1, &format!("\"coupon\":{list},\"unread\":{list}")),
        call(2, &format!("\"type\":\"page\",\"properties\":{{\"unread\":{list}}}")),
    ];
    let pipeline = fed(AMOUNTS, &lines);
    assert_eq!(pipeline.totals().oversized_values, 2);
    let bytes = pipeline.user("u").expect("a user").heap_bytes();
    assert!(bytes < 1_000, "{bytes} bytes");
}

#[test]
fn order_ids_of_64_bits_tell_orders_apart_in_the_growth_numbers() {
    let of = |user: &str, second: i64, id: &str, total: &str| {
        order(second, &format!("\"order_id\":{id},\"total\":{total}"))
            .replace("\"userId\":\"u\"", &format!("\"userId\":\"{user}\""))
    };
    let lines = [
        of("u1", 0, "820982911946154508", "10.10"),
        of("u1", 1, "820982911946154509", "30"),
        of("u1", 2, "\"820982911946154509\"", "30"),
        of("u2", 3, "\"820982911946154508\"", "10.20"),
        of("u2", 4, "\"820982911946154509\"", "\"30\""),
    ];
    let pipeline = fed("[events]\norder = 'Order Completed'\n[growth]\n", &lines);
    let numbers = serde_json::to_value(pipeline.growth(None).expect("numbers")).expect("JSON");
    let today = &numbers["days"][0]["all"];
    assert_eq!((&today["orders"], &today["gmv"]), (&4.into(), &50.3.into()), "a number and its digits are one id");
    let totals = pipeline.totals();
    let rules = &pipeline.plan().rules;
    let total =
        rules.amounts.iter().position(|amount| rules.amount_name(*amount) == "order.total").expect("it is read");
    assert_eq!(totals.counts.amounts[total], [4, 1], "an amount that is a text is told of");
}

/// Requests that follow one another cost what each of them takes, and no round of all partitions each.
#[test]
fn many_requests_to_forget_are_worked_off_in_one_round() {
    let mut live = Live::new(Clock::Log);
    let links: Vec<String> = (0..300).map(|visitor| link("u", &format!("v{visitor}"), "10:00:00")).collect();
    live.feed(&[("10:00:00", &links.join("\n"))]);
    let requests: Vec<String> = (0..300).map(|visitor| format!("{{\"user\":\"v{visitor}\"}}")).collect();
    let entries: Vec<(&str, &str)> = requests.iter().map(|request| ("10:00:01", request.as_str())).collect();
    let before = live.pipeline.round;
    live.feed(&entries);
    assert_eq!(live.pipeline.round - before, 1);
    let totals = live.pipeline.totals();
    assert_eq!((totals.links, totals.users, totals.forgotten), (0, 0, 1), "the first took all");
}
