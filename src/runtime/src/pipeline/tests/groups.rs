//! What groups do with bad input, and what waits for the end of a beat.

use super::*;
use rekindle_core::event::Scalar;
use rekindle_core::groups::{GroupBeat, GroupBook, GroupMatch, GroupOutcome};
use rekindle_core::partition::GroupReport;
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

/// Each notice sets off a campaign that gives points, and points a second campaign: all of it ends with the user, since neither
/// outputs nor notices come to groups, and no user reaches another but through a group.
#[test]
fn what_a_notice_sets_off_ends_with_the_user() {
    let rules = TEAM.replace(
        "[groups.team]",
        "full_again = { of = \"team\", on = \"exit:is_full\", to = \"full\" }\n[groups.team]",
    );
    let points = r#"
[[ledgers]]
id = "stars"
earn = [{ on = "full", amount = "5" }]
[[segments]]
id = "starred"
when = "balance('stars') >= 5"
[[campaigns]]
id = "thanks"
on = "enter:starred"
channel = "push"
price = { ledger = "stars", amount = "5" }
[[campaigns]]
id = "again"
on = "exit:starred"
channel = "push"
"#;
    let problems =
        rekindle_core::rules::compile(&rules).expect_err("a notice is for those who have a match of a name of events");
    assert!(format!("{problems:?}").contains("full"), "{problems:?}");
    let mut fixture = fixture(&format!("{TEAM}{points}"));
    fixture.joined(&["ana", "bob", "cid"].map(|user| join(user, "10:00:00")), "10:00:01");
    let lines = fixture.journal.clone();
    for campaign in ["team_price", "thanks", "again"] {
        assert_eq!(fixture.lines_with(campaign).len(), 3, "{campaign}: {lines:?}");
    }
    fixture.joined(&[], "10:30:00");
    assert_eq!(fixture.journal, lines, "nothing more comes of it");
}

#[test]
fn a_million_members_of_one_group_keep_no_more_than_it_may() {
    let rules = TEAM.replace("distinct(join.user, '1d') >= 3", "total(join) >= 1000000");
    let rules = rules.replace("distinct(join.user, '1d')", "total(join)");
    let plan = plan(&rules);
    let secret = rekindle_core::secret::DrawSecret::default();
    let rows = rekindle_core::rows::TableRows::new(&plan.rules);
    let group_rules = plan.group_rules(&secret, &rows);
    let join = plan.rules.names.iter().position(|name| name.id == "join").expect("a name");
    let join = rekindle_core::rules::ruleset::NameId(u16::try_from(join).expect("few names"));
    let user = plan.rules.match_user_field().expect("it is read");
    let mut book = GroupBook::new(&plan.rules);
    let (mut told, mut most) = (0, 0);
    for beat in 0..1_000_u64 {
        let end = Timestamp((i64::try_from(beat).expect("small") + 1) * 1_000);
        book.hand_in((0..1_000).map(|n| GroupMatch {
            beat: end,
            position: beat * 1_000 + n,
            group: GroupId(0),
            key: "g".into(),
            name: join,
            ts: Timestamp(end.0 - 500),
            values: vec![(user, Scalar::Text(format!("u{}", beat * 1_000 + n).into()))],
        }));
        let mut outcome = GroupOutcome::default();
        book.end_beat(&group_rules, GroupBeat { end, watermark: end }, &mut outcome);
        told += outcome.notices.len();
        most = outcome.notices.iter().map(|notice| notice.to.len()).max().unwrap_or(most);
    }
    assert_eq!((told, most), (1, 1_000), "the group filled once, at its millionth member; the first thousand are told");
    let group = book.group(GroupId(0), "g").expect("it is there");
    assert!(group.profile.heap_bytes() < 50_000, "{} bytes", group.profile.heap_bytes());
    let report = GroupReport::new(&group_rules, GroupId(0), group, Timestamp(1_000_000));
    assert_eq!(report.members[0].ids.len(), 1_000);
    assert_eq!((&*report.members[0].ids[0], report.segments.as_slice()), ("u0", &["is_full".to_owned()][..]));
    assert_eq!(report.features[0].value.as_str(), "1000000");
}

#[test]
fn a_group_is_reported_as_of_the_last_end_of_a_beat() {
    let mut fixture = fixture(TEAM);
    fixture.joined(&["ana", "bob"].map(|user| join(user, "10:00:00.100")), "10:00:00.900");
    assert!(fixture.pipeline.group_report("team", "g").is_none(), "its matches wait for the end of the beat");
    let export = fixture.pipeline.export("ana").expect("she is there");
    assert_eq!(export.groups, [("team".to_owned(), "g".into())], "they are held all the same");
    fixture.joined(&[], "10:00:05.700");
    let report = fixture.pipeline.group_report("team", "g").expect("it is there");
    assert_eq!(report.at.to_string(), "2026-03-02T10:00:05.000Z");
    assert_eq!((report.segments.len(), report.conditions[0].is_in), (0, false));
    assert_eq!(report.next_wake_up.to_string(), "2026-03-03T10:00:00.100Z", "its ttl");
    assert_eq!(fixture.pipeline.group_keys("is_full", "", 10).expect("a segment of groups").keys.len(), 0);
    assert!(fixture.pipeline.group_keys("told", "", 10).is_none(), "one of users");
    fixture.joined(&[join("cid", "10:00:06")], "10:00:07");
    let page = fixture.pipeline.group_keys("is_full", "", 10).expect("a segment of groups");
    assert_eq!((page.keys.as_slice(), page.next), (&["g".into()][..], None));
    let totals = fixture.pipeline.totals().groups;
    assert_eq!((totals.groups, totals.opened, totals.told[1], totals.delivered[1]), (vec![1], vec![1], 1, 3));
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
