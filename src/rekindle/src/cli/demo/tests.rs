//! What a newcomer sees of the demo as it is: everything that the starter pack has, within two minutes.

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;

use super::*;
use rekindle_core::campaigns::Outcome;
use rekindle_core::partition::{DecisionOutput, OutputKind};
use rekindle_core::rules::ruleset::TransitionKind;

/// How long somebody watches.
const WATCHED_SECONDS: i64 = 120;

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
    let board = Arc::new(DemoMetrics { plan: Arc::clone(&plan), counted: Mutex::default() });
    let mut demo = Demo::open(&args, Arc::clone(&plan), board).expect("it opens");
    let shown_from = OPENING + WARM_UP;
    while demo.now < shown_from {
        demo.advance(demo.now + DAY);
    }
    let none = |id: &String| (id.clone(), 0);
    let mut watched = Watched {
        entered: plan.rules.segments.iter().map(|segment| none(&segment.id)).collect(),
        sent: plan.rules.campaigns.iter().map(|campaign| none(&campaign.id)).collect(),
        decided: BTreeMap::new(),
    };
    for second in 1..=WATCHED_SECONDS {
        for output in demo.advance(shown_from + Span(second * args.speed.0)) {
            match output.decided {
                OutputKind::Transition { segment, change: TransitionKind::Enter, .. } => {
                    let id = &plan.rules.segments[usize::from(segment.0)].id;
                    watched.entered.entry(id.clone()).and_modify(|times| *times += 1);
                }
                OutputKind::Decision(decision) => {
                    let DecisionOutput { campaign, outcome, .. } = *decision;
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
fn within_two_minutes_everything_in_the_starter_pack_occurs_and_promotions_wait_for_open_tickets() {
    let Watched { entered, sent, decided } = watch(starter_pack().expect("the starter pack is sound"));
    let missing: Vec<&String> =
        entered.iter().chain(&sent).filter(|(_, times)| **times == 0).map(|(id, _)| id).collect();
    assert!(missing.is_empty(), "nothing of {missing:?} in {WATCHED_SECONDS} s: entered {entered:?}, sent {sent:?}");

    let [by_count, by_segment] = ["keys_in('ticket_open') == 0", "!in_segment('waits_for_us')"];
    let without = STARTER_PACK.replace(by_count, "true").replace(by_segment, "true");
    let paused_by = |text: &str| STARTER_PACK.matches(text).count();
    assert!(paused_by(by_count) >= 3 && paused_by(by_segment) >= 2, "promotions ask for open tickets");
    let unpaused = watch(rules::compile(&without).expect("sound as well"));
    let paused: Vec<_> = decided[&false].intersection(&unpaused.decided[&true]).collect();
    assert!(paused.len() >= 2, "{paused:?} are all promotions that open tickets stopped");
    eprintln!("{entered:#?}\n{sent:#?}\n{paused:#?}");
}
