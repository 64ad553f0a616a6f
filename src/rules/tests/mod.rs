//! What the front end makes of rules files: the plans of right ones, the problems of wrong ones.

mod plans;

use super::compile;
use super::program::{Condition, Ruleset};

/// Compiles, or fails with the problems drawn.
fn compiled(text: &str) -> Ruleset {
    match compile(text) {
        Ok(rules) => rules,
        Err(problems) => panic!("{}", super::render::render("rules.toml", text, &problems, false)),
    }
}

/// Rules with one segment, whose `when` this is.
fn rules_with(when: &str) -> String {
    format!(
        "[events]\nview = \"Product Viewed\"\ncart = \"Product Added\"\norder = \"Order Completed\"\n\n\
         [[segments]]\nid = \"s\"\nwhen = \"\"\"{when}\"\"\"\n"
    )
}

/// The compiled form of a condition.
fn condition(when: &str) -> Condition {
    compiled(&rules_with(when)).segments.remove(0).when
}
