//! How well a model predicts: what it expects of customers, fitted without the last part, against what they bought in it.

use super::maximum::{self, FittedPurchases};
use super::purchases::CustomerPurchases;
use super::{FitArgs, FitError};
use crate::cli::CliError;
use rekindle_core::time::{Span, Timestamp};

/// Customers with more purchases than this after the first are one row.
const REPEATS_SHOWN: u64 = 7;

/// The comparison.
#[derive(Debug)]
pub(super) struct HoldoutCheck {
    /// When the held-out part begins.
    pub(super) from: Timestamp,
    pub(super) fitted: FittedPurchases,
    /// By the number of purchases after the first before it, ascending.
    pub(super) rows: Vec<HoldoutRow>,
}

/// Customers who had bought equally often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HoldoutRow {
    /// Purchases after the first; in the last row, that number or more.
    pub(super) repeats: u64,
    pub(super) is_last: bool,
    pub(super) customers: u64,
    /// Purchases in the held-out part, of all of them.
    pub(super) expected: f64,
    pub(super) actual: u64,
}

impl HoldoutCheck {
    pub(super) fn new(
        args: &FitArgs,
        rules: &str,
        known: &CustomerPurchases,
        length: Span,
    ) -> Result<HoldoutCheck, CliError> {
        let from = known.until - length;
        let before = match CustomerPurchases::read(args, rules, Some(from)) {
            Err(CliError::Fit(FitError::NoPurchases(_))) => {
                return Err(FitError::HoldoutTooLong { holdout: length, from }.into());
            }
            before => before?,
        };
        let fitted = maximum::of_purchases(args.kind, &before.histories())?;
        let after = known.repeats_by_id();
        let time = length.0 as f64 / args.unit.0 as f64;
        let mut rows: Vec<HoldoutRow> = (0..=REPEATS_SHOWN)
            .map(|repeats| HoldoutRow { repeats, is_last: repeats == REPEATS_SHOWN, ..HoldoutRow::default() })
            .collect();
        // A fixed order of sums.
        let mut customers: Vec<_> = before.customers.iter().collect();
        customers.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        for customer in customers {
            // Who was merged into another user since is not there any more.
            let Some(repeats) = after.get(&*customer.id) else { continue };
            let row = &mut rows[customer.history.repeats.min(REPEATS_SHOWN) as usize];
            row.customers += 1;
            row.expected += fitted.model.expected(customer.history, time).unwrap_or(0.0);
            row.actual += repeats.saturating_sub(customer.history.repeats);
        }
        rows.retain(|row| row.customers > 0);
        Ok(HoldoutCheck { from, fitted, rows })
    }
}
