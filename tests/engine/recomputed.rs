//! Rules that take effect knowing the past: the state is that of an engine which had them all along, what really happened stays,
//! and every difference is told once and triggers nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::groups::{Group, GroupCause, GroupMatch};
use rekindle_core::partition::{Cause, ExecutionPlan, Output, OutputKind, UserReport};
use rekindle_core::rules;
use rekindle_core::rules::ruleset::{GroupId, TransitionKind};
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions, RestoredPipeline};
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario_of};

/// One case: the log, the rules at first, and those that take effect after some lines.
struct RulesSwitch {
    options: PipelineOptions,
    before: Arc<ExecutionPlan>,
    after: Arc<ExecutionPlan>,
    lines: Vec<Vec<u8>>,
    at_line: usize,
}

fn plan(text: &str) -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))))
}

fn options(partitions: usize, scenario: &Scenario) -> PipelineOptions {
    PipelineOptions {
        partitions,
        workers: 1,
        max_disorder: Span(scenario.max_disorder_ms()),
        secret: DrawSecret::of_file(scenario.secret().as_bytes()),
        ..PipelineOptions::default()
    }
}

impl RulesSwitch {
    fn pipeline(&self, plan: &Arc<ExecutionPlan>) -> Pipeline {
        Pipeline::new(Arc::clone(plan), self.options.clone()).expect("threads start")
    }

    fn feed(&self, pipeline: &mut Pipeline, lines: &[Vec<u8>]) -> Vec<Output> {
        let mut outputs = Vec::new();
        pipeline.feed(&lines.concat(), &mut |_| {}, &mut outputs);
        outputs
    }

    /// Reads the past under the later rules; half of it before it is stored and read again.
    fn past(&self) -> Pipeline {
        let mut past = self.pipeline(&self.after);
        past.decide_nothing();
        let half = self.at_line / 2;
        self.feed(&mut past, &self.lines[..half]);
        let stored = past.encode_checkpoint();
        let restored = RestoredPipeline::read(&self.after, &[&stored]).expect("it was just written");
        let mut past = Pipeline::restore(Arc::clone(&self.after), self.options.clone(), restored).expect("intact");
        past.decide_nothing();
        self.feed(&mut past, &self.lines[half..self.at_line]);
        past
    }
}

/// Of a user: what is recomputed, as text.
fn computed(report: &UserReport) -> String {
    let keys = report.keys.iter().map(|key| (&key.per, &key.key, &key.segments, &key.features, key.latest_match));
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        report.segments,
        report.features,
        keys.collect::<Vec<_>>(),
        report.traits,
        report.models,
        report.first_event,
        report.latest_event,
    )
}

/// Of a user: what really happened, as text.
fn happened(plan: &ExecutionPlan, report: &UserReport) -> String {
    let has = |campaign: &str| plan.rules.campaigns.iter().any(|known| known.id == campaign);
    let mut fired: Vec<_> = report.fired.iter().filter(|fired| has(&fired.campaign)).collect();
    fired.sort_by_key(|fired| &fired.campaign);
    let held = report.held.iter().filter(|held| has(&held.campaign)).map(|held| (&held.campaign, held.until));
    format!("{fired:?} {:?} {:?}", held.collect::<Vec<_>>(), report.goals)
}

fn transitions(plan: &ExecutionPlan, outputs: &[Output]) -> Vec<String> {
    let mut all: Vec<String> = outputs
        .iter()
        .filter_map(|output| match &output.decided {
            OutputKind::Transition { segment, change, key, .. } => {
                let segment = &plan.rules.segments[usize::from(segment.0)].id;
                Some(format!("{} {} {segment} {change:?} {key:?}", output.user, output.at))
            }
            OutputKind::GroupTransition { group, segment, change, .. } => {
                let segment = &plan.rules.segments[usize::from(segment.0)].id;
                let kind = &plan.rules.groups[usize::from(group.0)].id;
                Some(format!("{kind} {} {} {segment} {change:?}", output.user, output.at))
            }
            _ => None,
        })
        .collect();
    all.sort();
    all
}

/// Memberships of users in segments, as somebody knows them who adds up what is told.
fn told(members: &mut BTreeSet<(String, String)>, plan: &ExecutionPlan, outputs: &[Output]) {
    for output in outputs {
        let OutputKind::Transition { segment, change, key: None, .. } = &output.decided else { continue };
        let member = (output.user.to_string(), plan.rules.segments[usize::from(segment.0)].id.clone());
        let is_news = match change {
            TransitionKind::Enter => members.insert(member.clone()),
            TransitionKind::Exit => members.remove(&member),
        };
        assert!(is_news, "{member:?} was told {change:?} twice");
    }
}

fn reports(pipeline: &Pipeline) -> Vec<UserReport> {
    let mut users: Vec<Arc<str>> = pipeline.users().map(|user| Arc::clone(&user.id)).collect();
    users.sort();
    users.iter().filter_map(|user| pipeline.report(user)).collect()
}

/// All groups, and what waits for them. They differ in when they were evaluated last.
fn groups(pipeline: &Pipeline) -> (Vec<(GroupId, Group)>, Vec<GroupMatch>) {
    let Some(book) = pipeline.groups() else { return Default::default() };
    let groups = book.groups().map(|(id, group)| {
        let mut group = group.clone();
        (group.profile.now, group.segments_due) = (Timestamp::MIN, Timestamp::MIN);
        (id, group)
    });
    let mut waiting = book.waiting().to_vec();
    // Stable: the matches of one event come in their order, those of others in any.
    waiting.sort_by_key(|matched| matched.position);
    (groups.collect(), waiting)
}

fn check(switch: &RulesSwitch) -> Result<(), TestCaseError> {
    let (past_lines, rest) = switch.lines.split_at(switch.at_line);
    let mut always = switch.pipeline(&switch.after);
    switch.feed(&mut always, past_lines);
    let mut live = switch.pipeline(&switch.before);
    switch.feed(&mut live, past_lines);
    let before = reports(&live);
    let mut outputs = Vec::new();
    live.change_rules_to(switch.past(), &mut outputs);
    for output in &outputs {
        // Partners are told whom the other rules share; no campaign is set off.
        let is_told_as_rules = match &output.decided {
            OutputKind::Transition { cause, .. } => matches!(cause, Cause::Rules { .. } | Cause::Max),
            OutputKind::GroupTransition { cause, .. } => *cause == GroupCause::Rules,
            other => matches!(other, OutputKind::Shared(_)),
        };
        prop_assert!(is_told_as_rules, "{output:?}");
    }
    // Segments that the rules do not have any more, or that are of something else now, are gone without a word.
    let is_of_users = |plan: &ExecutionPlan, id: &str| {
        plan.rules.segments.iter().any(|segment| segment.id == id && segment.per.is_none())
    };
    let mut members = BTreeSet::new();
    for report in &before {
        let stays = |segment: &&String| is_of_users(&switch.after, segment);
        members.extend(report.segments.iter().filter(stays).map(|segment| (report.user.to_string(), segment.clone())));
    }
    told(&mut members, &switch.after, &outputs);
    let (found, expected) = (reports(&live), reports(&always));
    for report in &found {
        for segment in &report.segments {
            prop_assert!(members.remove(&(report.user.to_string(), segment.clone())), "{segment}");
        }
    }
    prop_assert!(members.is_empty(), "told to be in, and are not: {members:?}");
    prop_assert_eq!(
        found.iter().map(|report| (&report.user, computed(report))).collect::<Vec<_>>(),
        expected.iter().map(|report| (&report.user, computed(report))).collect::<Vec<_>>()
    );
    prop_assert_eq!(groups(&live), groups(&always));
    for report in &before {
        let after = live.report(&report.user).expect("nobody is gone");
        prop_assert_eq!(happened(&switch.after, report), happened(&switch.after, &after));
    }
    // From here on both do the same.
    let (one, other) = (switch.feed(&mut live, rest), switch.feed(&mut always, rest));
    prop_assert_eq!(transitions(&switch.after, &one), transitions(&switch.after, &other));
    Ok(())
}

/// Without tables: what is a row under some rules is an event of a user under others, and links who sent it.
fn without_tables() -> impl Strategy<Value = Scenario> {
    scenario_of(LanguageParts { tables: false, ..LanguageParts::ALL })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_that_know_the_past_are_as_if_they_had_always_been(
        scenario in without_tables(),
        other in without_tables(),
        partitions in prop::sample::select(vec![1, 7]),
        share in 0..=100_usize,
    ) {
        let events = scenario.events_jsonl();
        let lines: Vec<Vec<u8>> = events.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let at_line = lines.len() * share / 100;
        // Points that were granted stay: the ledgers of the rules before are others.
        let renamed = (0..10).fold(other.rules_toml(), |text, number| {
            let id = format!("l{number}");
            text.replace(&format!("'{id}'"), &format!("'{id}_before'"))
                .replace(&format!("\"{id}\""), &format!("\"{id}_before\""))
        });
        // A user's clock never goes back, also where fewer events are duplicates by the rules before.
        let without_window = |text: &str| {
            text.lines().filter(|line| !line.starts_with("dedup_window")).collect::<Vec<_>>().join("\n")
        };
        let (before, after) = (plan(&without_window(&renamed)), plan(&without_window(&scenario.rules_toml())));
        // What campaigns take of points changes what segments ask of them, and no campaign is run over the past.
        prop_assume!(after.rules.campaigns.iter().all(|campaign| campaign.price.is_none()));
        // What groups told by the rules before has moved users' clocks.
        prop_assume!(before.rules.names.iter().all(|name| !name.is_told()));
        check(&RulesSwitch { options: options(partitions, &scenario), before, after, lines, at_line })?;
    }
}

const ORDERS: &str =
    "[events]\norder = 'Order'\nview = 'View'\n[[segments]]\nid = 'buyer'\nwhen = 'total(order) >= 2'\n";
const VIEWERS: &str = "[[segments]]\nid = 'viewer'\nwhen = 'total(view) >= 2'\n[[segments]]\nid = 'vip'\nwhen = \"traits.tier == 'gold'\"\n";

/// Messages of a log, in seconds since 1970 with their calls.
fn log(calls: &[(i64, &str)]) -> Vec<(Timestamp, Vec<u8>)> {
    calls
        .iter()
        .map(|(at, call)| {
            let head = r#""messageId":"m"#;
            (Timestamp(at * 1_000), format!("{{{call},{head}{at}\"}}").into_bytes())
        })
        .collect()
}

fn feed_messages(pipeline: &mut Pipeline, messages: &[(Timestamp, Vec<u8>)]) -> Vec<Output> {
    let mut outputs = Vec::new();
    for (received, lines) in messages {
        let entry = InputEntry { kind: RecordKind::Events, lines, received: Some(*received), is_whole: true };
        pipeline.feed_entries(&[entry], &mut |rejection| panic!("{rejection:?}"), &mut outputs);
    }
    outputs
}

/// The log has lost its first messages. What both rules have is known from before; what only the later have, or what the
/// earlier began to keep late, as far back as the log reaches; links that were made before are still known.
#[test]
fn of_each_feature_the_state_that_reaches_further_back_is_taken() {
    let order = |user: &str| format!(r#""type":"track","event":"Order","userId":"{user}""#);
    let view = |visitor: &str| format!(r#""type":"track","event":"View","anonymousId":"{visitor}""#);
    let gold = r#""type":"identify","userId":"u","anonymousId":"a","traits":{"tier":"gold"}"#.to_owned();
    let calls: Vec<(i64, String)> = [gold, order("u"), order("old"), view("a"), view("a"), order("u"), view("a")]
        .into_iter()
        .zip(1..)
        .map(|(call, at)| (at * 100, call))
        .collect();
    let calls: Vec<(i64, &str)> = calls.iter().map(|(at, call)| (*at, call.as_str())).collect();
    let messages = log(&calls);
    let options = PipelineOptions { partitions: 3, workers: 1, ..PipelineOptions::default() };
    let (orders, both) = (plan(ORDERS), plan(&format!("{ORDERS}{VIEWERS}")));
    let mut live = Pipeline::new(Arc::clone(&orders), options.clone()).expect("threads start");
    feed_messages(&mut live, &messages[..5]);
    // An ordinary change: what is new begins empty, and knows one view at the end.
    live.change_rules(Arc::clone(&both), &mut Vec::new());
    feed_messages(&mut live, &messages[5..]);
    assert_eq!(live.report("u").expect("a user").segments, ["buyer"]);
    let mut past = Pipeline::new(Arc::clone(&both), options).expect("threads start");
    past.decide_nothing();
    past.assume_links(&live.links_now());
    feed_messages(&mut past, &messages[3..]);
    assert_eq!(past.report("u").expect("a user").segments, ["viewer"], "of two orders the log has one");
    let mut outputs = Vec::new();
    live.change_rules_to(past, &mut outputs);
    let user = live.report("u").expect("a user");
    assert_eq!(user.segments, ["buyer", "viewer"], "who said to be gold before the rules asked is not known");
    assert_eq!(user.first_event, Timestamp(100_000));
    assert_eq!(transitions(&both, &outputs), ["u 1970-01-01T00:11:40.000Z viewer Enter None"]);
    let old = live.report("old").expect("users of whom the log has nothing any more stay");
    assert_eq!(old.features[0].value.as_str(), "1");
    // A second time the same rules: nothing is other than before.
    let stored = live.encode_checkpoint();
    let restored = RestoredPipeline::read(&both, &[&stored]).expect("it was just written");
    let mut again = Pipeline::restore(
        Arc::clone(&both),
        PipelineOptions { partitions: 3, workers: 1, ..PipelineOptions::default() },
        restored,
    )
    .expect("intact");
    let mut later =
        Pipeline::new(Arc::clone(&both), PipelineOptions { partitions: 3, workers: 1, ..PipelineOptions::default() })
            .expect("threads start");
    later.decide_nothing();
    feed_messages(&mut later, &messages[6..]);
    let mut outputs = Vec::new();
    again.change_rules_to(later, &mut outputs);
    assert_eq!(again.report("u").expect("a user").segments, ["buyer", "viewer"]);
    assert!(outputs.is_empty(), "{outputs:?}");
}

const TEAMS: &str = "[events]\njoin = 'Join'\n[groups.team]\nkey = 'team'\nttl = '30d'\n\
                     [[segments]]\nid = 'full'\nof = 'team'\nwhen = \"distinct(join.user, '24h') >= 2\"\n";

/// What the rules ask of groups for the first time is known from the log; what that changes is told once.
#[test]
fn groups_are_recomputed_from_the_log() {
    let join = |user: &str, team: &str| {
        format!(r#""type":"track","event":"Join","userId":"{user}","properties":{{"team":"{team}"}}"#)
    };
    let calls = [join("u", "a"), join("v", "a"), join("u", "a"), join("u", "b"), join("v", "b")];
    let calls: Vec<(i64, &str)> = (1..).map(|at| at * 100).zip(calls.iter().map(String::as_str)).collect();
    let messages = log(&calls);
    let options = PipelineOptions { partitions: 3, workers: 1, ..PipelineOptions::default() };
    let (before, after) = (plan(TEAMS), plan(&TEAMS.replace("distinct(join.user, '24h') >= 2", "total(join) >= 3")));
    let mut live = Pipeline::new(before, options.clone()).expect("threads start");
    feed_messages(&mut live, &messages);
    live.advance_to(Timestamp(600_000), &mut Vec::new());
    let mut past = Pipeline::new(Arc::clone(&after), options).expect("threads start");
    past.decide_nothing();
    feed_messages(&mut past, &messages);
    let members = |pipeline: &Pipeline| -> Vec<(String, usize)> {
        let groups = pipeline.groups().expect("the rules have groups").groups();
        groups.map(|(_, group)| (group.key.to_string(), group.profile.members.iter().count())).collect()
    };
    assert_eq!(members(&live), [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    let mut outputs = Vec::new();
    live.change_rules_to(past, &mut outputs);
    assert_eq!(members(&live), [("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!(transitions(&after, &outputs), ["team b 1970-01-01T00:10:00.000Z full Exit"]);
}
