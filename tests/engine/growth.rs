//! The growth numbers against a naive count over the whole log, and against themselves: other batches,
//! partitions, and restarts from a checkpoint anywhere give the same numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use rekindle_core::growth::report::GrowthNumbers;
use rekindle_core::growth::{GrowthReport, WindowTotals};
use rekindle_core::partition::{ExecutionPlan, OutputKind};
use rekindle_core::rules;
use rekindle_core::rules::growth::Stage;
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, RestoredPipeline};
use rekindle_test_kit::growth_call::GrowthCall;

mod naive;

use naive::{CHANNELS, count, funnels, reported, reported_funnels};

const ZONE: &str = "America/New_York";

const RULES: &str = include_str!("growth_rules.toml");

/// 2026-03-01T12:00:00Z: clocks go forward a week later.
const START: i64 = 1_772_366_400_000;
const DAY: i64 = 86_400_000;

fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(RULES).unwrap_or_else(|problems| panic!("{problems:?}"))))
}

fn options(partitions: usize) -> PipelineOptions {
    PipelineOptions { partitions, workers: 1, ..PipelineOptions::default() }
}

/// Feeds lines in pieces of `piece` lines.
fn feed(pipeline: &mut Pipeline, lines: &[String], piece: usize) {
    for lines in lines.chunks(piece) {
        pipeline.feed(lines.concat().as_bytes(), &mut |_| {}, &mut Vec::new());
    }
}

fn report(pipeline: &mut Pipeline, until: Timestamp) -> GrowthReport {
    pipeline.advance_to(until, &mut Vec::new());
    pipeline.growth(Some(until)).expect("there are numbers")
}

fn end(pipeline: &mut Pipeline, until: Timestamp) -> GrowthNumbers {
    report(pipeline, until).numbers
}

/// Events of some users and visitors over 70 days, partly out of order; some are sent twice.
fn calls() -> impl Strategy<Value = Vec<GrowthCall>> {
    const NAMES: [&str; 7] =
        ["page", "Product Viewed", "Product Added", "Order Completed", "Order Completed", "Order Refunded", "identify"];
    let one = (
        (0i64..70, 0i64..DAY, prop_oneof![8 => Just(0i64), 1 => 0i64..50]),
        (0u8..5, 0u8..4, 0u8..6),
        prop::sample::select(&NAMES[..]),
        prop::sample::select(&[None, Some("google"), Some("newsletter"), Some("other.example")][..]),
        (1i64..500, any::<bool>(), prop::bool::weighted(0.1)),
    );
    prop::collection::vec(one, 1..120).prop_map(|drawn| {
        let mut drawn: Vec<_> = drawn.into_iter().enumerate().collect();
        drawn.sort_by_key(|(_, ((day, at, _), ..))| (*day, *at));
        let mut calls = Vec::new();
        for (index, ((day, at, late), (user, visitor, who), name, source, (value, coupon, twice))) in drawn {
            let call = GrowthCall {
                // No two at the same time, so that the first never depends on the order.
                ms: (START + (day - late) * DAY + at) / 1_000 * 1_000 + index as i64,
                user: (who < 4).then(|| format!("u{user}")),
                visitor: (who % 3 != 1 || who > 3).then(|| format!("a{visitor}")),
                name,
                source,
                value: value * 1_010_000,
                coupon,
                message: index as u32,
            };
            calls.extend((0..=u8::from(twice)).map(|_| call.clone()));
        }
        calls
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn numbers_agree_with_a_count_over_the_whole_log(calls in calls()) {
        let lines: Vec<String> = calls.iter().map(GrowthCall::line).collect();
        let until = Timestamp(START + 75 * DAY);
        let mut pipeline = Pipeline::new(plan(), options(4)).expect("threads start");
        feed(&mut pipeline, &lines, 7);
        let numbers = end(&mut pipeline, until);
        prop_assert_eq!(&numbers.channels, &CHANNELS);
        let zone = TimeZone::get(ZONE).expect("a zone");
        let expected = count(&calls, &zone, numbers.today.date());
        prop_assert_eq!(reported(&numbers), expected);
        prop_assert_eq!(reported_funnels(&numbers), funnels(&calls, &zone, numbers.today.date()));
        let counts = pipeline.totals().counts;
        for (at, [entered, left]) in counts.transitions.iter().enumerate() {
            let gone = left + counts.merged_out[at] + counts.dropped_out[at];
            prop_assert_eq!(entered - gone, counts.sizes[at], "who entered segment {} is somewhere", at);
        }
        for day in &numbers.days {
            let sum: u64 = day.by_channel.iter().map(|tally| tally.sessions).sum();
            prop_assert_eq!(day.all.sessions, sum);
        }
        // On earlier days, visitors who were merged later are still in stages, and not among the known users.
        let last = numbers.days.last().expect("today");
        let sizes: u64 = last.stage_sizes.iter().sum();
        prop_assert!(sizes <= last.known_users, "{} in stages of {} known", sizes, last.known_users);
    }

    #[test]
    fn active_users_count_in_their_stage_at_the_start_of_the_day(calls in calls()) {
        // Users only, and in order: otherwise the stage depends on the order of arrival.
        let mut calls: Vec<GrowthCall> = calls.into_iter().filter(|call| call.user.is_some()).collect();
        calls.iter_mut().for_each(|call| call.visitor = None);
        calls.sort_by_key(|call| call.ms);
        let zone = TimeZone::get(ZONE).expect("a zone");
        let mut pipeline = Pipeline::new(plan(), options(3)).expect("threads start");
        let mut outputs = Vec::new();
        for call in &calls {
            pipeline.feed(call.line().as_bytes(), &mut |_| {}, &mut outputs);
        }
        let until = Timestamp(START + 75 * DAY);
        pipeline.advance_to(until, &mut outputs);
        let numbers = pipeline.growth(Some(until)).expect("there are numbers").numbers;
        let rules = &pipeline.plan().rules;
        let stages = ["fresh", "here", "gone"];
        let mut expected: BTreeMap<(Date, usize), u64> = BTreeMap::new();
        let active: BTreeSet<(&str, Date)> = calls.iter().map(|call| {
            let at = jiff::Timestamp::from_millisecond(call.ms).expect("in range").to_zoned(zone.clone());
            (call.user.as_deref().expect("a user"), at.date())
        }).collect();
        for (user, day) in active {
            let began = day.to_zoned(zone.clone()).expect("a day").timestamp().as_millisecond();
            let mut is_in = [false; 3];
            for output in outputs.iter().filter(|output| &*output.user == user && output.at.0 < began) {
                if let OutputKind::Transition { segment, change, .. } = &output.decided
                    && let Some(stage) = stages.iter().position(|id| *id == rules.segments[usize::from(segment.0)].id)
                {
                    is_in[stage] = *change == TransitionKind::Enter;
                }
            }
            if let Some(stage) = is_in.iter().position(|is_in| *is_in) {
                *expected.entry((day, stage)).or_default() += 1;
            }
        }
        let reported = numbers.days.iter().flat_map(|day| {
            let stages = day.active_by_stage.iter().enumerate().filter(|(_, users)| **users > 0);
            stages.map(move |(stage, users)| ((day.day.date(), stage), *users))
        });
        prop_assert_eq!(reported.collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn numbers_do_not_depend_on_batches_partitions_and_restarts(calls in calls(), cut in 0.0f64..1.0, again in 0.0f64..1.0, piece in 1usize..40) {
        let lines: Vec<String> = calls.iter().map(GrowthCall::line).collect();
        let until = Timestamp(START + 75 * DAY);
        let mut whole = Pipeline::new(plan(), options(1)).expect("threads start");
        feed(&mut whole, &lines, lines.len());
        let expected = report(&mut whole, until);

        let mut pipeline = Pipeline::new(plan(), options(5)).expect("threads start");
        let mut fed = 0;
        for (at, partitions) in [(cut.min(again), 3), (cut.max(again), 64)] {
            let at = (lines.len() as f64 * at) as usize;
            feed(&mut pipeline, &lines[fed..at], piece);
            fed = at;
            let saved = pipeline.encode_checkpoint();
            let restored = RestoredPipeline::read(&plan(), &[&saved]).unwrap_or_else(|(_, error)| panic!("{error}"));
            pipeline = Pipeline::restore(plan(), options(partitions), restored).expect("it was saved so");
            prop_assert_eq!(pipeline.position(), fed as u64);
        }
        feed(&mut pipeline, &lines[fed..], piece);
        prop_assert_eq!(&report(&mut pipeline, until), &expected);
        let mut other = Pipeline::new(plan(), options(64)).expect("threads start");
        feed(&mut other, &lines, piece);
        prop_assert_eq!(&report(&mut other, until), &expected);
        prop_assert!(other.encode_checkpoint() == pipeline.encode_checkpoint(), "the states differ");
    }
}

/// Two years of one user a day, each with a day of return a week later.
fn long_log() -> Vec<String> {
    let mut calls = Vec::new();
    for day in 0..730i64 {
        for (user, at) in [(Some(day), 1), (day.checked_sub(7).filter(|user| *user >= 0), 2)] {
            let Some(user) = user else { continue };
            calls.push(GrowthCall {
                ms: START + day * DAY + at * 1_000,
                user: Some(format!("u{user}")),
                visitor: None,
                name: if at == 2 { "Order Completed" } else { "page" },
                source: None,
                value: 2_500_000,
                coupon: false,
                message: (day * 2 + at) as u32,
            });
        }
    }
    calls.iter().map(GrowthCall::line).collect()
}

/// The day starts in one stage, and the first event of the day moves the user to another.
#[test]
fn stage_that_changes_during_a_day_does_not_count_for_that_day() {
    let call = |day: i64, hours: i64, message: u32| GrowthCall {
        ms: START + day * DAY + hours * 3_600_000,
        user: Some("u".to_owned()),
        visitor: None,
        name: "page",
        source: None,
        value: 0,
        coupon: false,
        message,
    };
    let mut pipeline = Pipeline::new(plan(), options(1)).expect("threads start");
    // `gone` after five days, at noon UTC; back an hour later.
    feed(&mut pipeline, &[call(0, 0, 1).line(), call(5, 1, 2).line(), call(6, 0, 3).line()], 1);
    let numbers = end(&mut pipeline, Timestamp(START + 8 * DAY));
    assert_eq!(numbers.stages, [Stage::New, Stage::Active, Stage::Churned]);
    let by_stage: Vec<&[u64]> = [0, 5, 6].map(|day| numbers.days[day].active_by_stage.as_slice()).to_vec();
    assert_eq!(by_stage, [[0, 0, 0], [0, 1, 0], [0, 1, 0]]);
}

/// A window counts each user once, on however many days funnels were started; each day counts them once, too.
#[test]
fn funnels_count_users_once_per_window_and_once_per_day() {
    let mut lines = Vec::new();
    for day in 0..35i64 {
        for (user, names) in [("often", &["Product Viewed", "Product Added"][..]), ("seldom", &["Product Viewed"])] {
            for (at, name) in names.iter().enumerate().filter(|_| user == "often" || day < 4) {
                let call = GrowthCall {
                    ms: START + day * DAY + at as i64 * 60_000,
                    user: Some(user.to_owned()),
                    visitor: None,
                    name,
                    source: None,
                    value: 0,
                    coupon: false,
                    message: lines.len() as u32,
                };
                lines.push(call.line());
            }
        }
    }
    let mut pipeline = Pipeline::new(plan(), options(2)).expect("threads start");
    feed(&mut pipeline, &lines, 5);
    let numbers = end(&mut pipeline, Timestamp(START + 34 * DAY));
    let users = |numbers: &GrowthNumbers| numbers.funnels[0].steps.iter().map(|step| step.users).collect::<Vec<_>>();
    // The fourth day is no longer among the 30 days up to yesterday.
    assert_eq!((users(&numbers), numbers.funnels[0].days[3].users.as_slice()), (vec![1, 1, 0], &[2, 1, 0][..]));
    let earlier = end(&mut Pipeline::new(plan(), options(2)).expect("threads start"), Timestamp(START));
    assert_eq!(users(&earlier), [0, 0, 0]);
    let mut pipeline = Pipeline::new(plan(), options(2)).expect("threads start");
    feed(&mut pipeline, &lines[..40], 5);
    let numbers = end(&mut pipeline, Timestamp(START + 33 * DAY));
    assert_eq!(users(&numbers), [2, 1, 0], "the fourth day is the first of 30");
    assert_eq!(numbers.funnels[0].steps[1].from_first.rate(), Some(0.5));
}

#[test]
fn promotion_is_compared_with_the_same_hours_a_week_earlier() {
    let buy = |hours: i64, message: u32| GrowthCall {
        ms: START + hours * 3_600_000,
        user: Some(format!("u{message}")),
        visitor: None,
        name: "Order Completed",
        source: None,
        value: 5_000_000,
        coupon: false,
        message,
    };
    // An order every hour. The promotion starts on the 10th, at midnight in New York: 9 days less 8 hours later.
    let lines: Vec<String> = (0..9 * 24 + 40).map(|hour| buy(hour, hour as u32).line()).collect();
    let starts = 8 * 24 + 16;
    for (hours, during) in [(starts, None), (starts + 30, Some(30)), (starts + 24 * 2 + 6 + 40, Some(24 * 2 + 6))] {
        let mut pipeline = Pipeline::new(plan(), options(2)).expect("threads start");
        let known = lines.len().min(usize::try_from(hours).expect("hours") + 1);
        feed(&mut pipeline, &lines[..known], 50);
        let numbers = end(&mut pipeline, Timestamp(START + hours * 3_600_000));
        let promotion = &numbers.promotions[0];
        let orders = |window: Option<WindowTotals>| window.map(|window| window.orders);
        assert_eq!(orders(promotion.during.now).is_some(), during.is_some(), "{hours}");
        if let Some(during) = during {
            assert_eq!(promotion.during.hours, during as u32);
            let bought = (lines.len() as i64 - starts).min(during);
            assert_eq!(orders(promotion.during.now), Some(bought as u64), "{hours}");
            // A week earlier was on Tuesday, the 3rd, and clocks went forward on the 8th.
            assert_eq!(orders(promotion.during.week_earlier), Some(during as u64), "{hours}");
        }
        let is_over = hours > starts + 24 * 2 + 6;
        assert_eq!(promotion.after.now.is_some(), is_over, "{hours}");
        // The first event was on the 1st: nothing is known of the week before the hours before the promotion.
        assert_eq!((orders(promotion.before.week_earlier), promotion.before.hours), (None, 54));
    }
}

#[test]
fn days_older_than_400_are_summed_into_known_counts() {
    let mut pipeline = Pipeline::new(plan(), options(2)).expect("threads start");
    let lines = long_log();
    feed(&mut pipeline, &lines, 50);
    let until = Timestamp(START + 729 * DAY + 3_600_000);
    let numbers = end(&mut pipeline, until);
    assert_eq!(numbers.days.len(), 400);
    let last = &numbers.days[398];
    assert_eq!((last.known_users, last.known_buyers, last.all.active), (729, 722, 2));
    assert_eq!((last.all.active_7d, last.all.active_30d, last.all.buyers_30d), (14, 37, 30));
    assert!(numbers.retention.days.iter().all(|cohort| cohort.active[0] == 1));
    assert_eq!(numbers.retention.day_7.rate(), Some(1.0));
    assert_eq!(numbers.retention.day_1.rate(), Some(0.0));
    // Late events of days that are no longer reported change only the known counts.
    let late = GrowthCall {
        ms: START + DAY,
        user: Some("late".to_owned()),
        visitor: None,
        name: "page",
        source: None,
        value: 0,
        coupon: false,
        message: 1 << 20,
    };
    feed(&mut pipeline, &[late.line()], 1);
    let report = pipeline.growth(Some(until)).expect("numbers");
    let after = &report.numbers;
    assert_eq!(after.days[398].known_users, 730);
    assert_eq!(after.days[398].all, last.all);
    let saved = pipeline.encode_checkpoint();
    let restored = RestoredPipeline::read(&plan(), &[&saved]).unwrap_or_else(|(_, error)| panic!("{error}"));
    let restored = Pipeline::restore(plan(), options(2), restored).expect("it was saved so");
    assert_eq!(restored.growth(Some(until)), Some(report));
}

#[test]
fn rules_change_keeps_common_channels_stages_and_funnels() {
    let mut pipeline = Pipeline::new(plan(), options(2)).expect("threads start");
    let lines = long_log();
    feed(&mut pipeline, &lines[..200], 50);
    let until = pipeline.watermark() + Span(5_000);
    let before = pipeline.growth(Some(until)).expect("numbers").numbers;
    let changed = RULES
        .replace(r#"email = ["newsletter"]"#, r#"social = ["tiktok"]"#)
        .replace("within = \"2d\"", "within = \"3d\"")
        .replace(
            "[[promotions]]",
            "[[funnels]]\nid = \"more\"\nsteps = [\"view\", \"order\"]\nwithin = \"1d\"\n[[promotions]]",
        );
    let next = Arc::new(ExecutionPlan::new(rules::compile(&changed).unwrap_or_else(|problems| panic!("{problems:?}"))));
    pipeline.change_rules(next, &mut Vec::new());
    let after = pipeline.growth(Some(until)).expect("numbers").numbers;
    assert_eq!(after.channels, ["search", "social", "direct", "other"]);
    for (before, after) in before.days.iter().zip(&after.days) {
        assert_eq!((before.all, before.known_users), (after.all, after.known_users), "{}", before.day);
    }
    assert_eq!(before.funnels[1], after.funnels[1], "the funnel that is in both goes on");
    assert!(after.funnels[0].days.iter().all(|day| day.users.iter().all(|users| *users == 0)));
    feed(&mut pipeline, &lines[200..220], 50);
    let mut unchanged = Pipeline::new(plan(), options(2)).expect("threads start");
    feed(&mut unchanged, &lines[..220], 50);
    let numbers = |pipeline: &Pipeline| pipeline.growth(None).expect("numbers").numbers;
    let (went_on, expected) = (numbers(&pipeline), numbers(&unchanged));
    for (went_on, expected) in went_on.days.iter().zip(&expected.days) {
        assert_eq!(went_on.all, expected.all, "{}", expected.day);
    }
    // Days of another time zone are other days: everything starts empty.
    let moved = RULES.replace(ZONE, "Asia/Tokyo");
    let moved = Arc::new(ExecutionPlan::new(rules::compile(&moved).unwrap_or_else(|problems| panic!("{problems:?}"))));
    pipeline.change_rules(moved, &mut Vec::new());
    let numbers = pipeline.growth(None).expect("numbers").numbers;
    assert_eq!(numbers.days.last().map(|day| day.known_users), Some(0));
}
