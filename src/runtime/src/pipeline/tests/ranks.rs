//! Takings of ranks: with nobody, of equal numbers, of what is missing; and what becomes of ranks at restores, merges, other rules.

use super::*;
use crate::pipeline::RestoredPipeline;
use rekindle_core::checkpoint::StoredShared;
use rekindle_core::time::Span;

/// Users are ordered by what they spent, as each hour begins; the first is told.
const SPENDERS: &str = r#"
[events]
order = "Order Completed"
winner = { rank = "spend", where = "rank('spend') == 1", let = { place = "rank('spend')", of_all = "ranked('spend')" } }
[[ranks]]
id = "spend"
of = "sum(order.total, '1d')"
among = "buyers"
every = "hour"
[[segments]]
id = "buyers"
when = "total(order) >= 1"
[[segments]]
id = "best_half"
when = "quantile('spend') >= 0.5"
[[segments]]
id = "unranked"
when = "!has(rank('spend')) && in_segment('buyers')"
[[segments]]
id = "won"
when = "total(winner) >= 1"
[[campaigns]]
id = "prize"
on = "event:winner"
channel = "push"
payload_from = { place = "event.place", of_all = "event.of_all" }
"#;

fn order(user: &str, time: &str, total: u32) -> String {
    format!(
        r#"{{"type":"track","event":"Order Completed","userId":"{user}","timestamp":"2026-03-02T{time}Z","properties":{{"total":{total}}}}}"#
    )
}

/// Nothing that a rank asks for: time goes on.
fn clock(time: &str) -> String {
    format!(r#"{{"type":"page","userId":"clock","timestamp":"2026-03-02T{time}Z"}}"#)
}

/// Time is the events' alone.
pub(super) fn options(partitions: usize) -> PipelineOptions {
    let (clock, max_disorder) = (Clock::Events, Span(0));
    PipelineOptions { workers: 1, partitions, clock, max_disorder, ..PipelineOptions::default() }
}

fn fixture(rules: &str, partitions: usize) -> Fixture {
    Fixture {
        pipeline: Pipeline::new(plan(rules), options(partitions)).expect("threads start"),
        journal: Vec::new(),
        rejected: Vec::new(),
    }
}

impl Fixture {
    fn lines(&mut self, lines: &[String]) -> &mut Fixture {
        let lines = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.feed(&[("23:59:00", &lines)])
    }

    /// What was told from one time on.
    fn since(&self, time: &str) -> Vec<&str> {
        let mut told: Vec<&str> =
            self.journal.iter().map(String::as_str).filter(|line| line.get(..8) >= Some(time)).collect();
        told.sort_unstable();
        told
    }

    fn restored(&mut self, rules: &str, partitions: usize) -> Fixture {
        let saved = self.pipeline.encode_checkpoint();
        let plan = plan(rules);
        let restored = RestoredPipeline::read(&plan, &[&saved]).expect("what was saved");
        let pipeline = Pipeline::restore(plan, options(partitions), restored).expect("what was saved");
        Fixture { pipeline, journal: self.journal.clone(), rejected: Vec::new() }
    }
}

#[test]
fn users_are_ordered_as_the_hour_begins_and_not_before() {
    let mut fixture = fixture(SPENDERS, 3);
    fixture.lines(&[order("ana", "10:10:00", 50), order("bob", "10:20:00", 20), order("cid", "10:59:59", 20)]);
    fixture.lines(&[clock("10:59:59.999")]);
    assert_eq!(fixture.since("10:59:59"), ["10:59:59 cid enter buyers", "10:59:59 cid enter unranked"]);
    fixture.lines(&[clock("11:00:00")]);
    // Two of three have less than ana; nobody has less than the others.
    let told = [
        "11:00:00 ana enter best_half",
        "11:00:00 ana enter won",
        "11:00:00 ana exit unranked",
        "11:00:00 ana sent prize",
        "11:00:00 bob exit unranked",
        "11:00:00 cid exit unranked",
    ];
    assert_eq!(fixture.since("11:00:00"), told);
    // Until the next hour it stands, whatever they spend.
    fixture.lines(&[order("bob", "11:30:00", 100), clock("11:59:59")]);
    assert_eq!(fixture.since("11:00:01"), Vec::<&str>::new());
    fixture.lines(&[clock("12:00:00")]);
    let told = [
        "12:00:00 ana exit best_half",
        "12:00:00 bob enter best_half",
        "12:00:00 bob enter won",
        "12:00:00 bob sent prize",
    ];
    assert_eq!(fixture.since("11:00:01"), told, "ana has a third below her now");
}

#[test]
fn where_the_watermark_begins_nobody_is_taken() {
    let mut fixture = fixture(SPENDERS, 3);
    fixture.lines(&[order("ana", "10:00:00", 50), clock("10:59:59")]);
    assert_eq!(fixture.since("00:00:00"), ["10:00:00 ana enter buyers", "10:00:00 ana enter unranked"]);
}

#[test]
fn of_equal_numbers_all_are_first_and_nobody_has_less() {
    let mut fixture = fixture(SPENDERS, 3);
    let users = ["ana", "bob", "cid", "dan"];
    fixture.lines(&users.map(|user| order(user, "10:10:00", 7)));
    fixture.lines(&[clock("11:00:00")]);
    let told = fixture.since("11:00:00");
    for user in users {
        assert!(told.contains(&&*format!("11:00:00 {user} sent prize")), "{told:?}");
    }
    assert!(!told.iter().any(|line| line.contains("best_half")), "{told:?}");
}

#[test]
fn with_nobody_and_of_what_is_missing_nothing_is_told() {
    let mut nobody = fixture(SPENDERS, 3);
    nobody.lines(&[clock("10:10:00"), clock("12:00:00")]);
    assert_eq!(nobody.since("00:00:00"), Vec::<&str>::new());
    let missing = SPENDERS.replace("sum(order.total, '1d')", "last(order.nothing)");
    let mut missing = fixture(&missing, 3);
    missing.lines(&[order("ana", "10:10:00", 50), clock("12:00:00")]);
    assert_eq!(missing.since("10:10:01"), Vec::<&str>::new());
}

#[test]
fn who_has_no_number_any_more_has_no_rank_any_more() {
    let rules = SPENDERS.replace("sum(order.total, '1d')", "min(order.total, '2h')");
    let mut fixture = fixture(&rules, 3);
    fixture.lines(&[order("ana", "10:10:00", 50), clock("11:00:00"), clock("12:30:00"), clock("13:00:00")]);
    assert_eq!(fixture.since("11:00:01"), ["12:00:00 ana sent prize", "13:00:00 ana enter unranked"]);
}

#[test]
fn a_restore_between_two_takings_changes_nothing() {
    let lines = [
        order("ana", "10:10:00", 50),
        order("bob", "10:20:00", 20),
        clock("11:00:00"),
        order("cid", "11:10:00", 60),
        clock("11:59:59"),
        clock("12:00:00"),
        order("bob", "12:10:00", 500),
        clock("15:00:00"),
    ];
    let mut whole = fixture(SPENDERS, 3);
    whole.lines(&lines);
    let expected = whole.since("00:00:00").into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert!(expected.len() > 15, "{expected:?}");
    for at in 0..=lines.len() {
        let mut parts = fixture(SPENDERS, 3);
        parts.lines(&lines[..at]);
        let mut parts = parts.restored(SPENDERS, 7);
        parts.lines(&lines[at..]);
        assert_eq!(parts.since("00:00:00"), expected, "restored before line {at}");
    }
}

#[test]
fn a_visitors_rank_is_the_users_where_that_has_none() {
    let mut fixture = fixture(SPENDERS, 3);
    let of_visitor = order("x", "10:10:00", 50).replace("userId", "anonymousId");
    let linked = |user: &str| {
        format!(r#"{{"type":"page","userId":"{user}","anonymousId":"x","timestamp":"2026-03-02T11:10:00Z"}}"#)
    };
    fixture.lines(&[of_visitor.clone(), order("bob", "10:20:00", 20), clock("11:00:00"), linked("ana")]);
    let told = fixture.since("11:10:00");
    assert_eq!(
        told,
        ["11:10:00 ana  ", "11:10:00 ana enter best_half", "11:10:00 ana enter buyers", "11:10:00 ana enter won"]
    );
    // Who has one keeps it: bob is the second still.
    let mut other = super::ranks::fixture(SPENDERS, 3);
    other.lines(&[of_visitor, order("bob", "10:20:00", 20), clock("11:00:00"), linked("bob")]);
    assert!(!other.since("11:10:00").iter().any(|line| line.contains("best_half")), "{:?}", other.journal);
}

#[test]
fn a_rank_outlives_other_rules_unless_it_is_another() {
    let lines = [order("ana", "10:10:00", 50), order("bob", "10:20:00", 20), clock("11:00:00")];
    let more = format!("{SPENDERS}[[segments]]\nid = \"second\"\nwhen = \"rank('spend') == 2\"\n");
    let mut same = fixture(SPENDERS, 3);
    same.lines(&lines).change_rules(&more);
    assert_eq!(same.since("11:00:00").last(), Some(&"11:00:00 bob exit unranked"));
    assert!(same.since("11:00:00").contains(&"11:00:00 bob enter second, by other rules"), "{:?}", same.journal);
    let mut other = fixture(SPENDERS, 3);
    other.lines(&lines).change_rules(&SPENDERS.replace("among = \"buyers\"\n", ""));
    let told = other.since("11:00:00");
    assert!(told.contains(&"11:00:00 ana exit best_half, by other rules"), "{told:?}");
    other.lines(&[clock("12:00:00")]);
    assert!(other.since("12:00:00").contains(&"12:00:00 ana enter best_half"), "{:?}", other.journal);
    // A checkpoint of the rules before says the same.
    let mut stored = fixture(SPENDERS, 3);
    let mut stored = stored.lines(&lines).restored(&more, 5);
    stored.lines(&[clock("11:00:01")]);
    assert!(stored.since("11:00:00").contains(&"11:00:00 bob enter second, by other rules"), "{:?}", stored.journal);
}

#[test]
fn forgetting_does_not_change_what_others_have() {
    let mut fixture = fixture(SPENDERS, 3);
    fixture.lines(&[order("ana", "10:10:00", 50), order("bob", "10:20:00", 20), clock("11:00:00")]);
    fixture.feed(&[("23:59:00", "{\"user\":\"bob\"}")]);
    fixture.lines(&[clock("11:30:00")]);
    assert_eq!(fixture.since("11:00:01"), Vec::<&str>::new());
    fixture.lines(&[clock("12:00:00")]);
    assert_eq!(fixture.since("11:00:01"), ["12:00:00 ana exit best_half", "12:00:00 ana sent prize"]);
}

#[test]
fn rules_without_ranks_store_nothing_of_them() {
    let mut pipeline = Pipeline::new(plan(RULES), options(1)).expect("threads start");
    pipeline.feed(format!("{}\n", clock("10:00:00")).as_bytes(), &mut |_| {}, &mut Vec::new());
    assert_eq!(pipeline.begin_snapshot(true).shared, StoredShared::default());
}
