//! A catalogue that says every night what it said before.

use std::time::Instant;

use rekindle_core::rules::ruleset::TableId;
use rekindle_core::time::Span;

use super::catalogue::{self, PRICE_FALLS};
use crate::engine::passes::pipeline;
use crate::error::Error;
use crate::figures::Spread;
use crate::synthetic_users::BEGIN;
use crate::workload;

/// From one night to the next.
const DAY: Span = Span(86_400_000);
/// People with keys of these products.
const PEOPLE: u32 = 10_000;

/// The seconds of processing it, from its first row to the end of the beat in which its last is taken.
pub(super) fn measure(products: u32, rounds: u32) -> Result<Spread, Error> {
    let plan = workload::compile(PRICE_FALLS)?;
    let mut pipeline = pipeline(&plan, None, 0)?;
    let (mut outputs, mut out) = (Vec::new(), catalogue::idle_viewers(0..PEOPLE));
    pipeline.feed(&out, &mut |_| {}, &mut outputs);
    let mut seconds = Vec::new();
    for night in 0..=rounds {
        let at = BEGIN + Span(DAY.0 * i64::from(night));
        out.clear();
        // Somebody's event two seconds later ends the beat.
        catalogue::rows(0..products, 60, at, &mut out);
        catalogue::view(PEOPLE, 1, at + Span(2_000), &mut out);
        let began = Instant::now();
        pipeline.feed(&out, &mut |_| {}, &mut outputs);
        seconds.push(began.elapsed().as_secs_f64());
    }
    let known = pipeline.rows().map_or(0, |rows| rows.rows().len_of(TableId(0)));
    if known != products as usize {
        return Err(Error::Unreadable(format!("{known} of {products} rows are known")));
    }
    // In the first night they were new.
    seconds.remove(0);
    Ok(Spread::of(seconds))
}
