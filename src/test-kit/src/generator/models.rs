//! Random models of purchases.

use std::fmt::{self, Write as _};

use super::conditions::choose;
use super::picks::Picks;
use super::rules::optional;

const KINDS: &[&str] = &["mbg_nbd", "bg_nbd"];
const MIN_GAPS: &[&str] = &["1ms", "1s", "1h", "90s", "", "6h"];
/// Short ones, so that users are lost before the log ends.
const UNITS: &[&str] = &["1h", "90s", "1d", "7d", "5m"];
const R: &[&str] = &["0.525", "0.243", "2", "0.05", "10"];
const ALPHA: &[&str] = &["6.183", "4.414", "0.5", "100"];
/// With every `b` more than 1.
const A: &[&str] = &["0.891", "0.793", "2.5", "0.6", "1"];
const B: &[&str] = &["1.614", "2.426", "0.5", "5"];
const VALUES: &[&str] = &["total", "price", "", "worth"];
const SPENDING: &[&str] =
    &["p = 6.25\nq = 3.74\ngamma = 15.44", "p = 2\nq = 0.5\ngamma = 1", "p = 0.3\nq = 1\ngamma = 100"];

/// Bytes of choices of a model.
pub(crate) const MODEL_CHOICES: usize = 10;

/// A model that conditions may speak of.
#[derive(Clone, Debug)]
pub(crate) struct ModelName {
    pub(crate) id: String,
    /// Whether it knows what purchases are worth.
    pub(crate) has_value: bool,
}

/// Writes an entry of `[[models]]`.
pub(crate) fn write_model(
    text: &mut String,
    id: String,
    choices: &[u8],
    names: &[Option<String>],
) -> Result<ModelName, fmt::Error> {
    let mut picks = Picks::new(choices);
    let (on, kind) = (choose(names, &mut picks), picks.pick(KINDS));
    writeln!(text, "\n[[models]]\nid = \"{id}\"\nkind = \"{kind}\"\non = \"{on}\"\nunit = \"{}\"", picks.pick(UNITS))?;
    optional(text, "min_gap", picks.pick(MIN_GAPS))?;
    for (key, pool) in [("r", R), ("alpha", ALPHA), ("a", A), ("b", B)] {
        writeln!(text, "{key} = {}", picks.pick(pool))?;
    }
    let value = picks.pick(VALUES);
    if !value.is_empty() {
        writeln!(text, "value = \"{value}\"\n{}", picks.pick(SPENDING))?;
    }
    Ok(ModelName { id, has_value: !value.is_empty() })
}
