//! The rules that a measurement runs with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;

use crate::error::Error;

/// W1: the rules that other engines were measured with as well.
pub(crate) const W1: &str = include_str!("../w1/rules.toml");

/// Added to W1's rules, so that there is something that campaigns do.
const REMINDER: &str = r#"
    [[campaigns]]
    id = "cart_reminder"
    on = "enter:cart_abandoned"
    channel = "email"
    cooldown = "3d"
"#;

/// W1 with a campaign.
pub(crate) fn w1_with_campaign() -> String {
    format!("{W1}{REMINDER}")
}

/// Rules and their text: those of the file, or W1's.
pub(crate) fn read(path: Option<&Path>) -> Result<(String, Arc<ExecutionPlan>), Error> {
    let text = match path {
        Some(path) => fs::read_to_string(path).map_err(Error::file("read", path))?,
        None => W1.to_owned(),
    };
    let plan = compile(&text)?;
    Ok((text, plan))
}

/// The execution plan of a rules text.
pub(crate) fn compile(text: &str) -> Result<Arc<ExecutionPlan>, Error> {
    let rules = rules::compile(text).map_err(|problems| {
        Error::Unreadable(rekindle_core::diagnostics::render("the rules", text, &problems, false))
    })?;
    Ok(Arc::new(ExecutionPlan::new(rules)))
}
