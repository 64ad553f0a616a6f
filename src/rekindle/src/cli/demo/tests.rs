//! What a newcomer sees of the demo as it is: everything that the starter pack has, within two minutes.

use std::collections::BTreeMap;

use clap::Parser;

use super::*;
use rekindle_core::campaigns::Outcome;
use rekindle_core::partition::OutputKind;
use rekindle_core::rules::ruleset::TransitionKind;

/// How long somebody watches.
const WATCHED_SECONDS: i64 = 120;

#[derive(Parser)]
struct DefaultDemo {
    #[command(flatten)]
    args: DemoArgs,
}

/// How often each segment was entered, and each campaign sent something, by id.
type Occurrences = BTreeMap<String, u32>;

fn watched() -> (Occurrences, Occurrences) {
    let DefaultDemo { args } = DefaultDemo::parse_from(["demo"]);
    let plan = Arc::new(ExecutionPlan::new(starter_pack().expect("the starter pack is sound")));
    let board = Arc::new(DemoMetrics { plan: Arc::clone(&plan), counted: Mutex::default() });
    let mut demo = Demo::open(&args, Arc::clone(&plan), board).expect("it opens");
    let shown_from = OPENING + WARM_UP;
    while demo.now < shown_from {
        demo.advance(demo.now + DAY);
    }
    let mut entered: Occurrences = plan.rules.segments.iter().map(|segment| (segment.id.clone(), 0)).collect();
    let mut sent: Occurrences = plan.rules.campaigns.iter().map(|campaign| (campaign.id.clone(), 0)).collect();
    for second in 1..=WATCHED_SECONDS {
        for output in demo.advance(shown_from + Span(second * args.speed.0)) {
            let seen = match output.decided {
                OutputKind::Transition { segment, change: TransitionKind::Enter, .. } => {
                    entered.get_mut(&plan.rules.segments[usize::from(segment.0)].id)
                }
                OutputKind::Decision { campaign, outcome: Outcome::Sent { .. }, .. } => {
                    sent.get_mut(&plan.rules.campaigns[usize::from(campaign.0)].id)
                }
                _ => continue,
            };
            *seen.expect("the rules have it") += 1;
        }
    }
    (entered, sent)
}

#[test]
fn within_two_minutes_every_segment_is_entered_and_every_campaign_sends_something() {
    let (entered, sent) = watched();
    eprintln!("{entered:#?}\n{sent:#?}");
    let missing: Vec<&String> =
        entered.iter().chain(&sent).filter(|(_, times)| **times == 0).map(|(id, _)| id).collect();
    assert!(missing.is_empty(), "nothing of {missing:?} in {WATCHED_SECONDS} s: entered {entered:?}, sent {sent:?}");
}
