//! What the demo's shoppers make of recommendations, subject lines and teams is known, and the engine finds it.

use super::*;
use rekindle_core::partition::WeightsOutput;
use rekindle_core::rules::ruleset::SegmentId;
use rekindle_simulator::friends::{CHEATS, TEAM_FILLS};
use rekindle_simulator::messages::{ASKING_SUBJECT, BY_EMAIL, WITH_PICKS};

#[test]
fn what_recommending_brings_is_found_by_its_holdout() {
    let (demo, _) = history(include_str!("../../../../../../config/examples/recommend.toml"), "3000");
    let (interval, buys_anyway) = bought_for(&demo, "for_you");
    let lift = WITH_PICKS * (1.0 - buys_anyway);
    assert!(interval.start > 0.0 && interval.contains(&lift), "{lift} in {interval:?}");
}

/// Half of them get each of two subject lines, until it is known which is the better one.
const SUBJECT_LINES: &str = r#"
[events]
view = "Product Viewed"
order = "Order Completed"

[[segments]]
id = "browsed"
when = "since(view) >= duration('2h') && count(view, '1d') >= 3"

[[campaigns]]
id = "lines"
on = "enter:browsed"
channel = "email"
if = "traits.email_opt_in == true"
cooldown = "3d"
variants = [
    { id = "statement", weight = 1, payload = { subject = "Four new products" } },
    { id = "question", weight = 1, payload = { subject = "Still looking?" } },
]
adapt = { goal = "buy", every = "day", floor = 0.1 }

[[goals]]
id = "buy"
on = "order"
within = "3d"
"#;

#[test]
fn the_better_subject_line_is_sent_more_often() {
    const { assert!(ASKING_SUBJECT > BY_EMAIL, "a question is the better one") };
    let (_, outputs) = history(SUBJECT_LINES, "3000");
    let weights = outputs.iter().filter_map(|output| match &output.decided {
        OutputKind::Weights(weights) => Some(&**weights),
        _ => None,
    });
    let of: Vec<&WeightsOutput> = weights.collect();
    eprintln!("{of:?}");
    let last = of.last().expect("they were worked out");
    // In thousandths.
    let [statement, question] = *last.weights.0 else { panic!("two variants have two weights") };
    assert!(question > 750 && statement + question == 1_000, "{statement} and {question}");
}

#[test]
fn teams_fill_and_fail_as_often_as_their_friends_join() {
    let (demo, outputs) = history(include_str!("../../../../../../config/examples/team-of-three.toml"), "3000");
    let plan = demo.plan();
    let entered = |id: &str| {
        let is_it = |segment: &SegmentId| plan.rules.segments[usize::from(segment.0)].id == id;
        let enters = |output: &&Output| {
            matches!(&output.decided, OutputKind::GroupTransition { segment, change: TransitionKind::Enter, .. }
                if is_it(segment))
        };
        outputs.iter().filter(enters).count() as f64
    };
    let (full, failed) = (entered("team_full"), entered("team_failed"));
    let (share, stated) = (full / (full + failed), TEAM_FILLS * (1.0 - CHEATS));
    assert!(full + failed > 300.0 && (share - stated).abs() < 0.07, "{full} full, {failed} failed, {stated} stated");
}
