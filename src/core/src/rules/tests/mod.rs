//! What the front end makes of rules files: the plans of right ones, the problems of wrong ones.

mod explained;
mod growth;
mod mistakes_in_adapt;
mod mistakes_in_budgets;
mod mistakes_in_campaigns;
mod mistakes_in_conditions;
mod mistakes_in_consent;
mod mistakes_in_files;
mod mistakes_in_goals;
mod mistakes_in_groups;
mod mistakes_in_history;
mod mistakes_in_models;
mod mistakes_in_moments;
mod mistakes_in_picks;
mod mistakes_in_points;
mod mistakes_in_ranks;
mod mistakes_in_tables;
mod plans;
mod schema;

use super::compile;
use super::ruleset::{Condition, Ruleset};

/// Compiles, or fails with the problems drawn.
fn compiled(text: &str) -> Ruleset {
    match compile(text) {
        Ok(rules) => rules,
        Err(problems) => panic!("{}", crate::diagnostics::render("rules.toml", text, &problems, false)),
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

/// The problems of a text: message, text underlined, help.
fn problems(text: &str) -> Vec<(String, String, String)> {
    // Not expect_err: it would print the whole plan.
    let Err(problems) = compile(text) else { panic!("the rules have no mistake") };
    problems.into_iter().map(|problem| (problem.message, text[problem.span].to_owned(), problem.help)).collect()
}

/// The only problem of a text.
fn only_problem(text: &str) -> (String, String, String) {
    let mut problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}
