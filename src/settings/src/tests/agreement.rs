//! What `[source]` and `[output]` must agree on.

use rstest::rstest;

use super::{load, only_mistake, read};

#[rstest]
#[case::default_subjects("[output]\nprefix = 'events'", "outputs go to `events.>`", "'events'")]
#[case::deeper("[output]\nprefix = 'events.out'", "an endless loop", "'events.out'")]
#[case::everything("[source]\nsubjects = ['>']\n", "events are read from `>`", "['>']")]
#[case::tick_is_event(
    "[source]\nsubjects = ['a', 't']\ntick_subject = 't'",
    "`t` is the subject of ticks and of events",
    "'t'"
)]
#[case::tick_is_output(
    "[source]\ntick_subject = 'rekindle.actions.email.x'",
    "`rekindle.actions.email.x` is the subject of ticks and of outputs",
    "'rekindle.actions.email.x'"
)]
#[case::prefix_onto_tick(
    "[output]\nprefix = 'a'\n[source]\ntick_subject = 'a.dead'",
    "`a.dead` is the subject of ticks and of outputs",
    "'a.dead'"
)]
#[case::forget_is_event(
    "[source]\nsubjects = ['a', 'f']\nforget_subject = 'f'",
    "`f` is the subject of requests to forget and of events",
    "'f'"
)]
#[case::forget_is_output(
    "[source]\nforget_subject = 'rekindle.merged'",
    "`rekindle.merged` is the subject of requests to forget and of outputs",
    "'rekindle.merged'"
)]
#[case::forget_is_tick(
    "[source]\nforget_subject = 'rekindle.tick'",
    "`rekindle.tick` is the subject of ticks and of requests to forget",
    "'rekindle.tick'"
)]
#[case::one_stream("[output]\nstream = 'EVENTS'", "`EVENTS` is the stream of events and of outputs", "'EVENTS'")]
#[case::one_dead_stream(
    "[source]\nstream = 'REKINDLE_DEAD'",
    "is the stream of events and of outputs",
    "'REKINDLE_DEAD'"
)]
#[case::dead_in_output("[output]\ndead_stream = 'REKINDLE'", "of outputs and of dead letters", "'REKINDLE'")]
fn settings_that_contradict_each_other_are_refused(
    #[case] text: &str,
    #[case] message: &str,
    #[case] underlined: &str,
) {
    let (found, span, help) = only_mistake(text);
    assert!(found.contains(message), "{found}");
    assert_eq!(span, underlined);
    assert!(!help.is_empty());
}

#[test]
fn what_only_looks_alike_is_accepted() {
    read("[source]\ntick_subject = 'events.tick'\nforget_subject = 'events.forget'");
    read("[output]\nprefix = 'eventsx'\n[source]\ntick_subject = 'eventsx.tick'");
    read("[output]\nprefix = 'a.b'\n[source]\nsubjects = ['a.*']");
    read("[source]\nkind = 'nats'\n[output]\nstream = 'EVENTS'");
    read("[output]\njetstream = false\nstream = 'X'\ndead_stream = 'X'");
}

#[test]
fn a_contradiction_with_a_variable_is_shown_at_the_variable() {
    let mistakes = load("[source]\nsubjects = ['shop.>']", &[("REKINDLE_OUTPUT_PREFIX", "shop")]).unwrap_err();
    assert_eq!(mistakes.in_file, []);
    assert_eq!(mistakes.in_variables[0].variable, "REKINDLE_OUTPUT_PREFIX");
}

#[test]
fn what_cannot_be_read_contradicts_nothing() {
    let (message, _, _) = only_mistake("[source]\nsubjects = ['a b']\n[output]\nprefix = 'events'");
    assert!(message.contains("blank"), "{message}");
}
