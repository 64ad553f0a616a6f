//! What was fitted, as text with a block for the rules, or as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::holdout::{HoldoutCheck, HoldoutRow};
use super::maximum::FittedPurchases;
use super::{FitArgs, FitResult};
use crate::cli::summary::grouped;
use rekindle_core::models::SpendModel;

/// The length of the longest bar.
const BAR_CHARACTERS: f64 = 40.0;

/// One JSON object.
pub(super) fn json(args: &FitArgs, result: &FitResult) -> String {
    let FittedPurchases { model, log_likelihood, iterations } = result.purchases;
    let spending = result.spending.as_ref();
    let gamma_gamma = spending.and_then(|fitted| fitted.as_ref().ok()).map(|fitted| {
        let SpendModel { p, q, gamma } = fitted.model;
        json!({
            "p": p, "q": q, "gamma": gamma, "log_likelihood": fitted.log_likelihood, "customers": fitted.customers,
        })
    });
    let document = json!({
        "kind": model.kind.name(),
        "unit": args.unit.to_string(),
        "min_gap": args.min_gap.to_string(),
        "event": args.event,
        "value": args.value,
        "until": result.until.to_string(),
        "r": model.r,
        "alpha": model.alpha,
        "a": model.a,
        "b": model.b,
        "log_likelihood": log_likelihood,
        "iterations": iterations,
        "customers": result.customers,
        "repeat_customers": result.repeat_customers,
        "gamma_gamma": gamma_gamma,
        "gamma_gamma_problem": spending.and_then(|fitted| fitted.as_ref().err()).map(ToString::to_string),
        "holdout": result.holdout.as_ref().map(holdout_json),
    });
    document.to_string()
}

fn holdout_json(check: &HoldoutCheck) -> Value {
    let row = |row: &HoldoutRow| {
        json!({
            "repeats": row.repeats, "or_more": row.is_last, "customers": row.customers, "expected": row.expected,
            "actual": row.actual,
        })
    };
    let model = check.fitted.model;
    json!({
        "from": check.from.to_string(),
        "r": model.r,
        "alpha": model.alpha,
        "a": model.a,
        "b": model.b,
        "expected": expected(check),
        "actual": actual(check),
        "by_repeats": check.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn expected(check: &HoldoutCheck) -> f64 {
    check.rows.iter().map(|row| row.expected).sum()
}

fn actual(check: &HoldoutCheck) -> u64 {
    check.rows.iter().map(|row| row.actual).sum()
}

/// Lines of comment, and the block between them that can be pasted into the rules.
pub(super) fn text(args: &FitArgs, result: &FitResult) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(&mut out, args, result);
    out.truncate(out.trim_end().len());
    out
}

fn write_text(out: &mut String, args: &FitArgs, result: &FitResult) -> std::fmt::Result {
    let FittedPurchases { model, log_likelihood, iterations } = result.purchases;
    writeln!(
        out,
        "# {} customers until {}, of whom {} bought again; log-likelihood {log_likelihood:.2} after {iterations} iterations",
        grouped(result.customers),
        result.until,
        grouped(result.repeat_customers),
    )?;
    writeln!(out, "[[models]]\nid = \"{}\"\nkind = \"{}\"", args.id, model.kind.name())?;
    match args.rules.is_some() || args.event == "order" {
        true => writeln!(out, "on = \"{}\"", args.event)?,
        false => writeln!(out, "on = \"order\"    # the name in [events] of {:?}", args.event)?,
    }
    writeln!(out, "min_gap = \"{}\"\nunit = \"{}\"", args.min_gap, args.unit)?;
    for (key, value) in [("r", model.r), ("alpha", model.alpha), ("a", model.a), ("b", model.b)] {
        writeln!(out, "{key} = {}", digits(value))?;
    }
    match (&result.spending, &args.value) {
        (Some(Ok(spending)), Some(value)) => {
            writeln!(out, "value = \"{value}\"")?;
            let SpendModel { p, q, gamma } = spending.model;
            for (key, value) in [("p", p), ("q", q), ("gamma", gamma)] {
                writeln!(out, "{key} = {}", digits(value))?;
            }
        }
        (Some(Err(problem)), _) => writeln!(out, "# no clv(…): {problem}")?,
        _ => {}
    }
    result.holdout.as_ref().map_or(Ok(()), |check| write_holdout(out, check))
}

/// Seven significant digits: more than the data say.
fn digits(value: f64) -> String {
    let places = (6 - value.abs().log10().floor() as i32).clamp(1, 15) as usize;
    format!("{value:.places$}")
}

fn write_holdout(out: &mut String, check: &HoldoutCheck) -> std::fmt::Result {
    writeln!(
        out,
        "\n# Fitted without what came after {}: {:.1} purchases expected since then, {} made",
        check.from,
        expected(check),
        grouped(actual(check)),
    )?;
    writeln!(out, "# mean purchases since then, by the number of earlier purchases after the first")?;
    let mean = |row: &HoldoutRow| [row.expected, row.actual as f64].map(|sum| sum / row.customers as f64);
    let longest = check.rows.iter().flat_map(mean).fold(f64::MIN_POSITIVE, f64::max);
    for row in &check.rows {
        let label = format!("{}{}", row.repeats, if row.is_last { "+" } else { "" });
        for (what, mean, label) in [("expected", mean(row)[0], label.as_str()), ("actual", mean(row)[1], "")] {
            let mark = if what == "expected" { "░" } else { "█" };
            let bar = mark.repeat((mean / longest * BAR_CHARACTERS).round() as usize);
            let customers = if label.is_empty() { String::new() } else { grouped(row.customers) };
            writeln!(out, "# {label:>3} {customers:>9} {what:<8} {mean:>8.3} {bar}")?;
        }
    }
    Ok(())
}
