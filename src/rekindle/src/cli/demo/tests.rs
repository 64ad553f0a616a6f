//! What a newcomer sees of the demo as it is: everything that the starter pack has, within two and a half minutes.

mod known_effects;

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;

use super::*;
use rekindle_core::goals::{Measure, UpliftReport};
use rekindle_core::partition::DecisionOutput;
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_simulator::messages::BY_EMAIL;

/// How long somebody watches.
const WATCHED_SECONDS: i64 = 150;

#[derive(Parser)]
struct DefaultDemo {
    #[command(flatten)]
    args: DemoArgs,
}

/// How often each segment was entered, or each campaign sent something, by id.
type Occurrences = BTreeMap<String, u32>;

/// A user, the instant, and the campaign that was decided.
type DecisionKey = (Arc<str>, Timestamp, String);

/// What somebody saw.
struct Watched {
    entered: Occurrences,
    sent: Occurrences,
    /// Decisions by whether the campaign's `if` held.
    decided: BTreeMap<bool, BTreeSet<DecisionKey>>,
}

/// Watches the demo with its defaults.
fn watch(rules: Ruleset) -> Watched {
    let DefaultDemo { args } = DefaultDemo::parse_from(["demo"]);
    let plan = Arc::new(ExecutionPlan::new(rules));
    let (_, mut demo) = Demo::open(&args, Arc::clone(&plan), Arc::default()).expect("it opens");
    let shown_from = OPENING + WARM_UP;
    while demo.now < shown_from {
        demo.advance_by(STEP_MAX).expect("no file is written");
    }
    let none = |id: &String| (id.clone(), 0);
    let mut watched = Watched {
        entered: plan.rules.segments.iter().map(|segment| none(&segment.id)).collect(),
        sent: plan.rules.campaigns.iter().map(|campaign| none(&campaign.id)).collect(),
        decided: BTreeMap::new(),
    };
    for second in 1..=WATCHED_SECONDS {
        for output in demo.advance(shown_from + Span(second * args.speed.0)).expect("no file is written") {
            match output.decided {
                OutputKind::Transition { segment, change: TransitionKind::Enter, .. }
                | OutputKind::GroupTransition { segment, change: TransitionKind::Enter, .. } => {
                    let id = &plan.rules.segments[usize::from(segment.0)].id;
                    watched.entered.entry(id.clone()).and_modify(|times| *times += 1);
                }
                OutputKind::Decision(decision) => {
                    let DecisionOutput { campaign, outcome, steps, .. } = *decision;
                    if outcome == Outcome::Condition {
                        let last = steps.last().map(|step| (step.name(), step.is_passed(output.at)));
                        assert_eq!(last, Some(("if", false)), "the console can explain it");
                    }
                    let id = &plan.rules.campaigns[usize::from(campaign.0)].id;
                    if matches!(outcome, Outcome::Sent { .. }) {
                        watched.sent.entry(id.clone()).and_modify(|times| *times += 1);
                    }
                    let holds = outcome != Outcome::Condition;
                    watched.decided.entry(holds).or_default().insert((output.user, output.at, id.clone()));
                }
                _ => {}
            }
        }
    }
    watched
}

#[test]
fn within_two_and_a_half_minutes_everything_in_the_starter_pack_occurs_and_promotions_wait_for_open_tickets() {
    let Watched { entered, sent, decided } = watch(starter_pack().expect("the starter pack is sound"));
    let missing: Vec<&String> =
        entered.iter().chain(&sent).filter(|(_, times)| **times == 0).map(|(id, _)| id).collect();
    assert!(missing.is_empty(), "nothing of {missing:?} in {WATCHED_SECONDS} s: entered {entered:?}, sent {sent:?}");

    let [by_count, by_segment] = ["keys_in('ticket_open') == 0", "!in_segment('waits_for_us')"];
    let without = STARTER_PACK.replace(by_count, "true").replace(by_segment, "true");
    let paused_by = |text: &str| STARTER_PACK.matches(text).count();
    assert!(paused_by(by_count) >= 3 && paused_by(by_segment) >= 2, "promotions ask for open tickets");
    let unpaused = watch(rekindle_core::rules::compile(&without).expect("sound as well"));
    let paused: Vec<_> = decided[&false].intersection(&unpaused.decided[&true]).collect();
    assert!(paused.len() >= 2, "{paused:?} are all promotions that open tickets stopped");
    eprintln!("{entered:#?}\n{sent:#?}\n{paused:#?}");
}

/// Two campaigns for the same people, each of which half of them get. Only e-mails make shoppers buy.
const TWO_CAMPAIGNS: &str = r#"
[events]
view = "Product Viewed"
order = "Order Completed"

[[segments]]
id = "browsed"
when = "since(view) >= duration('2h') && count(view, '1d') >= 3"

[[campaigns]]
id = "offer"
on = "enter:browsed"
channel = "email"
if = "traits.email_opt_in == true"
holdout = 0.5

[[campaigns]]
id = "note"
on = "enter:browsed"
channel = "onsite"
if = "traits.email_opt_in == true"
holdout = 0.5

[[goals]]
id = "buy"
on = "order"
value = "total"
within = "7d"
"#;

fn demo_of(rules: &str, options: &[&str]) -> Demo {
    let DefaultDemo { args } = DefaultDemo::parse_from(["demo"].iter().chain(options));
    let plan = Arc::new(ExecutionPlan::new(rekindle_core::rules::compile(rules).expect("sound rules")));
    Demo::open(&args, plan, Arc::default()).expect("it opens").1
}

/// The history of a demo's shop, with all that came out.
fn history(rules: &str, shoppers: &str) -> (Demo, Vec<Output>) {
    let (mut demo, mut outputs) = (demo_of(rules, &["--shoppers", shoppers]), Vec::new());
    while demo.now < OPENING + WARM_UP {
        outputs.append(&mut demo.advance_by(STEP_MAX).expect("no file is written"));
    }
    (demo, outputs)
}

/// By how many more users bought for a campaign, as its interval says, and the share that buys without it.
fn bought_for(demo: &Demo, campaign: &str) -> (std::ops::Range<f64>, f64) {
    let report = UpliftReport::new(&demo.plan().rules, &demo.engine.pipeline().uplift());
    let goal = report.goals.iter().find(|goal| &*goal.campaign == campaign).expect("it has a goal");
    let comparison = goal.comparisons.iter().find(|comparison| comparison.measure == Measure::Users);
    let comparison = comparison.expect("it is compared by users");
    eprintln!("{campaign}: {comparison:?}");
    let interval = comparison.interval.expect("there are enough users");
    (interval.low..interval.high, comparison.control.reached as f64 / comparison.control.users as f64)
}

#[test]
fn uplift_finds_what_messages_do_and_nothing_where_they_do_nothing() {
    let (demo, _) = history(TWO_CAMPAIGNS, "4000");
    let of = |campaign: &str| {
        let (interval, anyway) = bought_for(&demo, campaign);
        (interval, BY_EMAIL * (1.0 - anyway))
    };
    let (offer, lift) = of("offer");
    assert!(offer.start > 0.0 && offer.contains(&lift), "{lift} in {offer:?}");
    let (note, lift) = of("note");
    assert!(note.contains(&0.0) && note.end < lift, "0 in {note:?}");
}

#[test]
fn the_same_seed_gives_the_same_events_however_long_frames_take() {
    let run = |frames: &[i64]| {
        let mut demo = demo_of(STARTER_PACK, &["--shoppers", "300", "--speed", "6h"]);
        let (mut outputs, mut lines) = (Vec::new(), Vec::new());
        for frame in frames.iter().cycle() {
            outputs.extend(demo.advance(demo.now + Span(*frame)).expect("no file is written"));
            if demo.now >= OPENING + Span(20 * 86_400_000) {
                break;
            }
        }
        let rest = OPENING + Span(21 * 86_400_000);
        outputs.extend(demo.advance(rest).expect("no file is written"));
        demo.simulator.advance(rest + Span(86_400_000), &mut lines);
        (outputs, lines)
    };
    let short = run(&[18 * 60_000]);
    let long = run(&[18 * 60_000, 90 * 60_000, 7 * 3_600_000 + 1, 41 * 60_000]);
    assert!(short.0.len() > 1_000 && !short.1.is_empty());
    assert!(short == long);
}
