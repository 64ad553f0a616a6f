//! What groups do with bad input, and what waits for the end of a beat.

use super::*;
use rekindle_core::rules::ruleset::GroupId;
use rekindle_core::time::Span;

/// Three who join one team are told.
const TEAM: &str = r#"
[events]
join = "Team Joined"
full = { of = "team", on = "enter:is_full", to = "join", let = { size = "distinct(join.user, '1d')" } }
[groups.team]
key = "group_id"
ttl = "1d"
[[segments]]
id = "is_full"
of = "team"
when = "distinct(join.user, '1d') >= 3"
[[segments]]
id = "told"
when = "total(full) >= 1"
[[campaigns]]
id = "team_price"
on = "event:full"
channel = "push"
payload_from = { size = "event.size" }
"#;

fn call(event: &str, who: &str, time: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"track","event":"{event}",{who},"timestamp":"2026-03-02T{time}Z","properties":{{{properties}}}}}"#
    )
}

fn join(user: &str, time: &str) -> String {
    call("Team Joined", &format!(r#""userId":"{user}""#), time, r#""group_id":"g""#)
}

fn options() -> PipelineOptions {
    let (clock, max_disorder) = (Clock::Events, Span(0));
    PipelineOptions { workers: 1, partitions: 3, clock, max_disorder, ..PipelineOptions::default() }
}

fn fixture(rules: &str) -> Fixture {
    Fixture {
        pipeline: Pipeline::new(plan(rules), options()).expect("threads start"),
        journal: Vec::new(),
        rejected: Vec::new(),
    }
}

impl Fixture {
    /// Events, then time goes on to an instant.
    fn joined(&mut self, lines: &[String], until: &str) -> &mut Fixture {
        let clock = call("Nothing", r#""userId":"clock""#, until, "");
        let lines = lines.join("\n") + "\n";
        self.feed(&[("23:00:00", &lines), ("23:00:00", &clock)])
    }

    /// The lines of the journal that say this.
    fn lines_with(&self, text: &str) -> Vec<&String> {
        self.journal.iter().filter(|line| line.contains(text)).collect()
    }

    fn group_is_there(&self, key: &str) -> bool {
        self.pipeline.groups().is_some_and(|book| book.group(GroupId(0), key).is_some())
    }
}

#[test]
fn all_who_joined_are_told_at_the_end_of_the_beat() {
    let mut fixture = fixture(TEAM);
    let lines = ["ana", "bob", "cid"].map(|user| join(user, "10:00:00.500"));
    fixture.joined(&lines, "10:00:00.900");
    assert!(fixture.journal.is_empty(), "nothing reaches others within a beat: {:?}", fixture.journal);
    fixture.joined(&[], "10:00:01");
    assert_eq!(fixture.lines_with("is_full").len(), 1, "{:?}", fixture.journal);
    assert_eq!(fixture.lines_with("team_price").len(), 3, "{:?}", fixture.journal);
    assert_eq!(fixture.lines_with(" told").len(), 3, "{:?}", fixture.journal);
}

#[test]
fn a_group_whose_key_is_a_users_id_is_none_of_the_users() {
    let mut fixture = fixture(TEAM);
    let lines =
        ["ana", "bob", "cid"].map(|user| join(user, "10:00:00").replace(r#""group_id":"g""#, r#""group_id":"ana""#));
    fixture.joined(&lines, "10:00:01");
    assert!(fixture.group_is_there("ana"));
    let told = fixture.lines_with(" told");
    assert_eq!(told.len(), 3, "{:?}", fixture.journal);
    let forget = r#"{"user":"ana"}"#;
    fixture.feed(&[("23:00:00", forget)]);
    assert!(fixture.pipeline.report("ana").is_none() && fixture.group_is_there("ana"));
}

#[test]
fn a_thousand_members_are_told_and_no_more() {
    let mut fixture = fixture(&TEAM.replace(">= 3", ">= 1000"));
    let lines: Vec<String> = (0..1_500).map(|user| join(&format!("u{user}"), "10:00:00")).collect();
    fixture.joined(&lines, "10:00:01");
    // The thousandth sets it off; all at once are in it by then.
    assert_eq!(fixture.lines_with("team_price").len(), 1_000);
    assert!(fixture.lines_with(" u999 ").len() > 1 && fixture.lines_with(" u1000 ").is_empty());
}

#[test]
fn who_joins_a_thousand_times_as_visitor_and_as_user_is_told_once() {
    let mut fixture = fixture(TEAM);
    let visitor = call("Team Joined", r#""anonymousId":"anon""#, "10:00:00", r#""group_id":"g""#);
    let linked = call("Signed In", r#""anonymousId":"anon","userId":"ana""#, "10:00:01", "");
    let mut lines = vec![visitor.clone(), linked];
    lines.extend((0..1_000).map(|_| join("ana", "10:00:02")));
    lines.push(join("bob", "10:00:02"));
    fixture.joined(&lines, "10:00:03");
    // Both ids stand for one user, and count as two: linking changes nothing in a group.
    assert_eq!(fixture.lines_with("team_price").len(), 2, "{:?}", fixture.journal);
    assert_eq!(fixture.lines_with(" ana ").iter().filter(|line| line.contains("team_price")).count(), 1);
}

#[test]
fn to_a_user_who_is_not_there_nothing_is_told_and_nobody_is_made() {
    let rules = TEAM.replace("to = \"join\"", "to_user = \"last(join.friend)\"");
    let mut fixture = fixture(&rules);
    let friend = |value: &str| {
        let lines = ["ana", "bob", "cid"].map(|user| join(user, "10:00:00"));
        lines.map(|line| line.replace(r#""group_id":"g""#, &format!(r#""group_id":"g","friend":{value}"#)))
    };
    for value in [r#""nobody""#, r#""""#, "true", "[1]", "1.5"] {
        fixture.joined(&friend(value), "10:00:01");
    }
    assert!(fixture.lines_with("team_price").is_empty(), "{:?}", fixture.journal);
    assert!(fixture.pipeline.report("nobody").is_none());
}

/// A notice does not come to groups, so what it sets off ends with the user.
#[test]
fn what_a_group_tells_does_not_come_to_groups() {
    let rules = TEAM.replace(
        "is_full\"\nof = \"team\"\nwhen = \"distinct(join.user, '1d') >= 3\"",
        "is_full\"\nof = \"team\"\nwhen = \"distinct(join.user, '1d') >= 3 && total(full) == 0\"",
    );
    assert_ne!(rules, TEAM);
    let mut fixture = fixture(&rules);
    fixture.joined(&["ana", "bob", "cid"].map(|user| join(user, "10:00:00")), "10:00:09");
    assert_eq!(fixture.lines_with("is_full").len(), 1, "{:?}", fixture.journal);
}

#[test]
fn a_key_that_is_none_makes_no_group() {
    let mut fixture = fixture(TEAM);
    let long = format!(r#""{}""#, "k".repeat(257));
    for key in ["null", "true", "1.5", r#""""#, "[]", &long] {
        let properties = format!(r#""group_id":{key}"#);
        fixture.joined(&[call("Team Joined", r#""userId":"ana""#, "10:00:00", &properties)], "10:00:01");
    }
    assert_eq!(fixture.pipeline.groups().expect("the rules have groups").totals().groups, [0]);
}

#[test]
fn a_group_is_forgotten_when_its_time_is_over_and_tells_nothing_then() {
    let rules = TEAM.replace("enter:is_full", "exit:is_full").replace("ttl = \"1d\"", "ttl = \"1h\"");
    let mut fixture = fixture(&rules);
    fixture.joined(&["ana", "bob", "cid"].map(|user| join(user, "10:00:00")), "11:00:00");
    assert!(!fixture.group_is_there("g"));
    let left = fixture.lines_with("is_full");
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[1].contains("11:00:00") && fixture.lines_with("team_price").is_empty(), "{:?}", fixture.journal);
}

#[test]
fn who_is_forgotten_is_in_no_group_any_more() {
    let mut fixture = fixture(TEAM);
    fixture.joined(&["ana", "bob"].map(|user| join(user, "10:00:00")), "10:00:01");
    fixture.feed(&[("23:00:00", r#"{"user":"ana"}"#)]);
    fixture.joined(&["cid".to_owned()].map(|user| join(&user, "10:00:02")), "10:00:03");
    assert!(fixture.lines_with("is_full").is_empty(), "{:?}", fixture.journal);
    fixture.joined(&["dot".to_owned()].map(|user| join(&user, "10:00:04")), "10:00:05");
    assert_eq!(fixture.lines_with("team_price").len(), 3, "{:?}", fixture.journal);
    assert!(fixture.lines_with(" ana ").is_empty());
}

#[test]
fn what_waits_for_the_end_of_a_beat_is_in_checkpoints() {
    let mut fixture = fixture(TEAM);
    fixture.joined(&["ana", "bob", "cid"].map(|user| join(user, "10:00:00.100")), "10:00:00.500");
    let checkpoint = fixture.pipeline.encode_checkpoint();
    let plan = plan(TEAM);
    let restored = super::super::RestoredPipeline::read(&plan, &[&checkpoint]).map_err(|(_, error)| error);
    let more = PipelineOptions { partitions: 5, ..options() };
    let pipeline = Pipeline::restore(plan, more, restored.expect("an intact checkpoint")).expect("threads start");
    let mut after = Fixture { pipeline, journal: Vec::new(), rejected: Vec::new() };
    assert!(after.pipeline.encode_checkpoint().len() > 100);
    for fixture in [&mut fixture, &mut after] {
        fixture.joined(&[], "10:00:02");
        assert_eq!(fixture.lines_with("team_price").len(), 3, "{:?}", fixture.journal);
    }
    assert_eq!(fixture.journal, after.journal);
}

#[test]
fn a_change_of_rules_tells_nobody_anything() {
    let mut fixture = fixture(&TEAM.replace(">= 3", ">= 5"));
    fixture.joined(&["ana", "bob", "cid"].map(|user| join(user, "10:00:00")), "10:00:01");
    assert!(fixture.lines_with("is_full").is_empty());
    fixture.change_rules(TEAM);
    let entered = fixture.lines_with("is_full");
    assert_eq!(entered.len(), 1, "{:?}", fixture.journal);
    assert!(entered[0].contains("rules") && fixture.lines_with("team_price").is_empty(), "{:?}", fixture.journal);
}
